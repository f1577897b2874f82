"""The transition table holds for every statement that moves a delivery, and the console offers what it allows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from datetime import UTC, datetime
from itertools import product

import pytest

from hub.console.view import CANCELLABLE, REPLAYABLE
from hub.domain.delivery import TRANSITIONS, Next, Owed, State
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.answers import is_not_there, is_there
from hub.ledger.batches import Put, Step, advance, begin, find_batch
from hub.ledger.claim import Claimed, Intent, claim, intend, reap
from hub.ledger.connections import release
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.forces import ask, confirm
from hub.ledger.replay import cancel, replay
from hub.ledger.selection import Selection
from hub.ledger.settle import Ended, Outcome, settle
from hub.sdk.home import Problem

Move = Callable[[LedgerUnit, str], Awaitable[object]]
FACT = Inbound("contract.approved", "ctr_1", "ctr_1", datetime(2026, 11, 28, tzinfo=UTC), {})


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "kingdee", "kingdee.book", "m@1:0", event.subject, event.subject)]


@pytest.fixture
async def database(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=2, plan=plan)
    async with opened.unit("demo") as unit:
        await unit.emit(FACT)
    yield opened
    await opened.close()


def ours(delivery_id: str) -> Claimed:
    """The delivery as a worker holds it that claimed it first."""
    event = Event("evt", "demo", "crm", FACT.type, FACT.subject, FACT.occurred_at, {})
    return Claimed(delivery_id, 1, "f", "kingdee.book", "kingdee", "m", "ctr_1", 0, 0, False, None, event)


def settling(state: State) -> Move:
    async def move(unit: LedgerUnit, delivery_id: str) -> object:
        return await settle(unit, [Ended(ours(delivery_id), None, None, None, Outcome(Next(state)))])

    return move


async def batch(unit: LedgerUnit, delivery_id: str) -> object:
    begun = await find_batch(unit, await begin(unit, "one", "why", Selection(), "pinned"))
    assert begun is not None
    return await advance(unit, begun, Step("", puts=[Put(delivery_id)]))


async def force(unit: LedgerUnit, delivery_id: str) -> None:
    with suppress(Problem):
        await ask(unit, delivery_id, "one", "why")
        await confirm(unit, delivery_id, "two")


MOVES: dict[str, Move] = {
    "claim": lambda unit, _: claim(unit, "kingdee", 1, 15),
    "intend": lambda unit, delivery_id: intend(unit, [Intent(ours(delivery_id), {})]),
    "reap": lambda unit, _: reap(unit),
    "release": lambda unit, _: release(unit, "kingdee"),
    "replay": replay,
    "cancel": cancel,
    "batch": batch,
    "force": force,
    "is there": lambda unit, delivery_id: is_there(unit, delivery_id, None, None, "one", "why"),
    "is not there": lambda unit, delivery_id: is_not_there(unit, delivery_id, "one", "why"),
    **{f"settle {s}": settling(State(s)) for s in ("done", "waiting", "uncertain", "held", "dead")},
}


async def states_after(database: Database, name: str, before: State) -> State:
    async with database.unit("demo") as unit:
        delivery_id = await unit.fetchval(
            """UPDATE deliveries SET state = $1, fence = 1, lease_until = now() - interval '1 s', due_at = now()
               RETURNING id""",
            before.value,
        )
    async with database.unit("demo") as unit:
        await MOVES[name](unit, delivery_id)
        await unit.execute("DELETE FROM attempts")
        return State(await unit.fetchval("SELECT state FROM deliveries"))


async def test_no_statement_makes_a_move_that_the_table_does_not_allow(database: Database) -> None:
    moved: dict[str, set[State]] = {name: set() for name in MOVES}
    for name, before in product(MOVES, State):
        after = await states_after(database, name, before)
        assert after is before or after in TRANSITIONS[before], f"{name}: {before.value} -> {after.value}"
        if after is not before:
            moved[name].add(before)
    assert all(moved.values()), "every statement moves something"
    assert moved["claim"] == {State.PENDING, State.WAITING}
    assert moved["reap"] == {State.CLAIMED, State.SENDING}
    assert set(REPLAYABLE) == moved["replay"] == moved["batch"]
    assert moved["is there"] == moved["is not there"] == {State.UNCERTAIN}
    assert set(State) - moved["force"] == {State.PENDING, State.CLAIMED, State.SENDING}
    assert set(CANCELLABLE) == moved["cancel"]
