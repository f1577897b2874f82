"""What a large table costs: `python -m tests.benchmarks.table --rows 5000000`, one JSON.

The same steps on an empty ledger and on one with so many done deliveries, each in a database of its own: claim,
intend and settle while new work trickles in, and what the sweep, the reaper, `/readyz`, `/metrics` and the lists of
the console ask. `--blocked` deliveries wait behind one dead letter on the connection that is claimed from.
"""

import argparse
import asyncio
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import asyncpg

import core_crm
from hub.domain.delivery import Next, Owed, State
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses, Cluster
from hub.ledger.claim import Claimed, Intent, claim, intend, reap
from hub.ledger.connections import save
from hub.ledger.database import Database, Unavailable
from hub.ledger.look import work
from hub.ledger.migrate import add_tenant, upgrade
from hub.ledger.queries import Wanted, clock_s, count_everything, is_migrated, newest
from hub.ledger.settle import Ended, Outcome, settle
from hub.sdk import Made
from tests.benchmarks.scene import play, say, spread

TENANT, CONNECTION = "demo", "bench"
LEASE_S, MOST, TIMES = 15.0, 10, 20
CHUNK = 250_000
NOW = datetime.fromtimestamp(0, UTC)

EVENTS = """
INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, recorded_at, data)
SELECT $1, 'evt_' || lpad(n::text, 28, '0'), 'crm', 'contract.approved', 'r' || n / 3, 'k' || n,
  now() - make_interval(secs => $4 - n), now() - make_interval(secs => $4 - n), '{"number": "HT-2026-0001"}'
FROM generate_series($2::bigint, $3::bigint) n
"""
DELIVERIES = """
INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state, fence,
  attempts, payload, payload_hash, result, due_at, created_at, updated_at, done_at)
SELECT $1, 'dlv_' || lpad(n::text, 28, '0'), 'evt_' || lpad(n::text, 28, '0'), 'contract-to-bill', 0, 'bench',
  'bench.book', 'bench.contract__bench.bill@1', 'r' || n / 3, 'r' || n / 3, 'done', 1, 1,
  '{"number": "AR-HT-2026-0001"}', md5(n::text), '{"id": "1", "number": "AR-HT-2026-0001"}', at, at, at, at
FROM generate_series($2::bigint, $3::bigint) n, LATERAL (SELECT now() - make_interval(secs => $4 - n) AS at) t
"""


def _owes(event: Event) -> Sequence[Owed]:
    step = ("bench", 0, CONNECTION, "bench.book", "bench.contract__bench.bill@1")
    return [Owed(*step, lane=event.subject, record=event.subject)]


async def _fill(owner_url: str, rows: int) -> None:
    """Done deliveries of long ago, one for each of as many events."""
    owner = await asyncpg.connect(owner_url, server_settings={"app.tenant": TENANT, "synchronous_commit": "off"})
    for first in range(1, rows + 1, CHUNK):
        last = min(first + CHUNK - 1, rows)
        for sql in (EVENTS, DELIVERIES):
            await owner.execute(sql, TENANT, first, last, float(rows + 86_400))
        say(f"{last} of {rows} rows")
    await owner.execute("VACUUM (ANALYZE) events")
    await owner.execute("VACUUM (ANALYZE) deliveries")
    await owner.close()


@asynccontextmanager
async def _ledger(cluster: Cluster, name: str, rows: int) -> AsyncIterator[tuple[Database, Addresses]]:
    addresses = await cluster.database(name)
    await asyncio.to_thread(upgrade, addresses.owner, [core_crm.MIGRATIONS])
    await add_tenant(addresses.owner, TENANT, "Bench")
    await _fill(addresses.owner, rows)
    database = await Database.open(addresses.app, 2, _owes)
    try:
        async with database.unit(TENANT) as unit:
            await save(unit, CONNECTION, CONNECTION, {}, {})
        yield database, addresses
    finally:
        await database.close()


