"""Gates: an ill vendor rests and is tried by one, a slow one is asked no faster than it bears, over all workers."""

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from hub.delivery.policy import trips
from hub.delivery.work import Drains
from hub.domain.errors import Throttled
from hub.ledger import gates
from hub.ledger.database import Database
from hub.ledger.gates import Health
from hub.ledger.look import work
from hub.registry.pace import Pace
from tests.hub.delivery.test_deliver import STATES, World, world

__all__ = ["world"]

GATE = "SELECT opened_at IS NOT NULL, closed_until > now() FROM gates"
LATER = "UPDATE gates SET closed_until = now() - interval '1 s'"


async def move(world: World, sql: str) -> None:
    async with world.database.unit("demo") as unit:
        await unit.execute(sql)


async def states(world: World) -> list[str]:
    return [state for (_, state) in await world.rows(STATES)]


@pytest.mark.parametrize(
    ("health", "opens"),
    [
        (Health(0, 9, 9, False), False),
        (Health(0, 10, 10, False), True),
        (Health(21, 20, 2, False), False),
        (Health(20, 20, 1, False), True),
        (Health(5, 9, 1, False), False),
        (Health(100, 10, 10, False), True),
        (Health(50, 1, 1, True), True),
    ],
)
def test_half_of_forty_or_ten_in_a_row_open_a_circuit(health: Health, opens: bool) -> None:
    assert trips(health) is opens


async def test_a_circuit_opens_probes_and_drains_when_the_vendor_is_well(world: World) -> None:
    world.vendor.mood = "silent"
    numbers = [f"AR-{n:02}" for n in range(30)]
    await world.approve(*numbers)
    await world.deliverer.drain("demo", "acme")
    tried = (await states(world)).count("waiting")
    assert 10 <= tried < 30
    assert await world.rows(GATE) == [(True, True)]
    assert await world.deliverer.drain("demo", "acme") == 0
    assert (await work(world.database, ())).due == []

    await move(world, LATER)
    assert await world.deliverer.drain("demo", "acme") == 1, "one probe, which fails"
    assert await world.rows(GATE) == [(True, True)]

    world.vendor.mood = "yes"
    await move(world, LATER)
    await world.make_due()
    await world.deliverer.drain("demo", "acme")
    assert await world.rows(GATE) == [(False, None)]
    assert set((await states(world))[:30]) == {"done"}
    assert sorted(world.vendor.bills) == numbers


async def test_two_workers_send_one_probe(world: World) -> None:
    world.vendor.mood = "silent"
    await world.approve(*(f"AR-{n}" for n in range(20)))
    await world.deliverer.drain("demo", "acme")
    await move(world, LATER)
    made = await asyncio.gather(*(world.deliverer.drain("demo", "acme") for _ in range(4)))
    assert sum(made) == 1


async def test_what_the_vendor_refuses_is_no_illness(world: World) -> None:
    world.vendor.mood = "9"
    await world.approve(*(f"AR-{n}" for n in range(15)))
    await world.deliverer.drain("demo", "acme")
    assert set(await states(world)) == {"dead"}
    assert await world.rows(GATE) == [(False, None)]


async def test_all_workers_together_keep_to_what_the_account_bears_at_once(world: World) -> None:
    await world.approve(*(f"AR-{n}" for n in range(30)))
    async with world.database.unit("demo") as unit:
        await unit.execute(
            "UPDATE deliveries SET state = 'sending', lease_until = now() + interval '1 min' WHERE id IN "
            "(SELECT id FROM deliveries ORDER BY seq LIMIT 8)"
        )
    assert await world.deliverer.drain("demo", "acme") == 0


async def test_a_rest_the_vendor_asked_for_holds_for_everything_of_the_connection(world: World) -> None:
    asked = Throttled("too many", code="45009", retry_after=timedelta(seconds=90))
    async with world.database.unit("demo") as unit:
        await gates.rest(unit, "acme", 90, str(asked))
        await gates.rest(unit, "acme", 5, str(asked))
    await world.approve("AR-1")
    assert await world.deliverer.drain("demo", "acme") == 0
    assert await world.rows("SELECT closed_until > now() + interval '80 s', why FROM gates") == [
        (True, "[45009] too many")
    ]


async def test_two_workers_share_one_rate(database: Database) -> None:
    async def worker() -> None:
        pace = Pace(database, "demo", "acme", 100.0)
        for _ in range(100):
            await pace()

    began = time.monotonic()
    await asyncio.gather(worker(), worker())
    assert time.monotonic() - began >= 0.8, "200 calls at 100 a second, a second's worth of them forgiven"


async def test_a_worker_told_to_stop_ends_what_it_has_begun_and_begins_nothing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, book = asyncio.Event(), world.vendor.book

    def booking(number: str) -> dict[str, Any]:
        begun.set()
        return book(number)

    monkeypatch.setattr(world.vendor, "book", booking)
    await world.approve(*(f"AR-{n}" for n in range(40)))
    draining = asyncio.create_task(world.deliverer.drain("demo", "acme"))
    await begun.wait()
    world.deliverer.stopping.set()
    await draining
    found = Counter(await world.rows("SELECT state FROM deliveries WHERE connection = 'acme'"))
    sent = len(world.vendor.bills)
    assert found == {("done",): sent, ("pending",): 40 - sent}, "nothing is left half done"
    assert sent < 40


async def test_what_takes_too_long_at_the_end_is_broken_off() -> None:
    broken = asyncio.Event()

    async def drain(_tenant: str, _connection: str, _more: asyncio.Event) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            broken.set()

    drains = Drains(drain)
    await drains.ask("demo", "acme")
    await asyncio.sleep(0)
    await drains.finish(0.05)
    assert broken.is_set()
