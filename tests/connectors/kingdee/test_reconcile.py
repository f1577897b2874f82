"""A Kingdee that was restored from an old backup: what is gone is named exactly, and so is what we did not make."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.kingdee import connector
from connectors.kingdee.customers import ensure_customer
from connectors.kingdee.receivables import book_receivable
from hub import sdk
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.delivery.reconcile import Reconciler, ask
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger import forces
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.ledger.reconcile import Report, last_reports
from hub.registry import Registry
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from hub.sdk.testing import open_context
from tests.connectors.kingdee.test_receivables import CUSTOMER, bill
from tests.connectors.sandboxes import Running, sandbox

BILLS, DROPPED = 200, 10
HOME = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset({"contract.approved"}))


def plan(event: Event) -> list[Owed]:
    if event.type != "contract.approved":
        return []
    return [Owed("f", 0, "kingdee", "kingdee.book_receivable", "same", event.subject, event.subject)]


class Same:
    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        return data


@dataclass
class World:
    database: Database
    registry: Registry
    deliverer: Deliverer
    reconciler: Reconciler
    vendor: Running

    async def book(self, *numbers: str) -> None:
        async with self.database.unit("demo") as unit:
            for number in numbers:
                given = sdk.loads(bill(number).model_dump_json())
                await unit.emit(sdk.Inbound("contract.approved", number, number, datetime.now(UTC), given))
        await self.deliverer.drain("demo", "kingdee")
        async with self.database.unit("demo") as unit:
            assert await unit.fetch("SELECT state, error FROM deliveries WHERE state <> 'done'") == []

    async def desk(self, path: str, **body: Any) -> Any:
        async with make_client(base_url=self.vendor.url, egress=LOOPBACK) as http:
            return (await http.post(f"/_sandbox/{path}", json=body)).json()

    async def by_hand(self, number: str) -> sdk.Made:
        ctx = open_context(connector, self.vendor.credentials)
        async with ctx.http:
            return await book_receivable(ctx, bill(number))

    async def report(self, entity: str = "receivable") -> Report:
        """Compare now, and what was found."""
        assert await ask(self.database, self.registry, "demo") == len(connector.listers)
        assert await self.reconciler.run() == len(connector.listers)
        async with self.database.unit("demo") as unit:
            (found,) = [each for each in await last_reports(unit, "kingdee") if each.entity == entity]
        return found


@pytest.fixture
async def world(migrated: Addresses, tmp_path: Path) -> AsyncIterator[World]:
    registry = Registry({"kingdee": connector}, HOME, Vault(Vault.new_key()), LOOPBACK, make_client)
    database = await Database.open(migrated.app, size=8, plan=plan)
    heart = Heart(migrated.app, 15).start()
    deliverer = Deliverer(database, registry, Preparer(database, registry, lambda _: Same()), 15, heart)
    with sandbox("kingdee", tmp_path) as vendor:
        config = connector.config(**vendor.credentials)
        async with database.unit("demo") as unit:
            await save(unit, "kingdee", "kingdee", *registry.seal("demo", "kingdee", config))
        ctx = open_context(connector, vendor.credentials)
        async with ctx.http:
            await ensure_customer(ctx, CUSTOMER)
        reconciler = Reconciler(database, registry, heart, fresh=timedelta(minutes=-1))
        yield World(database, registry, deliverer, reconciler, vendor)
    await registry.close()
    await database.close()
    await asyncio.to_thread(heart.stop)


async def test_what_an_old_backup_lost_is_named_exactly_and_what_we_did_not_make_too(world: World) -> None:
    await world.book(*(f"AR-{n:03}" for n in range(BILLS)))
    whole = await world.report()
    assert (whole.ours, whole.theirs, whole.missing, whole.unknown, whole.error) == (BILLS, BILLS, [], [], "")

    lost = await world.desk("restore", percent=5)
    made = await world.by_hand("手工-1")
    found = await world.report()
    assert len(lost) == DROPPED
    assert sorted(ref.number for ref in found.missing) == sorted(each["number"] for each in lost)
    assert {ref.record for ref in found.missing} == {each["number"] for each in lost}
    assert [(each.id, each.number) for each in found.unknown] == [(made.id, "手工-1")]
    assert (found.ours, found.theirs) == (BILLS, BILLS - DROPPED + 1)
    customers = await world.report("customer")
    assert (customers.theirs, customers.ours) == (None, 0), "not listed: only what we made is looked for"


async def test_what_a_person_has_sent_again_is_missing_no_more(world: World) -> None:
    await world.book("AR-1", "AR-2")
    await world.desk("restore", percent=50)
    (ref,) = (await world.report()).missing
    async with world.database.unit("demo") as unit:
        await forces.ask(unit, ref.delivery_id, "key_a", "lost by the vendor")
        await forces.confirm(unit, ref.delivery_id, "key_b")
    await world.deliverer.drain("demo", "kingdee")
    found = await world.report()
    assert (found.missing, found.unknown, found.ours, found.theirs) == ([], [], 2, 2)


async def test_a_vendor_that_gives_a_lost_id_away_again_is_found_out(world: World) -> None:
    """A restored vendor counts on from where its backup stood."""
    await world.book("AR-1")
    async with world.database.unit("demo") as unit:
        await unit.execute("UPDATE external_refs SET number = 'AR-0'")
    found = await world.report()
    assert [ref.number for ref in found.missing] == ["AR-0"]
    assert [made.number for made in found.unknown] == ["AR-1"]


async def test_what_was_made_there_long_ago_and_taken_over_by_us_is_not_missing(world: World) -> None:
    made = await world.by_hand("AR-1")
    await world.book("AR-1")
    narrow = replace(world.reconciler, fresh=timedelta(minutes=5))
    world.reconciler = narrow
    found = await world.report()
    assert (found.ours, found.theirs, found.missing, found.unknown) == (1, 0, [], []), made


async def test_a_vendor_that_does_not_answer_leaves_the_last_report_and_says_why(world: World) -> None:
    await world.book("AR-1")
    await world.report()
    broken = connector.config(**{**world.vendor.credentials, "app_secret": "wrong"})
    async with world.database.unit("demo") as unit:
        await save(unit, "kingdee", "kingdee", *world.registry.seal("demo", "kingdee", broken))
    await ask(world.database, world.registry, "demo")
    assert await world.reconciler.run() == 1, "no customer of ours to ask for"
    async with world.database.unit("demo") as unit:
        found = {each.entity: each for each in await last_reports(unit, "kingdee")}
    assert "NeedsReauth" in found["receivable"].error
    assert found["receivable"].ours == 1


async def test_two_processes_compare_once(world: World) -> None:
    await ask(world.database, world.registry, "demo")
    assert sum(await asyncio.gather(world.reconciler.run(), world.reconciler.run())) == len(connector.listers)
    assert await world.reconciler.run() == 0, "the next is due at night"
