"""What a long run costs in memory, wake-ups and rest: `python -m tests.benchmarks.soak`, one JSON.

Sends events at a steady rate and notes the memory of the API and the worker every five seconds: its slope once they
are warm, by least squares. Then counts wake-up jobs for each delivered event, and the CPU of a system that rests.
"""

import argparse
import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from redis.asyncio import Redis

from tests.benchmarks.load import load
from tests.benchmarks.run import percentile
from tests.benchmarks.scene import Scene, play, posts, say, scene

TENANT = "t0"
EACH_S = 5.0
WARM = 0.3
"""The share of the run in which memory may still grow: pools, caches, plans."""

PART = 2000
"""Requests made beforehand at a time."""

DWELL = """
SELECT 1000 * extract(epoch FROM a.started_at - d.created_at)::float8
FROM deliveries d JOIN attempts a ON a.tenant_id = d.tenant_id AND a.delivery_id = d.id AND a.number = 1
WHERE d.tenant_id = $1 ORDER BY d.seq DESC LIMIT 20000
"""
DONE = "SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND state = 'done'"


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the straight line that fits best, in y for each x; 0 for fewer than two points."""
    x, y = (sum(column) / max(len(points), 1) for column in zip(*points, strict=True)) if points else (0.0, 0.0)
    spread = sum((a - x) ** 2 for a, _ in points)
    return sum((a - x) * (b - y) for a, b in points) / spread if spread else 0.0


async def _jobs(redis: Redis) -> int:
    """Jobs that were enqueued so far: arq puts each into its queue with one ZADD."""
    told = await redis.info("commandstats")
    return int(told.get("cmdstat_zadd", {}).get("calls", 0))


def _rss_mb(stage: Scene) -> dict[str, float]:
    found = {}
    for role in ("serve", "work"):
        status = Path(f"/proc/{stage.running[role].pid}/status").read_text("utf-8")
        found[role] = round(int(status.partition("VmRSS:")[2].split()[0]) / 1024, 1)
    return found


async def _watch(stage: Scene, began: float, points: list[tuple[float, float]]) -> None:
    while True:
        points.append((time.monotonic() - began, sum(_rss_mb(stage).values())))
        await asyncio.sleep(EACH_S)


async def soak(events: int, rate: float, idle_s: float, sink_ms: int) -> dict[str, Any]:
    """Send, watch, rest."""
    async with scene([TENANT]) as stage:
        await stage.connect(TENANT, "bench", stage.start("sink", str(sink_ms)))
        serve = stage.start("serve")
        stage.start("work", announces=False)
        await load(serve, posts(TENANT, [f"warm-{n}" for n in range(300)]), 16, rate)
        await stage.quiet(TENANT, "bench")
        await stage.analyze()
        redis = Redis.from_url(stage.local.redis.url)
        start, jobs, cpu, began = _rss_mb(stage), await _jobs(redis), stage.cpu_s(), time.monotonic()
        points: list[tuple[float, float]] = []
        watching = asyncio.create_task(_watch(stage, began, points))
        for first in range(0, events, PART):
            numbers = [f"s-{n}" for n in range(first, min(first + PART, events))]
            made = await load(serve, posts(TENANT, numbers), 16, rate)
            if made.wrong:
                raise RuntimeError(f"{len(made.wrong)} answers were not 200, such as {made.wrong[0]!r}")
            if first % (10 * PART) == 0:
                say(f"{first + len(numbers)} of {events}: {_rss_mb(stage)}")
        await stage.quiet(TENANT, "bench")
        lasted = time.monotonic() - began
        watching.cancel()
        end, jobs, cpu = _rss_mb(stage), await _jobs(redis) - jobs, stage.cpu_s() - cpu
        done = (await stage.ask(TENANT, DONE))[0][0] - 300
        dwell = sorted(row[0] for row in await stage.ask(TENANT, DWELL))
        idle = await _idle(stage, idle_s)
        await redis.aclose()
    warm = [point for point in points if point[0] > WARM * lasted]
    per_s = slope(warm)
    return {
        "events": events,
        "delivered": done,
        "seconds": round(lasted, 1),
        "rss_start_mb": start,
        "rss_end_mb": end,
        "rss_end_together_mb": round(sum(end.values()), 1),
        "slope_mb_per_hour": round(per_s * 3600, 2),
        "slope_mb_per_100_000_events": round(per_s * lasted / events * 100_000, 2),
        "points": len(warm),
        "wake_up_jobs_per_event": round(jobs / events, 4),
        "cpu_ms_per_event": round(1000 * cpu / events, 2),
        "record_to_intent_p50_ms": round(percentile(dwell, 0.5), 1),
        "record_to_intent_p99_ms": round(percentile(dwell, 0.99), 1),
        "idle_share_of_a_core": idle,
    }


async def _idle(stage: Scene, seconds: float) -> float:
    """What hub and PostgreSQL use when there is nothing to do, as a share of one core."""
    await asyncio.sleep(2)
    before = stage.cpu_s()
    await asyncio.sleep(seconds)
    return round((stage.cpu_s() - before) / seconds, 4)


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--rate", type=float, default=300.0)
    options.add_argument("--idle-s", type=float, default=20.0)
    options.add_argument("--sink-ms", type=int, default=0)
    chosen = options.parse_args()
    play(soak(chosen.events, chosen.rate, chosen.idle_s, chosen.sink_ms))


if __name__ == "__main__":
    main()
