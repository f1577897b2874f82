"""How long an explanation takes beside many deliveries: `python -m tests.benchmarks.explain`, one JSON.

A ledger of so many payments, each written by two versions of a mapping, the second over the first; then so many
fields of payments picked at random are explained, one after the other. Milliseconds of CPU and of the clock.
"""

import argparse
import asyncio
import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import asyncpg

import core_crm
from hub.embedded.postgres import Addresses, Cluster
from hub.ledger.migrate import add_tenant, upgrade
from tests.hub.api.told import World, written

FILL = """
WITH n AS (SELECT generate_series(1, $1) AS n),
e AS (INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data)
  SELECT 'demo', 'evt_' || v || '_' || n, 'kingdee', 'record_payment', n::text, v || '/' || n, now(),
    jsonb_build_object('external_id', n::text, 'number', 'SKD-' || n, 'amount', '100.0' || v, 'currency', 'CNY',
      'receivable_number', '', 'paid_on', '2026-11-28', 'modified_at', '2026-11-28T08:00:0' || v || '+08:00')
  FROM n, generate_series(1, 2) AS v RETURNING id, subject, data),
d AS (INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state,
    attempts, payload, result, wrote, done_at)
  SELECT 'demo', replace(id, 'evt', 'dlv'), id, 'news', 0, 'crm', 'crm.record_payment', $2, subject, subject, 'done',
    1, data, jsonb_build_object('id', 'pay_' || subject, 'number', ''), 'pay_' || subject, now() FROM e)
INSERT INTO payments (tenant_id, id, source, external_id, number, currency, amount, paid_on, modified_at)
SELECT 'demo', 'pay_' || n, 'kingdee', n::text, 'SKD-' || n, 'CNY', 100.02, '2026-11-28', '2026-11-28T08:00:02+08:00'
FROM n
"""
FIELDS = ("amount", "number", "currency", "paid_on", "modified_at")


async def fill(addresses: Addresses, deliveries: int, pin: str) -> None:
    """The ledger and the CRM as they are after so many deliveries."""
    owner: Any = await asyncpg.connect(addresses.owner)
    await owner.execute("SELECT set_config('app.tenant', 'demo', false)")
    await owner.execute(FILL.replace("$1", str(deliveries // 2)).replace("$2", f"'{pin}'"))
    await owner.execute("ANALYZE")
    await owner.close()


async def measure(world: World, payments: int, asked: int, older: bool) -> dict[str, float]:
    """Milliseconds of explanations; with an `older` mapping its text is read from the ledger each time."""
    if older:
        await world.run(written("record_payment", version=2, amount="paid"))
    took = []
    picked, began = random.Random(7), time.process_time()
    for _ in range(asked):
        payment, name = f"pay_{picked.randint(1, payments)}", picked.choice(FIELDS)
        start = time.perf_counter()
        told = await world.explain("payment", payment, name)
        took.append(1000 * (time.perf_counter() - start))
        if told["by"] != "mapping" or told["written"]["mapping"]["line"] < 1 or told["before"] is None:
            raise RuntimeError(f"not explained: {told}")
    cpu_ms = 1000 * (time.process_time() - began) / asked
    p99 = quantiles(took, n=100)[98]
    return {"median_ms": median(took), "p99_ms": p99, "slowest_ms": max(took), "cpu_ms": cpu_ms}


async def run(addresses: Addresses, deliveries: int, asked: int) -> dict[str, Any]:
    """Both measurements."""
    world = await World(addresses).open()
    try:
        await fill(addresses, deliveries, world.running["record_payment"].pin)
        await world.explain("payment", "pay_1", "amount")
        return {
            "deliveries": deliveries,
            "asked": asked,
            "running": await measure(world, deliveries // 2, asked, older=False),
            "older": await measure(world, deliveries // 2, asked, older=True),
        }
    finally:
        await world.database.close()


def main() -> None:
    """Read the options, run, print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deliveries", type=int, default=200_000)
    parser.add_argument("--asked", type=int, default=500)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        cluster = Cluster(Path(directory) / "pg")
        addresses = asyncio.run(cluster.database("explain"))
        upgrade(addresses.owner, [core_crm.MIGRATIONS])
        asyncio.run(add_tenant(addresses.owner, "demo", "演示"))
        found = asyncio.run(run(addresses, asked.deliveries, asked.asked))
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
