"""Whether one customer can slow another: `python -m tests.benchmarks.fairness`, one JSON.

`vendors`: a vendor accepts and never answers while deliveries wait for it; the dwell (our 2xx to the vendor's socket)
of another vendor beside it, against its quiet value. `tenants`: ten tenants at a quiet load, then one of them sends a
hundred times as much; the dwell of the nine others against their quiet value. `records`: a vendor that answers after a
second; the dwell of its own deliveries, which should not wait for one another. Quiet and beside take turns.
"""

import argparse
import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from tests.benchmarks.load import load
from tests.benchmarks.run import seen
from tests.benchmarks.scene import NEVER_MS, Scene, dwell_ms, play, posts, say, scene, spread

TENANTS = [f"t{n}" for n in range(10)]
FLOOD = 100
SLOW_MS = "1000"
AHEAD_S = 1.0
"""How long a flood runs before the others are measured beside it."""

CLEAR = """
WITH well AS (DELETE FROM gates WHERE tenant_id = $1 AND connection = $2)
UPDATE deliveries SET state = 'cancelled', lease_until = NULL
WHERE tenant_id = $1 AND connection = $2 AND state NOT IN ('done', 'dead', 'cancelled')
"""
WAITING = "SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND connection = $2 AND state IN ('pending', 'waiting')"


@dataclass(frozen=True, slots=True)
class Fairness:
    """The measurements of one run: `seconds` each, at `per_s` for each tenant or vendor."""

    stage: Scene
    serve: str
    sink: str
    seconds: float
    per_s: float

    async def dwell(
        self, tenants: Sequence[str], prefix: str, per_s: float, event: str = "contract.approved", sink: str = ""
    ) -> list[float]:
        """Send at a rate, the tenants in turn; the dwell of every event in ms, sorted."""
        numbers = [f"{prefix}-{n}" for n in range(int(per_s * self.seconds))]
        requests = [posts(tenants[place % len(tenants)], [number], event)[0] for place, number in enumerate(numbers)]
        made = await load(self.serve, requests, 16, per_s)
        if made.wrong:
            raise RuntimeError(f"{len(made.wrong)} answers were not 200, such as {made.wrong[0]!r}")
        return dwell_ms(made, numbers, await seen(sink or self.sink, prefix, len(numbers)))

    async def beside_a_silent_vendor(self, number: int, waiting: int) -> dict[str, Any]:
        """One round: quiet, then with so many waiting for the silent one."""
        quiet = await self.dwell(["t1"], f"vq{number}", self.per_s * 10)
        await self.stage.hold("t1", "stuck")
        await load(self.serve, posts("t1", [f"vs{number}-{n}" for n in range(waiting)], "contract.noted"), 64)
        await self.stage.release("t1", "stuck")
        beside = await self.dwell(["t1"], f"vb{number}", self.per_s * 10)
        left = (await self.stage.ask("t1", WAITING, "stuck"))[0][0]
        await self.stage.hold("t1", "stuck")
        await asyncio.sleep(3)  # the attempts under way end
        await self.stage.ask("t1", CLEAR, "stuck")
        return {**_compared(quiet, beside), "still_waiting": left}

    async def beside_one_another(self, number: int, slow: str) -> dict[str, Any]:
        """One round: a vendor that answers at once, then one that takes a second."""
        quiet = await self.dwell(["t2"], f"rq{number}", self.per_s * 3)
        beside = await self.dwell(["t2"], f"rb{number}", self.per_s * 3, "contract.noted", slow)
        await self.stage.quiet("t2", "stuck")
        return _compared(quiet, beside)

    async def beside_a_flood(self, number: int) -> dict[str, Any]:
        """One round: nine tenants at a quiet load, then again while the tenth floods."""
        others, rate = TENANTS[1:], self.per_s * 9
        quiet = await self.dwell(others, f"tq{number}", rate)
        flood = int(FLOOD * self.per_s * (self.seconds + AHEAD_S))
        self.stage.start("send", self.serve, "t0", f"fl{number}", str(flood), str(FLOOD * self.per_s))
        sender = self.stage.running["send"]
        if sender.stdin is None:
            raise RuntimeError("the sender cannot be told")
        sender.stdin.write("go\n")
        sender.stdin.flush()
        await asyncio.sleep(AHEAD_S)
        beside = await self.dwell(others, f"tb{number}", rate)
        backlog = (await self.stage.ask("t0", WAITING, "bench"))[0][0]
        told = await asyncio.to_thread(self.stage.told, sender)
        self.stage.stop("send")
        await self.stage.quiet("t0", "bench")
        rate = round(flood / told["seconds"], 1)
        return {
            **_compared(quiet, beside),
            "flood_accepted_per_s": rate,
            "flood_refused": told["refused"],
            "flood_waiting_at_end": backlog,
        }


def _compared(quiet: Sequence[float], beside: Sequence[float]) -> dict[str, Any]:
    before, after = spread(quiet), spread(beside)
    return {"quiet_ms": before, "beside_ms": after, "p95_ratio": round(after["p95"] / before["p95"], 2)}


async def fairness(rounds: int, seconds: float, per_s: float, waiting: int) -> dict[str, Any]:
    """Both halves; the median of the rounds' ratios, and every round."""
    async with scene(TENANTS) as stage:
        sinks = ("0", "0", NEVER_MS, SLOW_MS)
        sink, flooded, silent, slow = (stage.start("sink", ms, name=f"sink-{n}") for n, ms in enumerate(sinks))
        for tenant in TENANTS:
            await stage.connect(tenant, "bench", flooded if tenant == "t0" else sink)
        await stage.connect("t1", "stuck", silent)
        await stage.connect("t2", "stuck", slow)
        serve = stage.start("serve")
        stage.start("work", announces=False)
        now = Fairness(stage, serve, sink, seconds, per_s)
        await now.dwell(TENANTS[1:], "warm", per_s * 9)
        await stage.analyze()
        vendors, tenants, records = [], [], []
        for number in range(rounds):
            vendors.append(await now.beside_a_silent_vendor(number, waiting))
            say(f"vendors {vendors[-1]}")
            tenants.append(await now.beside_a_flood(number))
            say(f"tenants {tenants[-1]}")
            records.append(await now.beside_one_another(number, slow))
            say(f"records {records[-1]}")
    return {
        "vendor_p95_ratio": median(each["p95_ratio"] for each in vendors),
        "tenant_p95_ratio": median(each["p95_ratio"] for each in tenants),
        "record_p95_ratio": median(each["p95_ratio"] for each in records),
        "waiting": waiting,
        "per_s_of_a_tenant": per_s,
        "vendors": vendors,
        "tenants": tenants,
        "records": records,
    }


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--seconds", type=float, default=6.0)
    options.add_argument(
        "--per-s", type=float, default=2.0, help="what a tenant sends quietly; the flood is 100 times it"
    )
    options.add_argument("--waiting", type=int, default=5000)
    chosen = options.parse_args()
    play(fairness(chosen.rounds, chosen.seconds, chosen.per_s, chosen.waiting))


if __name__ == "__main__":
    main()
