"""Many rows: those that are done or well under way hide nothing, and the claim stays quick without statistics."""

import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from hub.domain.delivery import Next, State
from hub.domain.errors import ConfigError
from hub.domain.event import Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.claim import CLAIM, PROBE_S, Intent, claim, heartbeat, intend, reap
from hub.ledger.database import Database
from hub.ledger.look import work
from hub.ledger.settle import Ended, Outcome, settle

AT = datetime(2026, 11, 28, tzinfo=UTC)
DONE = 200_000
ROUNDS = 15
ADD = """
INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state,
  lease_until, done_at)
SELECT 'demo', $1 || n, (SELECT id FROM events WHERE tenant_id = 'demo' LIMIT 1), $1, n, 'acme', 'acme.book', 'm@1:0',
  $1 || n % 1000, $1 || n, $2, CASE WHEN $2 = 'sending' THEN now() + make_interval(secs => $4) END,
  CASE WHEN $2 = 'done' THEN now() END
FROM generate_series(1, $3::int) AS n
"""
AGAIN = Outcome(Next(State.WAITING, 0))


@pytest.fixture
async def ledger(migrated: Addresses, database: Database) -> Database:
    """A ledger with one event, whose deliveries nobody ever analyzes."""
    owner: Any = await asyncpg.connect(migrated.owner)
    await owner.execute("ALTER TABLE deliveries SET (autovacuum_enabled = false)")
    await owner.close()
    async with database.unit("demo") as unit:
        await unit.emit(Inbound("contract.approved", "c", "c", AT, {}))
    return database


async def add(ledger: Database, name: str, state: str, many: int, lease_s: float = 60) -> None:
    async with ledger.unit("demo") as unit:
        await unit.execute("SET LOCAL statement_timeout = '60s'")
        await unit.execute(ADD, name, state, many, lease_s)


async def test_five_stuck_ones_are_freed_at_once_among_ten_thousand_that_live(ledger: Database) -> None:
    await add(ledger, "live", "sending", 5000)
    await add(ledger, "stuck", "sending", 5, lease_s=-1)
    await add(ledger, "also live", "sending", 5000)
    async with ledger.unit("demo") as unit:
        assert await reap(unit) == {"acme"}
        freed = [row["flow"] for row in await unit.fetch("SELECT flow FROM deliveries WHERE state = 'waiting'")]
    assert freed == ["stuck"] * 5


async def deliver(ledger: Database, took: dict[str, list[float]]) -> None:
    """A delivery's whole way, and a sweep; how long each step took."""
    began = time.perf_counter()

    def lap(step: str) -> None:
        nonlocal began
        now = time.perf_counter()
        took.setdefault(step, []).append(now - began)
        began = now

    async with ledger.unit("demo") as unit:
        (delivery,) = await claim(unit, "acme", 1, 15)
    lap("claim")
    async with ledger.unit("demo") as unit:
        attempts = await intend(unit, [Intent(delivery, {})])
    lap("intend")
    async with ledger.unit("demo") as unit:
        assert await heartbeat(unit, [delivery], 15) == set()
    lap("heartbeat")
    async with ledger.unit("demo") as unit:
        assert await settle(unit, [Ended(delivery, attempts[delivery.id], None, {}, AGAIN)]) == {delivery.id}
    lap("settle")
    async with ledger.unit("demo") as unit:
        await reap(unit)
    assert (await work(ledger, ())).due == [("demo", "acme")]
    lap("sweep")


async def quickest(ledger: Database) -> dict[str, float]:
    """Seconds of the quickest of some rounds, by step."""
    took: dict[str, list[float]] = {}
    for _ in range(ROUNDS):
        await deliver(ledger, took)
    return {step: min(each) for step, each in took.items()}


async def test_two_hundred_thousand_done_rows_that_nobody_analyzed_slow_nothing_down(
    ledger: Database, migrated: Addresses
) -> None:
    patient = await Database.open(migrated.app, 2, longest_s=60)
    await add(ledger, "due", "pending", 1)
    empty = await quickest(ledger)
    await add(patient, "done", "done", DONE)
    crowded = await quickest(patient)
    slower = {step: took / empty[step] for step, took in crowded.items()}
    assert max(slower.values()) < 5, slower
    async with ledger.unit("demo") as unit:
        began = time.perf_counter()
        assert len(await claim(unit, "acme", 1, 15)) == 1
    assert time.perf_counter() - began < 10 * empty["claim"], "also by a connection that knew it empty"
    await patient.close()


async def test_a_backlog_that_nobody_analyzed_does_not_slow_the_claim_down(ledger: Database) -> None:
    async def take() -> float:
        with suppress(ConfigError):
            async with ledger.unit("demo") as unit:
                began = time.perf_counter()
                assert len(await claim(unit, "acme", 10, 15)) == 10
                took = time.perf_counter() - began
                raise ConfigError("give them back")
        return took

    await add(ledger, "due", "pending", 10)
    short = min([await take() for _ in range(ROUNDS)])
    await add(ledger, "waits", "pending", 5000)
    long = min([await take() for _ in range(ROUNDS)])
    assert long < 10 * short


async def test_the_claim_finds_what_is_due_by_its_indexes(ledger: Database) -> None:
    await add(ledger, "done", "done", 10_000)
    await add(ledger, "due", "pending", 2_000)
    async with ledger.unit("demo") as unit:
        rows = await unit.fetch(f"EXPLAIN {CLAIM}", "demo", "acme", 10, 15.0, PROBE_S, 0, 10)
    plan = "\n".join(row[0] for row in rows)
    assert "Seq Scan on deliveries" not in plan, plan
    assert "(lane = d_1.lane)" in plan, plan
    for index in ("deliveries_next", "deliveries_lane", "deliveries_running", "deliveries_pkey"):
        assert index in plan, plan
