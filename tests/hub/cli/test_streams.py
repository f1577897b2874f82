"""`hub streams` as a person types it."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.domain.delivery import Next, Owed, State
from hub.domain.event import Inbound
from hub.drift import Learner, Reading
from hub.drift.guard import drifted
from hub.embedded.postgres import Addresses
from hub.ledger.claim import claim
from hub.ledger.connections import save
from hub.ledger.cursors import ensure, miss, take_turns
from hub.ledger.database import Database
from hub.ledger.settle import Ended, Outcome, settle
from hub.mapping import MappingFile, parse_mapping
from hub.mapping.shapes.drift import Difference
from tests.hub.cli.conftest import MAPPINGS

FILE = MAPPINGS / "crm/contract__kingdee_receivable.yaml"
MAPPING = parse_mapping(FILE.read_text("utf-8"), FILE.name)
EXAMPLE = MAPPING.examples[0].given
GIVEN = {**EXAMPLE, "customer": {**EXAMPLE["customer"], "id": "cus_1"}}
STREAM = ("crm", "contract.approved")

pytestmark = pytest.mark.usefixtures("hub_of_this_test")


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), [*words, "--tenant", "demo"])


def made(*words: str) -> Any:
    told = hub(*words, "--json")
    assert told.exit_code == 0, (told.output, told.exception)
    return json.loads(told.stdout)


async def tell(addresses: Addresses, first: int, count: int, data: dict[str, Any]) -> None:
    """So many contracts are approved, and learned."""
    database = await Database.open(addresses.app, 2)
    async with database.unit("demo") as unit:
        names = [str(number) for number in range(first, first + count)]
        await unit.emit(*(Inbound("contract.approved", name, name, datetime.now(UTC), data) for name in names))
    mappings: dict[str, MappingFile] = {}
    await Learner(database, Reading(lambda: (), mappings.__getitem__), settled_s=-1).step()
    await database.close()


def test_streams_are_listed_shown_watched_and_released(migrated: Addresses) -> None:
    assert "没有记录" in hub("streams", "list").output
    asyncio.run(tell(migrated, 0, 60, GIVEN))
    (listed,) = made("streams", "list")
    assert (listed["connection"], listed["type"], listed["events"]) == (*STREAM, 60)
    assert made("streams", "policy", *STREAM, "hold")["policy"] == "hold"
    contract = {name: value for name, value in GIVEN["contract"].items() if name != "number"}
    asyncio.run(tell(migrated, 100, 1, {**GIVEN, "contract": contract}))

    words = hub("streams", "list").output
    assert "✕ crm contract.approved contract.number: absent" in words
    shown = made("streams", "show", *STREAM)
    assert (shown["policy"], shown["held"]) == ("hold", 0)
    assert "contract.number" in hub("streams", "show", *STREAM).output

    let = made("streams", "release", *STREAM, "--why", "a test contract", "--as-it-is")
    assert (len(let["acknowledged"]) > 0, let["held"]) == (True, 0)
    assert "✕" not in hub("streams", "list").output


async def hold(addresses: Addresses) -> None:
    """One booking that a worker held for drift."""
    owed = [Owed("contract-to-kingdee", 1, "kingdee", "kingdee.book_receivable", MAPPING.pin, "ctr_1", "ctr_1")]
    database = await Database.open(addresses.app, 2, lambda _: owed)
    async with database.unit("demo") as unit:
        await unit.emit(Inbound("contract.approved", "ctr_1", "ctr_1", datetime.now(UTC), GIVEN))
    async with database.unit("demo") as unit:
        (taken,) = await claim(unit, "kingdee", 1, 60)
        unlike = Difference("absent", ("contract", "number"), "100 %", "absent")
        outcome = Outcome(Next(State.HELD, spent=False), error=drifted(taken.event, [unlike]))
        await settle(unit, [Ended(taken, None, None, None, outcome)])
    await database.close()


def test_what_is_held_is_released_as_a_batch(migrated: Addresses) -> None:
    asyncio.run(hold(migrated))
    asyncio.run(tell(migrated, 0, 1, GIVEN))
    assert made("streams", "show", *STREAM)["held"] == 1
    batch = made("streams", "release", *STREAM, "--why", "mended")
    assert (batch["why"], batch["chosen"], batch["counts"]) == ("mended", 1, {"pending": 1})
    assert made("streams", "show", *STREAM)["held"] == 0


async def fail(addresses: Addresses) -> None:
    """A poll that Kingdee refuses."""
    database = await Database.open(addresses.app, 2)
    async with database.unit("demo") as unit:
        await save(unit, "kingdee", "kingdee", {}, {})
        await ensure(unit, "kingdee", "receipt.booked")
        (turn,) = await take_turns(unit, 60)
        await miss(unit, turn, "Rejected: 字段不存在")
    await database.close()


def test_a_poll_that_fails_is_told_where_its_stream_is_looked_for(migrated: Addresses) -> None:
    asyncio.run(fail(migrated))
    told = hub("streams", "list").output
    assert "✕ kingdee receipt.booked: 轮询失败 / the poll fails ×1: Rejected: 字段不存在" in told


def test_a_stream_that_nobody_told_of_is_said_so() -> None:
    for words in (("show",), ("policy", "hold"), ("release", "--why", "x")):
        told = hub("streams", words[0], "crm", "nothing.happened", *words[1:])
        assert "没有这个流" in str(told.exception), words
