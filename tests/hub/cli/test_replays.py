"""`hub deliveries replay …`, `edit`, `answer`, `force` and `hub replays …` as a person types them."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.cli.replays import moment
from hub.credentials import Vault
from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import ConfigError, HubError, Rejected
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Intent, claim, intend
from hub.ledger.database import Database
from hub.ledger.keys import create_key
from hub.ledger.settle import Ended, Outcome, settle
from hub.mapping import parse_mapping

MAPPINGS = Path(__file__).parents[3] / "mappings"
FILE = MAPPINGS / "crm/contract__kingdee_receivable.yaml"
MAPPING = parse_mapping(FILE.read_text("utf-8"), FILE.name)
GIVEN = MAPPING.examples[0].given
NO = Rejected("客户不存在", code="500", hint=Text("先建客户", "Make the customer"))


def plan(event: Event) -> Sequence[Owed]:
    """The booking alone, as its flow plans it."""
    step = ("contract-to-kingdee", 1, "kingdee", "kingdee.book_receivable", MAPPING.pin)
    return [Owed(*step, event.subject, event.subject)] if event.connection == "crm" else []


@pytest.fixture(autouse=True)
def addresses_of_hub(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "HUB_DATABASE_URL": migrated.app,
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
        "HUB_SECRET_KEY": Vault.new_key(),
        "HUB_MAPPINGS_DIR": str(MAPPINGS),
    }
    for name, value in told.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("HUB_API_KEY", raising=False)


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), [*words, "--tenant", "demo"])


def refused(*words: str) -> str:
    told = hub(*words)
    assert told.exit_code != 0
    return f"{told.output} {told.exception}"


def made(*words: str) -> Any:
    told = hub(*words, "--json")
    assert told.exit_code == 0, (told.output, told.exception)
    return json.loads(told.stdout)


def ended(addresses: Addresses, state: State, *subjects: str) -> list[str]:
    """One booking for each, attempted once and left in this state."""

    async def tell() -> list[str]:
        database = await Database.open(addresses.app, 2, plan)
        async with database.unit("demo") as unit:
            await unit.emit(*(Inbound("contract.approved", s, s, datetime.now(UTC), GIVEN) for s in subjects))
        async with database.unit("demo") as unit:
            taken = await claim(unit, "kingdee", 50, 60)
            payload = MAPPING.apply(GIVEN)
            attempts = await intend(unit, [Intent(each, payload) for each in taken])
            outcome = Outcome(Next(state), error=NO)
            await settle(unit, [Ended(each, attempts[each.id], None, payload, outcome) for each in taken])
        await database.close()
        return [each.id for each in taken]

    return asyncio.run(tell())


def key_of(addresses: Addresses, *scopes: str) -> str:
    async def tell() -> str:
        database = await Database.open(addresses.app, 2)
        async with database.unit("demo") as unit:
            key = await create_key(unit, "test", scopes)
        await database.close()
        return key

    return asyncio.run(tell())


def test_a_selection_is_looked_at_and_then_run_with_a_reason(migrated: Addresses) -> None:
    dead = ended(migrated, State.DEAD, "ctr_1", "ctr_2")
    words = ("deliveries", "replay", "--from", "2h", "--state", "dead", "--flow", "contract-to-kingdee")
    looked = hub(*words, "--where", "payload.lines[0].amount > `100`", "--dry-run")
    assert looked.exit_code == 0, (looked.output, looked.exception)
    assert all(each in looked.stdout for each in dead)
    assert looked.stdout.count("没有变化") == 2
    would = made(*words, "--text", "ctr_1", "--dry-run")
    assert (would["record"], would["changes"], would["state"]) == ("ctr_1", [], "dead")
    assert hub("deliveries", "replay", "--where", "payload.lines[0].amount > `628000`", "--dry-run").stdout == ""
    report = made(*words, "--run", "--why", "客户已补")
    assert (report["why"], report["counts"], report["who"][:4]) == ("客户已补", {"pending": 2}, "cli:")
    assert made("replays", "show", report["id"])["chosen"] == 2
    assert [each["id"] for each in made("replays", "list")] == [report["id"]]
    assert made("replays", "continue", report["id"])["state"] == "finished"
    shown = hub("replays", "show", report["id"]).stdout
    assert all(f"{each}  dead → pending" in shown for each in dead)


def test_a_run_needs_a_reason_and_a_selection_that_makes_sense() -> None:
    assert "--why" in refused("deliveries", "replay", "--state", "dead", "--run")
    assert "--dry-run" in refused("deliveries", "replay", "--state", "dead")
    assert "--dry-run" in refused("deliveries", "replay", "--state", "dead", "--run", "--dry-run", "--why", "x")
    assert "2h" in refused_hint("deliveries", "replay", "--from", "gestern", "--dry-run")
    assert "expression" in refused("deliveries", "replay", "--where", "a.[", "--dry-run")
    assert "narrows" in refused("deliveries", "replay", "--run", "--why", "all")
    assert "rpl_no" in refused("replays", "show", "rpl_no")


def refused_hint(*words: str) -> str:
    told = hub(*words)
    assert isinstance(told.exception, HubError)
    return told.exception.hint.zh


def test_one_is_replayed_as_before_or_looked_at(migrated: Addresses) -> None:
    (dead,) = ended(migrated, State.DEAD, "ctr_1")
    assert made("deliveries", "replay", dead, "--dry-run", "--mapping", "current")["mapping"] == MAPPING.pin
    assert made("deliveries", "replay", dead) == {"id": dead, "state": "pending"}
    assert made("replays", "list") == []


def test_a_payload_is_edited_from_a_file(migrated: Addresses, tmp_path: Path) -> None:
    (dead,) = ended(migrated, State.DEAD, "ctr_1")
    file = tmp_path / "payload.json"
    file.write_text('{"bill_number": 1, "canary": 2}', "utf-8")
    assert "bill_number" in refused("deliveries", "edit", dead, "--payload", str(file), "--why", "x")
    expected = yaml.safe_load(FILE.read_text("utf-8"))["examples"][0]["expect"]
    file.write_text(json.dumps({**expected, "bill_number": "AR-HT-1B"}, ensure_ascii=False), "utf-8")
    report = made("deliveries", "edit", dead, "--payload", str(file), "--why", "换单号")
    assert (report["kind"], report["counts"]) == ("edit", {"pending": 1})


def test_a_doubt_is_answered(migrated: Addresses) -> None:
    there, absent = ended(migrated, State.UNCERTAIN, "ctr_1", "ctr_2")
    assert "id there is needed" in refused("deliveries", "answer", there, "--there")
    told = made("deliveries", "answer", there, "--there", "--id", "100010", "--number", "AR-1", "--why", "seen")
    assert told == {"id": there, "state": "done"}
    assert made("deliveries", "answer", absent, "--not-there")["state"] == "pending"
    attempts = made("deliveries", "show", there)[0]["attempts_made"]
    assert attempts[-1]["error"].endswith(": seen")


def test_a_new_effect_takes_a_second_person(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    (dead,) = ended(migrated, State.DEAD, "ctr_1")
    assert "--why" in refused("deliveries", "force", dead)
    asked = made("deliveries", "force", dead, "--why", "gone there")
    assert (asked["delivery"], asked["asked_by"][:4]) == (dead, "cli:")
    assert "who asked" in refused("deliveries", "force", dead, "--confirm")
    monkeypatch.setenv("HUB_API_KEY", key_of(migrated, "deliveries:read"))
    assert "deliveries:replay" in refused("deliveries", "force", dead, "--confirm")
    monkeypatch.setenv("HUB_API_KEY", key_of(migrated, "deliveries:replay"))
    assert made("deliveries", "force", dead, "--confirm") == {"id": dead, "effect_no": 1}


def test_moments_are_spans_back_or_instants_with_a_zone() -> None:
    assert moment("") is None
    back = moment("90m")
    assert back is not None
    assert timedelta(minutes=89) < datetime.now(UTC) - back < timedelta(minutes=91)
    assert moment("2026-11-28T09:00+08:00") == datetime(2026, 11, 28, 1, tzinfo=UTC)
    for text in ("2026-11-28T09:00", "2", "h2", "-2h", "２h"):
        with pytest.raises(ConfigError):
            moment(text)
