"""Polls: the checkpoint is kept with the facts it covers, a bad answer stops that poll alone, leases are swept."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import BaseModel

from hub import sdk
from hub.credentials import Vault
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.claim import claim
from hub.ledger.connections import find, save
from hub.ledger.cursors import nudge
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.registry import Registry
from hub.scheduler import Scheduler
from hub.sdk.client import make_client
from hub.sdk.http import Egress

AT = datetime(2026, 11, 28, tzinfo=UTC)
PICTURE = sdk.File(b"\x89PNG", "a.png", "image/png")
HINT = sdk.Text("重新填写密钥", "Enter the secret again")
HOME = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset())


class Config(BaseModel):
    """Nothing to configure."""


@dataclass
class Vendor:
    """A list of numbers, three on a page; `trouble` is raised instead."""

    trouble: Exception | None = None
    stuck: asyncio.Event | None = None
    asked: list[str] = field(default_factory=list)

    async def was_asked(self, times: int) -> None:
        for _ in range(1000):
            if len(self.asked) >= times:
                return
            await asyncio.sleep(0.01)
        raise TimeoutError(f"asked {len(self.asked)} times")

    async def page(self, _context: sdk.Context[Config], cursor: str) -> sdk.Page:
        self.asked.append(cursor)
        if self.trouble:
            raise self.trouble
        if self.stuck:
            await self.stuck.wait()
        first = int(cursor or 0)
        numbers = range(first, min(first + 3, 7))
        facts = [sdk.Inbound("receipt.booked", str(n), f"receipt:{n}", AT, {"n": n}) for n in numbers]
        return sdk.Page(facts, str(numbers.stop), more=numbers.stop < 7, files=[PICTURE])


@dataclass
class World:
    database: Database
    scheduler: Scheduler
    vendor: Vendor

    async def swept(self) -> list[tuple[str, str]]:
        """What a sweep asks to be drained."""
        asked = []

        async def drain(tenant: str, connection: str) -> None:
            asked.append((tenant, connection))

        await self.scheduler.sweep(drain)
        return asked

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.database.unit("demo") as unit:
            return [tuple(row) for row in await unit.fetch(sql)]


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "crm", "crm.record_payment", "m@1:0", event.subject, event.subject)]


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    vendor = Vendor()
    table = sdk.ErrorTable(lambda _: None, {})
    acme = sdk.Connector("acme", sdk.Text("示例", "Acme"), Config, table, lambda _: "https://acme.example")
    acme.poll("receipt.booked", every=timedelta(hours=1))(vendor.page)
    registry = Registry({"acme": acme}, HOME, Vault(Vault.new_key()), Egress(), make_client)
    database = await Database.open(migrated.app, size=4, plan=plan)
    async with database.unit("demo") as unit:
        await save(unit, "acme", "acme", {}, {})
        await save(unit, "gone", "no-such-connector", {}, {})
    yield World(database, Scheduler(database, registry, Heart(migrated.app, 15)), vendor)
    await registry.close()
    await database.close()


async def test_pages_follow_one_another_and_the_checkpoint_stands_with_the_facts(world: World) -> None:
    told = [await world.scheduler.poll() for _ in range(4)]
    assert told == [3, 3, 1, 0]
    assert world.vendor.asked == ["", "3", "6"]
    assert await world.rows("SELECT value, failures FROM cursors") == [("7", 0)]
    assert await world.rows("SELECT count(*) FROM events") == [(7,)]
    assert await world.rows("SELECT digest, content FROM files") == [(PICTURE.digest, PICTURE.content)]
    assert await world.swept() == [("demo", "crm")]


@pytest.mark.parametrize("trouble", [sdk.Transient("away", code="503"), KeyError("rows"), TypeError("None")], ids=repr)
async def test_a_poll_that_fails_says_why_and_waits(world: World, trouble: Exception) -> None:
    world.vendor.trouble = trouble
    assert await world.scheduler.poll() == 0
    assert await world.scheduler.poll() == 0
    assert len(world.vendor.asked) == 1
    ((value, failures, error),) = await world.rows("SELECT value, failures, error FROM cursors")
    assert (value, failures) == ("", 1)
    assert type(trouble).__name__ in error


async def test_a_refused_secret_holds_the_connection_and_its_polls(world: World) -> None:
    world.vendor.trouble = sdk.NeedsReauth("no", code="1", hint=HINT)
    await world.scheduler.poll()
    async with world.database.unit("demo") as unit:
        stored = await find(unit, "acme")
        await unit.execute("UPDATE cursors SET due_at = now()")
    assert stored is not None
    assert stored.held_at is not None
    world.vendor.trouble = None
    assert await world.scheduler.poll() == 0


async def test_the_sweep_frees_what_a_silent_worker_left(world: World) -> None:
    await world.scheduler.poll()
    async with world.database.unit("demo") as unit:
        assert len(await claim(unit, "crm", 10, lease_s=-1)) == 3
    assert await world.swept() == [("demo", "crm")]
    assert set(await world.rows("SELECT state FROM deliveries")) == {("pending",)}


async def test_a_poll_that_waits_for_its_vendor_keeps_no_other_waiting_and_its_turn_for_itself(world: World) -> None:
    async with world.database.unit("demo") as unit:
        await save(unit, "acme-2", "acme", {}, {})
    stuck = world.vendor.stuck = asyncio.Event()
    first = await world.scheduler.start_polls()
    assert len(first) == 2
    await world.vendor.was_asked(2)
    world.vendor.stuck = None

    assert await world.scheduler.poll() == 0
    stuck.set()
    assert await asyncio.gather(*first) == [3, 3]


async def test_a_poll_that_dies_of_a_bug_comes_round_again(world: World) -> None:
    world.vendor.trouble = RuntimeError("a bug")
    (broken,) = await world.scheduler.start_polls()
    await asyncio.wait([broken])
    world.vendor.trouble = None
    async with world.database.unit("demo") as unit:
        await unit.execute("UPDATE cursors SET lease_until = now() - interval '1 second'")

    assert await world.scheduler.poll() == 3


async def test_a_poll_nudged_while_it_runs_is_made_once_more(world: World) -> None:
    stuck = world.vendor.stuck = asyncio.Event()
    (running,) = await world.scheduler.start_polls()
    await world.vendor.was_asked(1)
    async with world.database.unit("demo") as unit:
        await nudge(unit, "acme", "receipt.booked")
    world.vendor.stuck = None
    stuck.set()
    await running

    assert [await world.scheduler.poll() for _ in range(3)] == [3, 1, 0]


async def test_a_stopped_scheduler_leaves_the_checkpoint_where_it_stood(world: World) -> None:
    world.vendor.stuck = asyncio.Event()
    await world.scheduler.start_polls()
    await asyncio.sleep(0.05)
    await world.scheduler.stop()

    assert world.scheduler.polling == set()
    assert await world.rows("SELECT value FROM cursors") == [("",)]


async def test_a_hub_at_rest_asks_postgresql_once_a_sweep(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    while await world.scheduler.poll():
        pass
    async with world.database.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET state = 'done'")
    begun = 0
    really = Database._transaction

    def counted(database: Database) -> Any:
        nonlocal begun
        begun += 1
        return really(database)

    monkeypatch.setattr(Database, "_transaction", counted)
    assert await world.swept() == []
    assert begun == 1