class Table:
    """The steps on one ledger, and how long each took."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.ms: dict[str, list[float]] = {}
        self._told = 0

    async def timed(self, name: str, do: Callable[[], Awaitable[Any]]) -> Any:
        """Do it; note its milliseconds, or that PostgreSQL gave up on it."""
        began = time.perf_counter()
        try:
            return await do()
        except (Unavailable, asyncpg.QueryCanceledError):
            return None
        finally:
            self.ms.setdefault(name, []).append(1000 * (time.perf_counter() - began))

    async def trickle(self, count: int, subject: str = "") -> None:
        """New work: each of a record of its own, or all of one."""
        numbers = range(self._told, self._told + count)
        self._told += count
        facts = [
            Inbound("contract.approved", subject or f"new{n}", f"new{n}", NOW, {"number": f"{n}"}) for n in numbers
        ]
        async with self.database.unit(TENANT) as unit:
            await unit.record("crm", facts)

    async def block(self, count: int) -> None:
        """A dead letter, and so many that wait behind it."""
        await self.trickle(1, "poisoned")
        await self._end(await self._claimed(), State.DEAD)
        await self.trickle(count, "poisoned")

    async def claims(self, count: int) -> None:
        """So many claims, with intent and settlement, while new work comes in."""
        for _ in range(count):
            await self.trickle(MOST)
            claimed = await self._claimed()
            await self.timed("intend", partial(self._intend, claimed))
            await self.timed("settle", partial(self._end, claimed, State.DONE))

    async def _claimed(self) -> list[Claimed]:
        async with self.database.unit(TENANT) as unit:
            claimed: list[Claimed] = await self.timed("claim", lambda: claim(unit, CONNECTION, MOST, LEASE_S))
        return claimed

    async def _intend(self, claimed: Sequence[Claimed]) -> None:
        async with self.database.unit(TENANT) as unit:
            await intend(unit, [Intent(each, {"number": "1"}) for each in claimed])

    async def _end(self, claimed: Sequence[Claimed], state: State) -> None:
        outcome = Outcome(Next(state), Made(id="1", number="1") if state is State.DONE else None)
        async with self.database.unit(TENANT) as unit:
            await settle(unit, [Ended(each, None, None, None, outcome) for each in claimed])

    async def questions(self) -> None:
        """What the sweep, monitoring and people ask, again and again."""
        lists = {
            "list_newest": Wanted(),
            "list_deep_page": Wanted(before=1000),
            "list_of_a_record": Wanted(record="r77"),
            "list_dead": Wanted(states=("dead",)),
            "list_of_a_flow": Wanted(flow="contract-to-bill"),
            "list_of_a_flow_without_any": Wanted(flow="no-such-flow"),
            "list_of_a_connection_without_any": Wanted(connection="no-such-connection"),
        }
        for _ in range(TIMES):
            for name, wanted in lists.items():
                await self.timed(name, partial(self._list, wanted))
            await self.timed("reaper", self._reap)
            await self.timed("sweep", lambda: work(self.database, ()))
            await self.timed("readyz", self._ready)
        for _ in range(3):
            await self.timed("metrics", lambda: count_everything(self.database))

    async def _list(self, wanted: Wanted) -> None:
        async with self.database.unit(TENANT) as unit:
            await newest(unit, wanted)

    async def _reap(self) -> None:
        async with self.database.unit(TENANT) as unit:
            await reap(unit)

    async def _ready(self) -> None:
        await is_migrated(self.database)
        await clock_s(self.database)


async def _measured(cluster: Cluster, name: str, rows: int, claims: int, blocked: int) -> dict[str, Any]:
    async with _ledger(cluster, name, rows) as (database, addresses):
        table = Table(database)
        if blocked:
            await table.block(blocked)
        table.ms.clear()
        await table.claims(claims)
        await table.questions()
        owner = await asyncpg.connect(addresses.owner)
        size = await owner.fetchval("SELECT pg_database_size(current_database()) / 1048576")
        await owner.close()
    return {"rows": rows, "blocked": blocked, "size_mb": size, **{step: spread(ms) for step, ms in table.ms.items()}}


async def table(rows: int, claims: int, blocked: int) -> dict[str, Any]:
    """The empty ledger, the full one, and the empty one with a blocked lane."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as place:
        cluster = Cluster(Path(place) / "postgres")
        empty = await _measured(cluster, "hub_empty", 0, claims, 0)
        behind = await _measured(cluster, "hub_behind", 0, max(50, claims // 20), blocked)
        full = await _measured(cluster, "hub_full", rows, claims, 0)
    return {
        "claims": claims,
        "claim_p99_ms": full["claim"]["p99"],
        "claim_p99_ratio": round(full["claim"]["p99"] / empty["claim"]["p99"], 2),
        "empty": empty,
        "full": full,
        "behind_a_dead_letter": behind,
    }


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=5_000_000)
    options.add_argument("--claims", type=int, default=2000)
    options.add_argument("--blocked", type=int, default=10_000)
    chosen = options.parse_args()
    play(table(chosen.rows, chosen.claims, chosen.blocked))


if __name__ == "__main__":
    main()
