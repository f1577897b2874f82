"""Several schedulers on one ledger: each poll is made once, also when one sleeps past its turn or is cut off."""

import asyncio
from datetime import timedelta
from typing import Any

import asyncpg

from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from hub.scheduler import Scheduler
from tests.hub.scheduler.test_scheduler import World, plan, world

__all__ = ["world"]

LAPSE = "UPDATE cursors SET lease_until = now() - interval '1 s'"
DUE = "UPDATE cursors SET due_at = now() - make_interval(days => 3)"


async def change(world: World, sql: str) -> None:
    async with world.database.unit("demo") as unit:
        await unit.execute(sql)


async def schedulers(world: World, migrated: Addresses, many: int) -> list[Scheduler]:
    """So many processes' worth, each with connections of its own."""
    ours = world.scheduler
    opened = [await Database.open(migrated.app, size=2, plan=plan) for _ in range(many)]
    return [Scheduler(each, ours.registry, ours.heart) for each in opened]


async def test_each_page_is_asked_for_by_one_of_three(world: World, migrated: Addresses) -> None:
    three = await schedulers(world, migrated, 3)
    told = [sum(await asyncio.gather(*(each.poll() for each in three))) for _ in range(4)]
    assert sum(told) == 7
    assert world.vendor.asked == ["", "3", "6"]
    for each in three:
        await each.database.close()


async def test_one_that_slept_past_its_turn_writes_nothing(world: World, migrated: Addresses) -> None:
    (other,) = await schedulers(world, migrated, 1)
    stuck = world.vendor.stuck = asyncio.Event()
    (asleep,) = await world.scheduler.start_polls()
    await world.vendor.was_asked(1)
    world.vendor.stuck = None
    await change(world, LAPSE)

    assert [await other.poll() for _ in range(2)] == [3, 3]
    stuck.set()
    await asleep
    assert await world.rows("SELECT value, lease_until, failures FROM cursors") == [("6", None, 0)]
    assert await world.rows("SELECT count(*), count(DISTINCT subject) FROM events") == [(6, 6)]
    assert await other.poll() == 1
    await other.database.close()


async def test_a_poll_that_was_missed_for_days_is_made_up_for_once(world: World) -> None:
    while await world.scheduler.poll():
        pass
    await change(world, DUE)
    asked = len(world.vendor.asked)
    assert [await world.scheduler.poll() for _ in range(3)] == [0, 0, 0]
    assert len(world.vendor.asked) == asked + 1
    assert await world.rows("SELECT due_at > now() + interval '50 min' FROM cursors") == [(True,)]


async def test_polls_go_on_where_they_stood_when_every_connection_was_lost(world: World, migrated: Addresses) -> None:
    assert await world.scheduler.poll() == 3
    admin: Any = await asyncpg.connect(migrated.owner.replace("hub_owner", "postgres"))
    stuck = world.vendor.stuck = asyncio.Event()
    (running,) = await world.scheduler.start_polls()
    await world.vendor.was_asked(2)
    world.vendor.stuck = None
    everyone = "SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE usename = 'hub_app'"
    await admin.execute(everyone + " AND datname = current_database()")
    await admin.close()
    stuck.set()
    await asyncio.wait([running])
    await change(world, LAPSE)

    while await world.scheduler.poll():
        pass
    assert await world.rows("SELECT value, failures FROM cursors") == [("7", 0)]
    assert await world.rows("SELECT count(*), count(DISTINCT subject) FROM events") == [(7, 7)]


async def test_waits_are_the_same_length_whatever_the_zone_and_its_summer_time(
    world: World, migrated: Addresses
) -> None:
    owner: Any = await asyncpg.connect(migrated.owner)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f"ALTER DATABASE \"{name}\" SET timezone = 'America/New_York'")
    await owner.close()
    far = await Database.open(migrated.app, size=2, plan=plan)
    there = Scheduler(far, world.scheduler.registry, world.scheduler.heart)
    while await there.poll():
        pass
    async with far.unit("demo") as unit:
        assert await unit.fetchval("SHOW timezone") == "America/New_York"
        (row,) = await unit.fetch("SELECT due_at - polled_at AS wait, due_at FROM cursors")
        over_the_change = "SELECT $1::timestamptz + make_interval(secs => 86400) - $1"
        changes = [row["due_at"].replace(year=2026, month=month, day=day) for month, day in ((3, 7), (10, 31))]
        days = [await unit.fetchval(over_the_change, each) for each in changes]
    await far.close()
    assert row["wait"] == timedelta(hours=1)
    assert row["due_at"].utcoffset() == timedelta(0)
    assert days == [timedelta(days=1)] * 2
