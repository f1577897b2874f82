"""The schema changes while events come in: nobody is turned away, a busy table is come back to."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg

import core_crm
from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.migrate import add_tenant, upgrade
from hub.ledger.receive import Receipt, keep

OLD = "ledger_0002"
AT = datetime(2026, 11, 28, tzinfo=UTC)
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
BUSY_S = 1.5


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "acme", "acme.book", "m@1:0", event.subject, event.subject)]


async def accept(ledger: Database, ended: asyncio.Event) -> int:
    """Take one event after the other until told to end; how many. A refusal is raised."""
    taken = 0
    while not ended.is_set():
        fact = Inbound("order.paid", f"o{taken}", f"o{taken}", AT, {})
        async with ledger.unit("demo") as unit:
            await keep(unit, [Receipt("acme", "", {}, b"%d" % taken, [fact])])
        taken += 1
    return taken


async def leave_an_invalid_index(addresses: Addresses) -> None:
    """As an earlier try would, that was broken off while it built one."""
    admin: Any = await asyncpg.connect(addresses.owner.replace("hub_owner", "postgres"))
    await admin.execute("CREATE INDEX deliveries_running ON deliveries (tenant_id)")
    await admin.execute("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'deliveries_running'::regclass")
    assert await admin.fetchval(INVALID) == 1
    await admin.execute("ALTER INDEX deliveries_running OWNER TO hub_owner")
    await admin.close()


async def test_a_migration_beside_live_events_and_a_long_reader_turns_nobody_away(addresses: Addresses) -> None:
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS], OLD)
    await add_tenant(addresses.owner, "demo", "演示")
    ledger = await Database.open(addresses.app, 4, plan=plan)
    async with ledger.unit("demo") as unit:
        await save(unit, "acme", "acme", {}, {})
    owner: Any = await asyncpg.connect(addresses.owner)
    await leave_an_invalid_index(addresses)
    ended = asyncio.Event()
    accepting = asyncio.create_task(accept(ledger, ended))
    async with owner.transaction():
        await owner.execute("LOCK TABLE deliveries IN ACCESS SHARE MODE")
        upgrading = asyncio.create_task(asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS]))
        await asyncio.sleep(BUSY_S)
        assert not upgrading.done(), "it waits for the reader"
        assert not accepting.done(), "and nobody is turned away behind it"
    await upgrading
    ended.set()
    taken = await accepting
    assert await owner.fetchval(INVALID) == 0
    async with ledger.unit("demo") as unit:
        counts = "SELECT (SELECT count(*) FROM receipts), (SELECT count(*) FROM events), count(*) FROM deliveries"
        assert tuple((await unit.fetch(counts))[0]) == (taken, taken, taken)
        assert await unit.fetch("SELECT backlog, override FROM deliveries WHERE backlog") == []
    await owner.close()
    await ledger.close()
