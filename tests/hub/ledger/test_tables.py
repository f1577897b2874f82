"""The ledger's tables: migrations go up and down, tenants are walled off, facts are recorded once."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import asyncpg
import pytest

import core_crm
from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.database import Database, Unavailable
from hub.ledger.look import work
from hub.ledger.migrate import downgrade, upgrade

FACT = Inbound("contract.submitted", "ctr_1", "contract.submitted:ctr_1", datetime(2026, 11, 28, tzinfo=UTC), {})


async def test_migrations_go_up_down_and_up_again(addresses: Addresses) -> None:
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])
    await asyncio.to_thread(downgrade, addresses.owner, [core_crm.MIGRATIONS])
    owner: Any = await asyncpg.connect(addresses.owner)
    left = await owner.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    await owner.close()
    assert [row["tablename"] for row in left] == ["alembic_version"]
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])


async def test_every_table_with_a_tenant_forces_row_level_security(migrated: Addresses) -> None:
    owner: Any = await asyncpg.connect(migrated.owner)
    rows = await owner.fetch(
        """SELECT c.relname, c.relrowsecurity, c.relforcerowsecurity,
             EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
                     AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL) AS policy,
             (SELECT bool_and(i.indkey[0] = a.attnum) FROM pg_index i WHERE i.indrelid = c.oid AND i.indisunique) AS led
           FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND a.attnotnull
           WHERE c.relkind = 'r'"""
    )
    await owner.close()
    assert len(rows) >= 10
    for row in rows:
        walls = (row["relrowsecurity"], row["relforcerowsecurity"], row["policy"], row["led"])
        assert walls == (True, True, True, True), row["relname"]


async def test_the_application_is_neither_owner_nor_superuser(migrated: Addresses) -> None:
    app: Any = await asyncpg.connect(migrated.app)
    role = await app.fetchrow("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
    owned = await app.fetchval("SELECT count(*) FROM pg_tables WHERE tableowner = current_user")
    await app.close()
    assert (role["rolsuper"], role["rolbypassrls"], owned) == (False, False, 0)


async def test_a_tenant_sees_and_writes_only_its_own_rows(database: Database) -> None:
    async with database.unit("demo") as unit:
        await unit.emit(FACT)
    async with database.unit("other") as unit:
        assert await unit.fetch("SELECT * FROM events") == []
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with database.unit("other") as unit:
            await unit.execute("INSERT INTO idempotency_keys (tenant_id, key, fingerprint) VALUES ('demo', 'k', 'f')")


async def test_a_fact_told_twenty_times_at_once_is_recorded_and_owed_once(migrated: Addresses) -> None:
    woken: list[tuple[str, str]] = []

    def plan(event: Event) -> list[Owed]:
        return [Owed("f", 0, "dingtalk", "dingtalk.create_approval", "m@1:0", event.subject, event.subject)]

    async def wake(tenant: str, connection: str) -> None:
        woken.append((tenant, connection))

    database = await Database.open(migrated.app, size=8, plan=plan, wake=wake)

    async def tell() -> int:
        async with database.unit("demo") as unit:
            return await unit.record("crm", [FACT])

    new = await asyncio.gather(*(tell() for _ in range(20)))
    async with database.unit("demo") as unit:
        owed = await unit.fetchval("SELECT count(*) FROM deliveries")
    assert (sum(new), owed, woken) == (1, 1, [("demo", "dingtalk")])
    assert (await work(database, ())).due == [("demo", "dingtalk")]
    await database.close()


async def test_an_optional_flow_owes_only_a_connection_there_is(migrated: Addresses) -> None:
    def plan(event: Event) -> list[Owed]:
        steps = [("yonyou", True), ("wecom", True), ("kingdee", False)]
        return [Owed("f", i, to, "a.b", "m@1:0", "l", "r", optional) for i, (to, optional) in enumerate(steps)]

    database = await Database.open(migrated.app, size=2, plan=plan)
    async with database.unit("demo") as unit:
        await save(unit, "yonyou", "yonyou", {}, {})
        await unit.emit(FACT)
        owed = [row["connection"] for row in await unit.fetch("SELECT connection FROM deliveries ORDER BY seq")]
    await database.close()
    assert owed == ["yonyou", "kingdee"]


async def test_money_in_an_event_comes_back_to_the_fen(database: Database) -> None:
    fact = Inbound("contract.submitted", "c", "k", FACT.occurred_at, {"amount": Decimal("628000.00")})
    async with database.unit("demo") as unit:
        await unit.emit(fact)
        data = await unit.fetchval("SELECT data FROM events")
    assert str(data["amount"]) == "628000.00"


async def test_a_failed_block_leaves_nothing_behind(database: Database) -> None:

    async def break_off() -> None:
        async with database.unit("demo") as unit:
            await unit.emit(FACT)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        await break_off()
    async with database.unit("demo") as unit:
        assert await unit.fetchval("SELECT count(*) FROM events") == 0


async def test_no_postgresql_is_said_so() -> None:
    with pytest.raises(Unavailable):
        await Database.open("postgresql://hub_app@127.0.0.1:1/hub", size=2)
