"""What changes while deliveries wait or are under way: mappings, connections, the version that wrote a row, the log."""

from dataclasses import dataclass
from typing import Any

import asyncpg
import pytest

from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.domain.delivery import Next, Owed, State
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.claim import CRASHES, Claimed, Intent, claim, intend, reap
from hub.ledger.connections import hold, release
from hub.ledger.database import Database, Unavailable
from hub.ledger.look import work
from hub.ledger.settle import Ended, Outcome, settle
from hub.ledger.versions import keep_versions
from tests.hub.delivery.test_deliver import OLD, STATES, World, world

__all__ = ["world"]

RETRY, DONE = Outcome(Next(State.WAITING, 600.0)), Outcome(Next(State.DONE))
ROWS = "SELECT record, state, error_code FROM deliveries ORDER BY seq"
LAPSE = "UPDATE deliveries SET lease_until = now() - interval '1 s' WHERE lease_until IS NOT NULL"


@dataclass(frozen=True)
class Second:
    """The second version of a mapping: numbers have a prefix."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"number": f"two-{data['number']}"}


def loaded(pin: str) -> Second:
    """A worker that has loaded the second version alone."""
    return {"m@2:b": Second()}[pin]


async def planned_with(world: World, migrated: Addresses, pin: str, number: str) -> None:
    """Record an event while this version is the one in force."""

    def plan(event: Event) -> list[Owed]:
        return [Owed("f", 0, "acme", "acme.book", pin, event.subject, event.subject)]

    then = await Database.open(migrated.app, size=1, plan=plan)
    await World(then, world.deliverer, world.vendor).approve(number)
    await then.close()


async def change(world: World, sql: str) -> None:
    async with world.database.unit("demo") as unit:
        await unit.execute(sql)


async def under_way(world: World) -> tuple[Claimed, str]:
    """The next delivery, its intent written; its attempt."""
    async with world.database.unit("demo") as unit:
        (delivery,) = await claim(unit, "acme", 1, 15)
        attempts = await intend(unit, [Intent(delivery, {})])
    return delivery, attempts[delivery.id]


async def test_a_mapping_that_changes_to_and_fro_maps_each_event_as_it_was_then(
    world: World, migrated: Addresses
) -> None:
    async with world.database.unit("demo") as unit:
        await keep_versions(unit, [("mapping", "crm.contract__acme.bill", "h", "m@1:a", OLD)])
    for number in range(10):
        await planned_with(world, migrated, ("m@1:a", "m@2:b")[number % 2], str(number))
    registry, heart = world.deliverer.registry, world.deliverer.heart
    worker = Deliverer(world.database, registry, Preparer(world.database, registry, loaded), 15, heart)
    assert await worker.drain("demo", "acme") == 10
    assert sorted(world.vendor.bills) == sorted(f"two-{n}" if n % 2 else str(n) for n in range(10))
    pins = await world.rows("SELECT record, mapping FROM deliveries WHERE connection = 'acme' ORDER BY seq")
    assert pins == [(str(n), ("m@1:a", "m@2:b")[n % 2]) for n in range(10)]


async def test_a_connection_that_is_switched_off_ends_what_it_has_begun_and_begins_nothing(world: World) -> None:
    await world.approve("AR-1", "AR-2")
    begun, attempt = await under_way(world)
    async with world.database.unit("demo") as unit:
        await hold(unit, "acme", "switched off")
    async with world.database.unit("demo") as unit:
        assert await settle(unit, [Ended(begun, attempt, None, {}, DONE)]) == {begun.id}
    assert (await work(world.database, ())).due == []
    assert await world.deliverer.drain("demo", "acme") == 0
    assert await world.rows(STATES) == [("acme", "done"), ("acme", "pending")]
    async with world.database.unit("demo") as unit:
        await release(unit, "acme")
    assert await world.deliverer.drain("demo", "acme") == 1


async def test_the_secret_of_a_connection_that_is_gone_is_not_used_again(world: World) -> None:
    await world.approve("AR-1")
    await world.deliverer.drain("demo", "acme")
    await change(world, "DELETE FROM connections WHERE name = 'acme'")
    await world.approve("AR-2", "AR-3")
    await world.deliverer.drain("demo", "acme")
    assert list(world.vendor.bills) == ["AR-1"]
    held = [row for row in await world.rows(ROWS) if row[1] == "held"]
    assert held == [("AR-2", "held", "connection"), ("AR-3", "held", "connection")]


@pytest.mark.parametrize(
    ("sql", "ends"),
    [
        ("UPDATE deliveries SET action = 'acme.book_v0' WHERE record = 'old'", ("old", "dead", "MappingError")),
        ("UPDATE deliveries SET mapping = 'm@0:x' WHERE record = 'old'", ("old", "dead", "MappingError")),
        ("UPDATE deliveries SET override = '[1]' WHERE record = 'old'", ("old", "dead", "MappingError")),
        ("UPDATE events SET data = '[1]' WHERE subject = 'old'", ("old", "held", "crashes")),
    ],
    ids=["an action that is gone", "a mapping nobody knows", "a payload of another shape", "data of another shape"],
)
async def test_a_row_that_this_version_cannot_read_is_parked_with_the_reason(
    world: World, sql: str, ends: tuple[str, str, str]
) -> None:
    async with world.database.unit("demo") as unit:
        await keep_versions(unit, [("mapping", "crm.contract__acme.bill", "h", "out", OLD)])
    await world.approve("old", "AR-1", "AR-2")
    await change(world, sql)
    registry, heart = world.deliverer.registry, world.deliverer.heart
    worker = Deliverer(world.database, registry, Preparer(world.database, registry, loaded), 15, heart)
    for _ in range(CRASHES + 1):
        try:
            await worker.drain("demo", "acme")
        except (TypeError, ValueError):
            await change(world, LAPSE)
        async with world.database.unit("demo") as unit:
            await reap(unit)
    assert [row for row in await world.rows(ROWS) if row[0] == "old"] == [ends]
    assert sorted(world.vendor.bills) == ["AR-1", "AR-2"], "the others are not held up"


async def test_an_outcome_and_what_it_makes_due_are_written_with_its_log_or_not_at_all(
    world: World, migrated: Addresses
) -> None:
    await world.approve("AR-1")
    delivery, attempt = await under_way(world)
    owner: Any = await asyncpg.connect(migrated.owner)
    how = (
        "SELECT d.state, d.spent, d.due_at > now(), a.outcome FROM deliveries d JOIN attempts a ON a.delivery_id = d.id"
    )

    async def finish() -> None:
        async with world.database.unit("demo") as unit:
            await settle(unit, [Ended(delivery, attempt, None, {}, RETRY)])

    async with owner.transaction():
        await owner.execute("LOCK TABLE attempts IN EXCLUSIVE MODE")
        with pytest.raises(Unavailable):
            await finish()
    assert await world.rows(how) == [("sending", 0, False, "")], "no retry is due before its log is there"
    await finish()
    assert await world.rows(how) == [("waiting", 1, True, "waiting")]
    await owner.close()
