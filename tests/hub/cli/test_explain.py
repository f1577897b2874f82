"""`hub explain` as a person types it: a receivable in Kingdee, back to the contract in the CRM, and the CRM's own."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import HubError
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Intent, claim, intend
from hub.ledger.database import Database
from hub.ledger.settle import Ended, Outcome, settle
from hub.mapping import parse_mapping
from hub.registry import discover
from hub.sdk import Made
from tests.core_crm.samples import approved
from tests.core_crm.works import Works
from tests.hub.cli.conftest import MAPPINGS

ORIGIN = "crm/contract__kingdee_receivable.yaml"
MAPPING = parse_mapping((MAPPINGS / ORIGIN).read_text("utf-8"), ORIGIN)
ACTION = discover()["kingdee"].actions["book_receivable"]

pytestmark = pytest.mark.usefixtures("hub_of_this_test")


def plan(event: Event) -> Sequence[Owed]:
    step = ("contract-to-kingdee", 1, "kingdee", "kingdee.book_receivable", MAPPING.pin)
    return [Owed(*step, event.subject, event.subject)] if event.type == "contract.approved" else []


@pytest.fixture
def contract(migrated: Addresses) -> str:
    """A contract that is booked in Kingdee as 100010, and since then has another title; its id."""

    async def book() -> str:
        database = await Database.open(migrated.app, 2, plan)
        made = await approved(Works(database))
        async with database.unit("demo") as unit:
            (taken,) = await claim(unit, "kingdee", 10, 60)
            payload = MAPPING.apply(dict(taken.event.data))
            attempts = await intend(unit, [Intent(taken, payload)])
            outcome = Outcome(Next(State.DONE), Made(id="100010", number="AR-HT-1"))
            await settle(unit, [Ended(taken, attempts[taken.id], ACTION, payload, outcome)])
            await unit.execute("UPDATE contracts SET title = '改名' WHERE id = $1", made)
        await database.close()
        return made

    return asyncio.run(book())


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), [*words, "--tenant", "demo"])


def explained(*words: str) -> Any:
    told = hub("explain", *words, "--json")
    assert told.exit_code == 0, (told.output, told.exception)
    return json.loads(told.stdout)


def line_of(text: str) -> int:
    return next(n for n, line in enumerate(MAPPING.text.splitlines(), 1) if line.strip().startswith(text))


def test_what_was_sent_leads_back_to_the_contract(contract: str) -> None:
    told = explained("kingdee.receivable", "100010", "lines.2.amount")
    assert (told["value"], told["by"], told["written"]["source"]["connection"]) == (0.01, "mapping", "crm")
    mapping = told["written"]["mapping"]
    assert (mapping["file"], mapping["line"], mapping["runs_now"]) == (ORIGIN, line_of("amount:"), True)
    (saw,) = mapping["inputs"]
    record = {"kind": "contract", "id": contract, "field": "lines.2.amount"}
    assert saw == {"path": "contract.lines[2].amount", "value": 0.01, "record": record, "now": "0.01", "changed": False}


def test_what_changed_since_shows_beside_what_was_sent(contract: str) -> None:
    (saw,) = explained("kingdee.receivable", contract, "remark")["written"]["mapping"]["inputs"]
    assert (saw["path"], saw["value"], saw["now"]) == ("contract.title", "设备采购", "改名")
    shown = hub("explain", "kingdee.receivable", contract, "remark").stdout
    assert "现在 / now 改名" in shown
    assert f"{ORIGIN}:{line_of('remark:')} " in shown
    assert "100010" in shown


@pytest.fixture
def summed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The booking's remark is worked out of all lines, and of what no contract shows."""
    text = MAPPING.text.replace(
        "remark: { take: contract.title }",
        "remark: { take: \"join(',', [text(sum(contract.lines[].amount)), text(contract.nowhere || 'x')])\" }",
    )
    monkeypatch.setattr(f"{__name__}.MAPPING", parse_mapping(text, ORIGIN))
    monkeypatch.setattr("hub.api.explain.pinned", lambda *_: parse_mapping(text, ORIGIN))


def test_what_is_read_of_all_lines_is_held_against_all_lines_now(summed: None, contract: str) -> None:
    saw, nowhere = explained("kingdee.receivable", contract, "remark")["written"]["mapping"]["inputs"]
    assert (saw["path"], saw["record"]["field"]) == ("contract.lines[].amount", "lines[].amount")
    assert (len(saw["value"]), len(saw["now"]), saw["changed"]) == (6, 6, False)
    assert "now" not in nowhere
    assert "现在 / now" not in hub("explain", "kingdee.receivable", contract, "remark").stdout


def test_a_joined_value_names_all_it_was_made_of(contract: str) -> None:
    mapping = explained("kingdee.receivable", "100010", "bill_number")["written"]["mapping"]
    assert mapping["expression"] == "join('-', ['AR', contract.number])"
    assert [(each["path"], each["value"]) for each in mapping["inputs"]] == [("contract.number", "HT-1")]


def test_what_nobody_recorded_says_so(contract: str) -> None:
    assert explained("contract", contract, "amount")["by"] == "unknown"
    assert "没有记录" in hub("explain", "contract", contract, "amount").stdout
    refused = hub("explain", "kingdee.receivable", "100010", "lins")
    assert isinstance(refused.exception, HubError)
    assert "did you mean 'lines'" in str(refused.exception)
