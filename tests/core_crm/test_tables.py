"""The home system's tables: every key begins with the tenant, they go away and come back."""

import asyncio
from typing import Any

import asyncpg
import pytest
from alembic import command
from alembic.config import Config

import core_crm
from hub.embedded.postgres import Addresses
from hub.ledger.migrate import LEDGER, add_tenant, downgrade, upgrade
from tests.core_crm.samples import PAID, act, draft, rows
from tests.core_crm.works import Works

TABLES = {
    *("customers", "contacts", "contracts", "contract_lines"),
    *("approvals", "receivables", "payments", "interactions"),
    *("contact_handles", "customer_facts", "customer_registry", "postings"),
}


async def ask(url: str, sql: str) -> list[Any]:
    connection: Any = await asyncpg.connect(url)
    try:
        return list(await connection.fetch(sql))
    finally:
        await connection.close()


async def tables(addresses: Addresses) -> set[str]:
    found = await ask(addresses.owner, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
    return {row["tablename"] for row in found}


async def test_the_tables_come_go_and_come_back(addresses: Addresses) -> None:
    for _ in range(2):
        await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])
        assert await tables(addresses) >= TABLES
        await asyncio.to_thread(downgrade, addresses.owner, [core_crm.MIGRATIONS])
        assert not await tables(addresses) & TABLES


OLD = (
    "INSERT INTO customers (tenant_id, id, number, name) VALUES ('demo', 'cus_1', 'C-1', '恒锐')",
    "INSERT INTO contacts (tenant_id, id, customer_id, name) VALUES ('demo', 'cnt_1', 'cus_1', '李工')",
    """INSERT INTO interactions (tenant_id, id, customer_id, kind, text, at)
       VALUES ('demo', 'int_1', 'cus_1', 'visit', '验收', now())""",
)
NEW = (
    "INSERT INTO contacts (tenant_id, id, name) VALUES ('demo', 'cnt_2', '王工')",
    "INSERT INTO contact_handles VALUES ('demo', 'hdl_1', 'cnt_2', 'wecom', 'wm_1', '', '', NULL, now())",
    """INSERT INTO interactions (tenant_id, id, contact_id, kind, text, at)
       VALUES ('demo', 'int_2', 'cnt_2', 'chat', '好', now())""",
)


async def test_rows_of_the_first_version_live_through_the_second_and_back(addresses: Addresses) -> None:
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])
    await asyncio.to_thread(step, addresses.owner, "crm_0001")
    await add_tenant(addresses.owner, "demo", "演示")
    seen = "SELECT (SELECT string_agg(id, ' ' ORDER BY id) FROM contacts) || ' ' || id FROM interactions ORDER BY id"
    assert await write(addresses.app, OLD, seen) == ["cnt_1 int_1"]
    await asyncio.to_thread(step, addresses.owner, "crm_0002")
    assert await write(addresses.app, NEW, seen) == ["cnt_1 cnt_2 int_1", "cnt_1 cnt_2 int_2"]
    await asyncio.to_thread(step, addresses.owner, "crm_0001")
    assert await write(addresses.app, (), seen) == ["cnt_1 int_1"]
    forced = "SELECT relname FROM pg_class WHERE relname IN ('contacts', 'interactions') AND relforcerowsecurity"
    assert len(await ask(addresses.owner, forced)) == 2


def step(owner: str, revision: str) -> None:
    """Bring the home system's tables to one revision, up or down."""
    config = Config()
    config.set_main_option("script_location", str(LEDGER))
    config.set_main_option("path_separator", "newline")
    config.set_main_option("version_locations", f"{LEDGER / 'versions'}\n{core_crm.MIGRATIONS}")
    config.attributes["url"] = owner
    move = command.upgrade if revision == "crm_0002" else command.downgrade
    move(config, revision)


async def write(url: str, statements: tuple[str, ...], seen: str) -> list[str]:
    """Run the statements as the tenant demo, commit, and say what is seen then."""
    connection: Any = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT set_config('app.tenant', 'demo', false)")
        for statement in statements:
            await connection.execute(statement)
        return [row[0] for row in await connection.fetch(seen)]
    finally:
        await connection.close()


async def test_every_table_is_walled_and_every_key_begins_with_its_tenant(migrated: Addresses) -> None:
    walls = await ask(
        migrated.owner,
        """SELECT c.relname AS name, c.relrowsecurity AND c.relforcerowsecurity AND EXISTS (SELECT FROM pg_policy p
             WHERE p.polrelid = c.oid AND p.polqual IS NOT NULL AND p.polwithcheck IS NOT NULL) AS walled
           FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace""",
    )
    assert {row["name"] for row in walls if row["walled"]} >= TABLES
    keys = await ask(
        migrated.owner,
        """SELECT k.conrelid::regclass::text AS name, k.contype, a.attname AS first, array_length(k.conkey, 1) AS width
           FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
           WHERE k.contype IN ('p', 'u', 'f') AND k.confrelid IS DISTINCT FROM 'tenants'::regclass""",
    )
    ours = [row for row in keys if row["name"] in TABLES]
    assert {row["name"] for row in ours if row["contype"] == b"p"} == TABLES
    assert len([row for row in ours if row["contype"] == b"f"]) == 13
    assert [row for row in ours if row["first"] != "tenant_id" or row["width"] < 2] == []


async def test_without_a_tenant_every_table_is_empty(works: Works) -> None:
    await act(works, "kingdee", "record_payment", **PAID)
    await draft(works)
    full = {table for table in TABLES if await rows(works, "TABLE " + table)}
    assert full == {"customers", "contracts", "contract_lines", "payments"}
    assert [table for table in TABLES if await rows(works, "TABLE " + table, "")] == []


async def test_even_a_forged_row_cannot_point_at_another_tenants_customer(works: Works) -> None:
    await draft(works, tenant="other")
    foreign = (await rows(works, "SELECT id FROM customers", "other"))[0][0]
    for tenant, refused in (("demo", asyncpg.ForeignKeyViolationError), ("other", asyncpg.InsufficientPrivilegeError)):
        with pytest.raises(refused):
            await forge(works, tenant, foreign)


async def forge(works: Works, tenant: str, customer_id: str) -> None:
    async with works.begin("demo") as unit:
        sql = "INSERT INTO contacts (tenant_id, id, customer_id, name) VALUES ($1, 'cnt_1', $2, '王工')"
        await unit.execute(sql, tenant, customer_id)


async def test_outstanding_cannot_be_written_only_computed(works: Works) -> None:
    with pytest.raises(asyncpg.GeneratedAlwaysError):
        await rows(works, "UPDATE receivables SET outstanding = 0")
