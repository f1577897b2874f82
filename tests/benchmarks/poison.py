"""Whether records that will never pass slow the others: `python -m tests.benchmarks.poison`, one JSON.

So many lanes wait for a vendor that takes 200 ms; in the poisoned run one record in a hundred cannot be mapped, and
more events of it wait behind each. Healthy deliveries a second with poison, against the clean run before it.
"""

import argparse
from dataclasses import dataclass
from statistics import median
from typing import Any

from hub.sdk import dumps, loads
from tests.benchmarks.contract import contract
from tests.benchmarks.load import load, request
from tests.benchmarks.run import seen
from tests.benchmarks.scene import Scene, play, posts, say, scene

TENANT = "t0"
WITHOUT = "currency"
"""What a poisoned contract lacks, and the mapping requires."""

STATES = "SELECT state, count(*) FROM deliveries WHERE tenant_id = $1 AND connection = 'bench' GROUP BY 1"
BURY = "UPDATE deliveries SET state = 'cancelled' WHERE tenant_id = $1 AND state IN ('dead', 'pending')"


@dataclass(frozen=True, slots=True)
class Poison:
    """The measurements of one run."""

    stage: Scene
    serve: str
    sink: str
    lanes: int
    every: int
    behind: int

    async def throughput(self, prefix: str, poisoned: bool) -> tuple[float, dict[str, int]]:
        """Healthy deliveries a second once all wait and the connection is released; states at the end."""
        healthy = [n for n in range(self.lanes) if n % self.every]
        ill = [n for n in range(self.lanes) if n % self.every == 0] if poisoned else []
        requests = posts(TENANT, [f"{prefix}-{n}" for n in healthy])
        for place, n in enumerate(ill):
            requests.insert(place * self.every, _poisoned(f"{prefix}x-{n}"))
        for n in ill:
            requests += [_poisoned(f"{prefix}x-{n}", turn) for turn in range(1, self.behind + 1)]
        await self.stage.hold(TENANT, "bench")
        made = await load(self.serve, requests, 64)
        if made.wrong:
            raise RuntimeError(f"{len(made.wrong)} answers were not 200, such as {made.wrong[0]!r}")
        await self.stage.release(TENANT, "bench")
        arrived = sorted((await seen(self.sink, prefix, len(healthy))).values())
        await self.stage.quiet(TENANT, "bench", at_most=len(ill) * self.behind)
        states = {row[0]: row[1] for row in await self.stage.ask(TENANT, STATES)}
        await self.stage.ask(TENANT, BURY)
        return (len(arrived) - 1) / (arrived[-1] - arrived[0]), states


def _poisoned(number: str, turn: int = 0) -> bytes:
    fields = loads(contract(f"{number}-{turn}")) | {"record": number}
    del fields[WITHOUT]
    return request(f"/hooks/{TENANT}.bench", dumps(fields).encode())


async def poison(rounds: int, lanes: int, sink_ms: int, every: int, behind: int) -> dict[str, Any]:
    """Clean and poisoned runs in turn; the median of their ratios."""
    async with scene([TENANT], HUB_HOOK_PER_S="100000", HUB_HOOK_BURST="1000000") as stage:
        sink = stage.start("sink", str(sink_ms))
        await stage.connect(TENANT, "bench", sink)
        serve = stage.start("serve")
        stage.start("work", announces=False)
        now = Poison(stage, serve, sink, lanes, every, behind)
        await Poison(stage, serve, sink, 200, 100, 0).throughput("warm", False)
        await stage.analyze()
        clean: list[float] = []
        ill: list[float] = []
        states: dict[str, int] = {}
        for number in range(rounds):
            clean.append((await now.throughput(f"c{number}", False))[0])
            rate, states = await now.throughput(f"p{number}", True)
            ill.append(rate)
            say(f"{number + 1}/{rounds}: clean {clean[-1]:.0f}/s, poisoned {ill[-1]:.0f}/s")
    return {
        "ratio": round(median(after / before for before, after in zip(clean, ill, strict=True)), 3),
        "clean_per_s": [round(each, 1) for each in clean],
        "poisoned_per_s": [round(each, 1) for each in ill],
        "lanes": lanes,
        "poisoned_lanes": len(range(0, lanes, every)),
        "behind_each": behind,
        "sink_ms": sink_ms,
        "states_of_the_last_run": states,
    }


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=2)
    options.add_argument("--lanes", type=int, default=5000)
    options.add_argument("--sink-ms", type=int, default=200)
    options.add_argument("--every", type=int, default=100, help="one record in so many is poisoned")
    options.add_argument("--behind", type=int, default=20, help="events that wait behind each poisoned one")
    chosen = options.parse_args()
    play(poison(chosen.rounds, chosen.lanes, chosen.sink_ms, chosen.every, chosen.behind))


if __name__ == "__main__":
    main()
