"""Leases: kept by a thread of its own, lost to another worker, and what becomes of deliveries whose worker dies."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta

import pytest

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.claim import CRASHES, Claimed, Intent, claim, heartbeat, intend, reap
from hub.ledger.database import Database
from hub.ledger.leases import Heart

AT = datetime(2026, 11, 28, tzinfo=UTC)


def plan(event: Event) -> list[Owed]:
    newest = event.type == "price.changed"
    return [Owed("out", 0, "kingdee", "kingdee.book", "m@1:0", event.subject, event.subject, newest=newest)]


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=4, plan=plan)
    yield opened
    await opened.close()


@pytest.fixture
def heart(migrated: Addresses) -> Iterator[Heart]:
    beating = Heart(migrated.app, 0.6).start()
    yield beating
    beating.stop()


async def tell(ledger: Database, *subjects: str, kind: str = "contract.approved") -> None:
    async with ledger.unit("demo") as unit:
        for number, subject in enumerate(subjects):
            await unit.emit(Inbound(kind, subject, f"{kind}:{subject}:{number}:{time.monotonic()}", AT, {}))


async def take(ledger: Database, lease_s: float = 15, most: int = 10) -> list[Claimed]:
    async with ledger.unit("demo") as unit:
        return await claim(unit, "kingdee", most, lease_s)


async def rows(ledger: Database, sql: str) -> list[tuple[object, ...]]:
    async with ledger.unit("demo") as unit:
        return [tuple(row) for row in await unit.fetch(sql)]


def block(seconds: float) -> None:
    """Be a stuck event loop."""
    time.sleep(seconds)


async def test_a_lease_is_renewed_while_the_event_loop_is_blocked(ledger: Database, heart: Heart) -> None:
    await tell(ledger, "ctr_1")
    since = time.monotonic()
    taken = await take(ledger, lease_s=0.6)
    with heart.kept("demo", lambda unit: heartbeat(unit, taken, 0.6), 0.6, since) as lease:
        block(1.5)
        assert lease.alive(taken[0].id)
        assert await rows(ledger, "SELECT state FROM deliveries WHERE lease_until > now()") == [("claimed",)]


async def test_a_lease_that_another_worker_took_over_is_no_longer_alive(ledger: Database, heart: Heart) -> None:
    await tell(ledger, "ctr_1")
    since = time.monotonic()
    taken = await take(ledger, lease_s=0.6)
    async with ledger.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET fence = fence + 1")
    with heart.kept("demo", lambda unit: heartbeat(unit, taken, 60), 60, since) as lease:
        await asyncio.sleep(0.5)
        assert not lease.alive(taken[0].id)


def test_a_lease_that_nobody_renews_lapses(migrated: Addresses) -> None:
    still = Heart(migrated.app, 15)
    with still.kept("demo", lambda _unit: asyncio.sleep(0, set()), 0.05, time.monotonic()) as lease:
        assert lease.alive("dlv_1")
        time.sleep(0.06)
        assert not lease.alive("dlv_1")


async def test_what_may_have_been_sent_is_looked_for_only_after_the_settle_window(ledger: Database) -> None:
    await tell(ledger, "ctr_1", "ctr_2")
    sent, unsent = await take(ledger, lease_s=-1)
    async with ledger.unit("demo") as unit:
        await intend(unit, [Intent(sent, {}, settle_s=90)])
    async with ledger.unit("demo") as unit:
        assert await reap(unit) == {"kingdee"}
    waits = "SELECT state, look_first, due_at > now() + interval '80 s' FROM deliveries ORDER BY seq"
    assert await rows(ledger, waits) == [("waiting", True, True), ("pending", False, False)]
    assert [each.id for each in await take(ledger)] == [unsent.id]


async def test_what_kills_its_worker_three_times_is_parked_and_takes_nothing_else_down(ledger: Database) -> None:
    await tell(ledger, "poison", *(f"ctr_{n}" for n in range(5)))
    assert len(await take(ledger, lease_s=-1)) == 6, "the first time all go together, and die together"
    taken = []
    for _ in range(CRASHES - 1):
        async with ledger.unit("demo") as unit:
            await reap(unit)
        taken.append([each.event.subject for each in await take(ledger, lease_s=-1)])
    assert taken == [["poison"], ["poison"]], "a suspect goes alone"
    async with ledger.unit("demo") as unit:
        await reap(unit)
    held = "SELECT record, error_code, hint_zh <> '' FROM deliveries WHERE state = 'held'"
    assert await rows(ledger, held) == [("poison", "crashes", True)]


async def test_live_work_goes_before_replays(ledger: Database) -> None:
    await tell(ledger, "old_1", "old_2", "new_1")
    async with ledger.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET backlog = true WHERE record LIKE 'old%'")
    assert [each.event.subject for each in await take(ledger, most=1)] == ["new_1"]


async def test_a_newer_event_makes_the_older_one_void_unless_it_was_sent(ledger: Database) -> None:
    await tell(ledger, "p_1", "p_1", kind="price.changed")
    await tell(ledger, "p_2", kind="price.changed")
    (first, other) = await take(ledger)
    async with ledger.unit("demo") as unit:
        await intend(unit, [Intent(other, {})])
    await tell(ledger, "p_2", "p_1", kind="price.changed")
    async with ledger.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET lease_until = now() - interval '1 s'")
        await reap(unit)
    await tell(ledger, "p_2", "p_1", kind="price.changed")
    found = await rows(ledger, "SELECT record, state, error_code FROM deliveries ORDER BY record, seq")
    skipped = ("skipped", "superseded")
    assert found == [
        *[("p_1", *skipped)] * 3,
        ("p_1", "pending", ""),
        ("p_2", "waiting", ""),
        ("p_2", *skipped),
        ("p_2", "pending", ""),
    ]
    assert first.event.subject == "p_1"


async def test_events_in_any_order_end_with_the_one_that_happened_last(ledger: Database) -> None:
    order = random.Random(7).sample(range(300), 300)
    async with ledger.unit("demo") as unit:
        for number in order:
            at = AT + timedelta(seconds=number)
            await unit.emit(Inbound("price.changed", f"p_{number % 10}", f"n{number}", at, {"n": number}))
            if number % 37 == 0:  # some are sent meanwhile
                await unit.execute("UPDATE deliveries SET state = 'done' WHERE state = 'pending' AND record = 'p_3'")
    ended = "SELECT record, state, error_code, (data->>'n')::int FROM deliveries d JOIN events e ON e.id = d.event_id"
    left = await rows(ledger, f"{ended} ORDER BY d.seq")
    pending = {record: n for record, state, _, n in left if state == "pending"}
    done = [int(str(n)) for _, state, _, n in left if state == "done"]
    assert {f"p_{n}": 290 + n for n in range(10) if n != 3}.items() <= pending.items()
    assert max(*done, int(str(pending.get("p_3", 0)))) == 293
    assert done == sorted(done), "nothing older was sent after something newer"
    assert {code for _, state, code, _ in left if state == "skipped"} == {"superseded", "stale"}
