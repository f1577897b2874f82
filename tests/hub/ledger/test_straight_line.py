"""From event to settled delivery: lanes in order, fences, leases, one transaction at the end."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from pydantic import BaseModel

from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import Rejected
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Claimed, Intent, claim, intend, reap
from hub.ledger.database import Database
from hub.ledger.replay import cancel, replay
from hub.ledger.settle import Ended, Outcome, settle
from hub.sdk import Action, Effect, Made
from tests.faults.orphans import orphans

AT = datetime(2026, 11, 28, tzinfo=UTC)
DONE = Outcome(Next(State.DONE), Made(id="100010", number="AR-1"))


async def _run(_context: object, _given: object) -> Made:
    return Made(id="100010")


ACTION = Action("book", Text("", ""), Effect.B, BaseModel, Made, _run, emits="receivable.audited", entity="receivable")


def plan(event: Event) -> list[Owed]:
    if event.connection != "crm":
        return [Owed("back", 0, "crm", "crm.book_receivable", "back@1:0", event.subject, event.subject)]
    return [Owed("out", step, "kingdee", "kingdee.book", "m@1:0", event.subject, event.subject) for step in (0, 1)]


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=8, plan=plan)
    async with opened.unit("demo") as unit:
        for record in ("ctr_1", "ctr_2"):
            await unit.emit(Inbound("contract.approved", record, record, AT, {}))
    yield opened
    await opened.close()


async def take(ledger: Database, most: int = 10, lease_s: float = 15) -> list[Claimed]:
    async with ledger.unit("demo") as unit:
        return await claim(unit, "kingdee", most, lease_s)


async def finish(ledger: Database, delivery: Claimed, outcome: Outcome = DONE) -> bool:
    async with ledger.unit("demo") as unit:
        attempts = await intend(unit, [Intent(delivery, {})])
    async with ledger.unit("demo") as unit:
        return await settle(unit, [Ended(delivery, attempts[delivery.id], ACTION, {}, outcome)]) == {delivery.id}


async def state(ledger: Database, delivery_id: str) -> str:
    async with ledger.unit("demo") as unit:
        return str(await unit.fetchval("SELECT state FROM deliveries WHERE id = $1", delivery_id))


async def test_a_claim_takes_the_first_of_each_lane_and_the_next_only_when_it_is_done(ledger: Database) -> None:
    first = await take(ledger)
    assert [d.event.subject for d in first] == ["ctr_1", "ctr_2"]
    assert await take(ledger) == []
    assert await finish(ledger, first[0])
    assert [d.event.subject for d in await take(ledger)] == ["ctr_1"]


async def test_twenty_claimers_never_get_the_same_delivery(ledger: Database) -> None:
    taken = await asyncio.gather(*(take(ledger, most=20) for _ in range(20)))
    ids = [d.id for each in taken for d in each]
    assert sorted(ids) == sorted(set(ids))
    assert len(ids) == 2


async def test_settling_writes_attempt_state_ref_and_the_owed_write_back_together(ledger: Database) -> None:
    delivery = (await take(ledger))[0]
    await finish(ledger, delivery)
    async with ledger.unit("demo") as unit:
        ref = await unit.fetchrow("SELECT external_id, number, record FROM external_refs")
        owed = await unit.fetchval("SELECT count(*) FROM deliveries WHERE connection = 'crm'")
        attempt = await unit.fetchrow("SELECT number, outcome, superseded FROM attempts")
    assert ref is not None
    assert attempt is not None
    assert tuple(ref) == ("100010", "AR-1", "ctr_1")
    assert (owed, tuple(attempt)) == (1, (1, "done", False))


async def test_every_row_has_the_parent_it_was_made_of_and_one_without_is_found(ledger: Database) -> None:
    delivery = (await take(ledger))[0]
    await finish(ledger, delivery)
    assert await orphans(ledger, "demo") == []
    async with ledger.unit("demo") as unit:
        await unit.execute("DELETE FROM deliveries WHERE id = $1", delivery.id)
        await unit.execute("DELETE FROM events WHERE subject = 'ctr_2'")
    lost = Counter(what for what, _ in await orphans(ledger, "demo"))
    assert lost == {"outcomes": 1, "attempts": 1, "refs": 1, "deliveries": 2}


async def test_a_lapsed_lease_is_freed_and_the_late_worker_changes_nothing(ledger: Database) -> None:
    late = (await take(ledger, lease_s=-1))[0]
    async with ledger.unit("demo") as unit:
        attempt = (await intend(unit, [Intent(late, {})]))[late.id]
    async with ledger.unit("demo") as unit:
        assert await reap(unit) == {"kingdee"}
    again = next(d for d in await take(ledger) if d.id == late.id)
    assert again.look_first
    async with ledger.unit("demo") as unit:
        assert not await settle(unit, [Ended(late, attempt, ACTION, {}, DONE)])
        assert await unit.fetchval("SELECT superseded FROM attempts WHERE id = $1", attempt)
    assert await state(ledger, late.id) == "claimed"


async def test_a_dead_letter_parks_its_own_lane_until_it_is_replayed_or_cancelled(ledger: Database) -> None:
    one, two = await take(ledger)
    no = Rejected("不能为空", code="9", hint=Text("填写名称", "Fill the name"))
    await finish(ledger, one, Outcome(Next(State.DEAD), error=no))
    await finish(ledger, two)
    assert [d.event.subject for d in await take(ledger)] == ["ctr_2"]
    async with ledger.unit("demo") as unit:
        assert await replay(unit, one.id) == "kingdee"
        assert await replay(unit, "dlv_unknown") is None
    assert [d.id for d in await take(ledger)] == [one.id]
    await finish(ledger, (await take_back(ledger, one.id)), Outcome(Next(State.DEAD), error=no))
    async with ledger.unit("demo") as unit:
        assert await cancel(unit, one.id) == "kingdee"
    assert [d.event.subject for d in await take(ledger)] == ["ctr_1"]


async def take_back(ledger: Database, delivery_id: str) -> Claimed:
    async with ledger.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE id = $1", delivery_id)
        await reap(unit)
    return next(d for d in await take(ledger) if d.id == delivery_id)
