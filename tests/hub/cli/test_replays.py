"""`hub deliveries replay …`, `edit`, `answer`, `force` and `hub replays …` as a person types them."""

import asyncio
import json
import shutil
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.cli.replays import moment
from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import ConfigError, HubError, MappingError, Rejected
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Intent, claim, intend
from hub.ledger.database import Database
from hub.ledger.keys import create_key
from hub.ledger.settle import Ended, Outcome, settle
from hub.mapping import parse_mapping
from tests.hub.cli.conftest import MAPPINGS

FILE = MAPPINGS / "crm/contract__kingdee_receivable.yaml"
MAPPING = parse_mapping(FILE.read_text("utf-8"), FILE.name)
EXAMPLE = MAPPING.examples[0].given
GIVEN = {**EXAMPLE, "customer": {**EXAMPLE["customer"], "id": "cus_1"}}
NO = Rejected("客户不存在", code="500", hint=Text("先建客户", "Make the customer"))

pytestmark = pytest.mark.usefixtures("hub_of_this_test")


def plan(event: Event) -> Sequence[Owed]:
    """The booking alone, as its flow plans it."""
    step = ("contract-to-kingdee", 1, "kingdee", "kingdee.book_receivable", MAPPING.pin)
    return [Owed(*step, event.subject, event.subject)] if event.connection == "crm" else []


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


def ended(addresses: Addresses, state: State, *subjects: str, error: HubError = NO) -> list[str]:
    """One booking for each, attempted once and left in this state."""

    async def tell() -> list[str]:
        database = await Database.open(addresses.app, 2, plan)
        async with database.unit("demo") as unit:
            await unit.emit(*(Inbound("contract.approved", s, s, datetime.now(UTC), GIVEN) for s in subjects))
        async with database.unit("demo") as unit:
            taken = await claim(unit, "kingdee", 50, 60)
            payload = MAPPING.apply(GIVEN)
            attempts = await intend(unit, [Intent(each, payload) for each in taken])
            outcome = Outcome(Next(state), error=error)
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
    assert made("deliveries", "replay", dead) == {"id": dead, "state": "pending", "mapping": MAPPING.pin}
    assert made("replays", "list") == []


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """The pin of the booking's mapping after somebody changed its file."""
    folder = shutil.copytree(MAPPINGS, tmp_path / "mappings")
    file = folder / FILE.relative_to(MAPPINGS)
    file.write_text(f"{FILE.read_text('utf-8')}# mended\n", "utf-8")
    monkeypatch.setenv("HUB_MAPPINGS_DIR", str(folder))
    return parse_mapping(file.read_text("utf-8"), file.name).pin


def test_a_mended_mapping_cures_a_dead_letter_once_it_is_asked_for(migrated: Addresses, mended: str) -> None:
    (dead,) = ended(migrated, State.DEAD, "ctr_1", error=MappingError("no such field"))
    words = "the current mapping differs: add --mapping current"
    assert words in hub("deliveries", "show", dead).stderr
    assert words in hub("deliveries", "replay", dead).stderr
    asyncio.run(at_rest_again(migrated, dead))
    told = hub("deliveries", "replay", dead, "--mapping", "current")
    assert "pending" in told.stdout
    assert mended in told.stdout
    assert words not in hub("deliveries", "show", dead).stderr
    assert made("deliveries", "show", dead)[0]["mapping"] == mended
    (batch,) = made("replays", "list")
    assert (batch["mapping"], batch["chosen"], batch["state"]) == ("current", 1, "finished")
    assert f"{dead}  dead → pending" in hub("replays", "show", batch["id"]).stdout


async def at_rest_again(addresses: Addresses, delivery_id: str) -> None:
    database = await Database.open(addresses.app, 2)
    async with database.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET state = 'dead' WHERE id = $1", delivery_id)
    await database.close()


def test_what_a_vendor_refused_is_not_said_to_be_the_mapping(migrated: Addresses, mended: str) -> None:
    (dead,) = ended(migrated, State.DEAD, "ctr_1")
    assert "--mapping" not in hub("deliveries", "replay", dead).output
    done = next(each for each in ended(migrated, State.DONE, "ctr_2") if each != dead)
    assert "not at rest" in refused("deliveries", "replay", done, "--mapping", "current")
    assert mended not in json.dumps(made("deliveries", "show", done))


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
