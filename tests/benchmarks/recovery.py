"""How long a killed worker's deliveries lie: `python -m tests.benchmarks.recovery`, one JSON.

Two workers deliver a steady stream; one of them is killed with SIGKILL, again and again, in turn. Measured from the
kill until the last delivery that it had begun is at the vendor again, or settled, through the other worker. Which
ones it had is seen by the fence: what the survivor finished itself was settled under the fence it had at the kill.
"""

import argparse
import asyncio
import time
from itertools import count
from typing import Any

from tests.benchmarks.load import load
from tests.benchmarks.scene import Scene, play, posts, say, scene, spread

TENANT = "t0"
WORKERS = ("work", "work-2")
RISE_S = 4.0
"""How long a new worker takes until it has its share."""

PATIENCE_S = 120.0
BEGUN = "SELECT id, fence FROM deliveries WHERE tenant_id = $1 AND state IN ('claimed', 'sending')"
AGAIN = """
SELECT d.id, d.fence > b.fence AS anew FROM deliveries d JOIN unnest($2::text[], $3::int[]) AS b (id, fence) USING (id)
WHERE d.tenant_id = $1 AND CASE WHEN d.fence > b.fence THEN d.state NOT IN ('pending', 'waiting', 'claimed')
  ELSE d.state NOT IN ('claimed', 'sending') END
"""


async def _stream(serve: str, rate: float) -> None:
    """Send until cancelled."""
    for part in count():
        await load(serve, posts(TENANT, [f"r{part}-{n}" for n in range(int(rate))]), 8, rate)


async def _kill(stage: Scene, name: str) -> tuple[float, int]:
    """Kill one worker; seconds until its last delivery went on, and how many it had. Another takes its place."""
    stage.kill(name)
    killed = time.monotonic()
    left = {row[0]: row[1] for row in await stage.ask(TENANT, BEGUN)}
    stage.start("work", name=name, announces=False)
    last, orphans = 0.0, 0
    while left and time.monotonic() < killed + PATIENCE_S:
        for delivery, anew in await stage.ask(TENANT, AGAIN, list(left), list(left.values())):
            del left[delivery]
            if anew:
                last, orphans = time.monotonic() - killed, orphans + 1
        await asyncio.sleep(0.02)
    if left:
        raise TimeoutError(f"{len(left)} deliveries did not go on within {PATIENCE_S} s")
    return last, orphans


async def recovery(kills: int, rate: float, sink_ms: int, lease_s: int) -> dict[str, Any]:
    """Kill so many times; percentiles over those kills that left something lying."""
    async with scene([TENANT], HUB_LEASE_S=str(lease_s)) as stage:
        await stage.connect(TENANT, "bench", stage.start("sink", str(sink_ms)))
        serve = stage.start("serve")
        for name in WORKERS:
            stage.start("work", name=name, announces=False)
        streaming = asyncio.create_task(_stream(serve, rate))
        await asyncio.sleep(RISE_S)
        await stage.analyze()
        lay, orphans, idle = [], [], 0
        for number in range(kills):
            seconds, had = await _kill(stage, WORKERS[number % 2])
            if had:
                lay.append(1000 * seconds)
                orphans.append(had)
            else:
                idle += 1
            say(f"{number + 1}/{kills}: {had} lay for {seconds:.2f} s")
            await asyncio.sleep(RISE_S)
        streaming.cancel()
        await asyncio.gather(streaming, return_exceptions=True)
        await stage.quiet(TENANT, "bench")
    return {
        "kills": kills,
        "kills_that_left_nothing": idle,
        "redelivery_ms": spread(lay) if lay else {},
        "deliveries_left_lying": sum(orphans),
        "lease_s": lease_s,
        "sink_ms": sink_ms,
        "rate": rate,
    }


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--kills", type=int, default=20)
    options.add_argument("--rate", type=float, default=50.0)
    options.add_argument("--sink-ms", type=int, default=300)
    options.add_argument("--lease-s", type=int, default=15)
    chosen = options.parse_args()
    play(recovery(chosen.kills, chosen.rate, chosen.sink_ms, chosen.lease_s))


if __name__ == "__main__":
    main()
