"""Which record a delivery wrote is known of those from before too, and of the home system's deliveries alone."""

import asyncio
from typing import Any

import asyncpg

import core_crm
from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from hub.ledger.lineage import MOST, writers
from hub.ledger.migrate import add_tenant, upgrade

OLD = "ledger_0009"
COUNT = 12_000
"""More than two pages of the migration."""

FILL = """
WITH e AS (INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data)
  SELECT $1, 'evt_' || n, 'acme', 'paid', n::text, n::text, now(), '{}' FROM generate_series(1, $2::int) AS n
  RETURNING id, subject)
INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state, result,
  done_at)
SELECT $1, replace(id, 'evt', 'dlv'), id, 'f', 0, 'crm', CASE subject WHEN '1' THEN 'acme.book' ELSE 'crm.pay' END,
  'm@1:0', subject, subject, CASE subject WHEN '2' THEN 'dead' ELSE 'done' END,
  jsonb_build_object('id', 'pay_' || subject), now()
FROM e
"""
ACTIONS = ["crm.pay", "acme.book"]


async def test_deliveries_from_before_are_found_by_what_they_wrote(addresses: Addresses) -> None:
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS], OLD)
    owner: Any = await asyncpg.connect(addresses.owner)
    for tenant, count in (("demo", COUNT), ("other", 3)):
        await add_tenant(addresses.owner, tenant, tenant)
        await owner.execute("SELECT set_config('app.tenant', $1, false)", tenant)
        await owner.execute(FILL, tenant, count)
    await owner.close()
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])
    ledger = await Database.open(addresses.app, 2)
    async with ledger.unit("demo") as unit:
        assert await unit.fetchval("SELECT count(*) FROM deliveries WHERE wrote IS NOT NULL") == COUNT - 2
        assert [each.id for each in await writers(unit, [f"pay_{COUNT}"], ACTIONS)] == [f"dlv_{COUNT}"]
        assert await writers(unit, ["pay_1", "pay_2"], ACTIONS) == []
        every = [f"pay_{n}" for n in range(1, COUNT)]
        assert len(await writers(unit, every, ACTIONS)) == MOST
        plan = await unit.fetch("EXPLAIN SELECT id FROM deliveries WHERE tenant_id = 'demo' AND wrote = 'pay_7'")
        assert "deliveries_wrote" in str(plan)
    async with ledger.unit("other") as unit:
        assert [each.id for each in await writers(unit, ["pay_3", "pay_7"], ACTIONS)] == ["dlv_3"]
    await ledger.close()
