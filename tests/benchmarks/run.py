"""`make bench`: what the hub costs, as ratios in one interleaved run on this machine; one JSON at the end.

`python -m tests.benchmarks.run --rounds 5 --events 3000`. Absolute figures are this machine's; compare ratios.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx
import simplejson
from pydantic import SecretStr

import core_crm
from hub.credentials import Vault
from hub.embedded.local import Local, start
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.migrate import add_tenant, upgrade
from hub.registry import Registry
from hub.sdk.http import Egress
from tests.benchmarks.contract import contract
from tests.benchmarks.load import SECRET, Loaded, load, request
from tests.benchmarks.sink_connector import Config, connector

HERE = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_S = 120.0
MODULES = {
    "serve": "tests.benchmarks.process",
    "work": "tests.benchmarks.process",
    "sink": "tests.benchmarks.servers",
    "bare": "tests.benchmarks.servers",
    "send": "tests.benchmarks.scene",
}
"""Where each process is."""


class Stage:
    """What runs, and how much CPU it has used."""

    def __init__(self, local: Local, folder: Path) -> None:
        self.local = local
        self._folder = folder
        self._environment = {**os.environ, **local.environment, "HUB_MAPPINGS_DIR": str(HERE / "mappings")}
        self._environment |= {"HUB_HOOK_PER_S": "100000", "HUB_HOOK_BURST": "1000000"}
        self.running: dict[str, subprocess.Popen[str]] = {}

    def start(self, role: str, *words: str, announces: bool = True) -> str:
        """Start a process; its address."""
        with (self._folder / f"{role}.log").open("a", encoding="utf-8") as log:
            self.running[role] = subprocess.Popen(
                [sys.executable, "-m", MODULES[role], role, *words],
                env=self._environment,
                stdout=subprocess.PIPE if announces else log,
                stderr=log,
                text=True,
            )
        stdout = self.running[role].stdout
        return str(json.loads(stdout.readline())["url"]) if announces and stdout else ""

    def stop(self, role: str) -> None:
        """End a process."""
        process = self.running.pop(role)
        process.terminate()
        process.wait(30)

    def cpu_s(self) -> float:
        """Seconds of CPU that the hub's processes and PostgreSQL have used."""
        ours = {self.running[role].pid for role in ("serve", "work") if role in self.running}
        return sum(_ticks(pid) for pid in ours | set(_postgres(self._folder))) / TICKS

    def rss_mb(self) -> float:
        """Memory of the API and a worker."""
        pages = sum(
            int(Path(f"/proc/{self.running[role].pid}/statm").read_text().split()[1]) for role in ("serve", "work")
        )
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _postgres(folder: Path) -> Iterator[int]:
    main = int((folder / "postgres" / "postmaster.pid").read_text("utf-8").split("\n")[0])
    yield main
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if int(stat.read_text().rpartition(")")[2].split()[1]) == main:
                yield int(stat.parent.name)
        except OSError:
            continue


def _ticks(pid: int) -> int:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return int(fields[11]) + int(fields[12])


def bodies(prefix: str, count: int, event: str) -> list[bytes]:
    """Signed requests for the hook."""
    return [request("/hooks/demo.bench", contract(f"{prefix}-{n}", event)) for n in range(count)]


async def seen(url: str, prefix: str, count: int) -> dict[str, float]:
    """Wait until the sink has every bill of this prefix; when each arrived."""
    ends = time.monotonic() + PATIENCE_S
    async with httpx.AsyncClient() as http:
        while time.monotonic() < ends:
            told = simplejson.loads((await http.get(f"{url}/seen")).content)["seen"]
            mine = {number: at for number, at in told.items() if number.startswith(f"AR-{prefix}-")}
            if len(mine) >= count:
                return mine
            await asyncio.sleep(0.1)
    raise TimeoutError(f"{len(mine)} of {count} bills arrived")


async def settled(database: Database) -> None:
    """Wait until nothing is under way."""
    while True:
        async with database.unit("demo") as unit:
            if not await unit.fetchval("SELECT count(*) FROM deliveries WHERE state <> 'done'"):
                return
        await asyncio.sleep(0.05)


def percentile(values: list[float], share: float) -> float:
    """Of sorted values."""
    return values[min(len(values) - 1, int(len(values) * share))]


def told(values: list[float], digits: int = 2) -> dict[str, float]:
    """Median with minimum and maximum."""
    return {
        "median": round(median(values), digits),
        "min": round(min(values), digits),
        "max": round(max(values), digits),
    }


class Bench:
    """The measurements of one run."""

    def __init__(self, stage: Stage, database: Database, urls: dict[str, str], events: int) -> None:
        self.stage, self.database, self.urls, self.events = stage, database, urls, events
        self.figures: dict[str, list[float]] = {}

    def note(self, name: str, value: float) -> None:
        """Keep one figure."""
        self.figures.setdefault(name, []).append(value)

    async def accepts(self, number: int) -> None:
        """Durable accepts a second: ours against the bare group commit; then our p99 at half that load."""
        limit = _good(await load(self.urls["bare"], bodies(f"b{number}", self.events, "contract.noted"), 64))
        ours = _good(await load(self.urls["serve"], bodies(f"a{number}", self.events, "contract.noted"), 64))
        bare_s, ours_s = self.events / limit.seconds, self.events / ours.seconds
        self.note("bare_accepts_per_s", bare_s)
        self.note("accepts_per_s", ours_s)
        self.note("accepts_ratio", ours_s / bare_s)
        half = bodies(f"h{number}", self.events // 3, "contract.noted")
        waits = _good(await load(self.urls["serve"], half, 64, ours_s / 2)).waits_ms
        self.note("accept_p99_ms_at_half_load", percentile(waits, 0.99))

    async def straight_line(self, number: int) -> None:
        """Webhook, committed, mapped, delivered, settled: events a second and CPU each; then the dwell at 30 %."""
        prefix, before, began = f"e{number}", self.stage.cpu_s(), time.time()
        _good(await load(self.urls["serve"], bodies(prefix, self.events, "contract.approved"), 64))
        arrived = await seen(self.urls["sink"], prefix, self.events)
        rate = self.events / (max(arrived.values()) - began)
        await settled(self.database)
        self.note("delivered_per_s", rate)
        self.note("cpu_ms_per_event", 1000 * (self.stage.cpu_s() - before) / self.events)
        prefix, count = f"d{number}", max(100, int(rate * 0.3 * 4))
        light = _good(await load(self.urls["serve"], bodies(prefix, count, "contract.approved"), 16, rate * 0.3))
        arrived = await seen(self.urls["sink"], prefix, count)
        dwell = sorted(1000 * (arrived[f"AR-{prefix}-{n}"] - light.answered[n]) for n in range(count))
        self.note("dwell_p50_ms", percentile(dwell, 0.5))
        self.note("dwell_p99_ms", percentile(dwell, 0.99))
        await settled(self.database)

    async def together(self, number: int, most: int) -> None:
        """A backlog, with up to `most` bills in a call against one; bills a second and CPU each, from the first on."""
        for name, words in (("batch", [str(most)]), ("single", [])):
            self.stage.stop("work")
            prefix = f"{name}{number}"
            _good(await load(self.urls["serve"], bodies(prefix, self.events, "contract.approved"), 64))
            self.stage.start("work", *words, announces=False)
            await seen(self.urls["sink"], prefix, 1)
            before = self.stage.cpu_s()
            arrived = await seen(self.urls["sink"], prefix, self.events)
            await settled(self.database)
            self.note(f"{name}_per_s", self.events / (max(arrived.values()) - min(arrived.values())))
            self.note(f"{name}_cpu_ms", 1000 * (self.stage.cpu_s() - before) / self.events)

    async def idle(self, seconds: float) -> None:
        """What an idle system uses, as a share of one core."""
        before = self.stage.cpu_s()
        await asyncio.sleep(seconds)
        self.note("idle_share_of_a_core", (self.stage.cpu_s() - before) / seconds)


def _good(made: Loaded) -> Loaded:
    if made.wrong:
        raise RuntimeError(f"{len(made.wrong)} answers were not 200, such as {made.wrong[0]!r}")
    return made


@contextmanager
def folder() -> Iterator[Path]:
    """Where PostgreSQL and the logs are, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as name:
        yield Path(name)


async def run(rounds: int, events: int, sink_ms: int, batch: int) -> dict[str, Any]:
    """All measurements, interleaved."""
    with folder() as place:
        local = await start(place, "hub_bench", fresh=True)
        await asyncio.to_thread(upgrade, local.environment["HUB_OWNER_DATABASE_URL"], [core_crm.MIGRATIONS])
        await add_tenant(local.environment["HUB_OWNER_DATABASE_URL"], "demo", "Bench")
        stage = Stage(local, place)
        database = await Database.open(local.environment["HUB_DATABASE_URL"], 2)
        try:
            urls = {"sink": stage.start("sink", str(sink_ms))}
            await _connect(local, database, urls["sink"])
            urls |= {"bare": stage.start("bare", local.environment["HUB_OWNER_DATABASE_URL"])}
            urls |= {"serve": stage.start("serve"), "work": stage.start("work", announces=False)}
            bench = Bench(stage, database, urls, events)
            await bench.straight_line(-1)
            bench.figures.clear()
            await _analyze(local.environment["HUB_OWNER_DATABASE_URL"])
            for number in range(rounds):
                await bench.accepts(number)
                await bench.straight_line(number)
                if batch:
                    await bench.together(number, batch)
                sys.stderr.write(f"{number + 1}/{rounds}\n")
            await bench.idle(10)
            memory = stage.rss_mb()
        finally:
            await database.close()
            for role in list(stage.running):
                stage.stop(role)
        shown = {name: told(values, 3 if "share" in name else 2) for name, values in bench.figures.items()}
        return {"rounds": rounds, "events": events, "sink_ms": sink_ms, "rss_mb": round(memory, 1), **shown}


async def _analyze(url: str) -> None:
    """What autovacuum does within a minute: plans made while the tables were empty are made anew."""
    owner = await asyncpg.connect(url)
    await owner.execute("ANALYZE")
    await owner.close()


async def _connect(local: Local, database: Database, sink: str) -> None:
    vault = Vault(local.environment["HUB_SECRET_KEY"])
    registry = Registry({"bench": connector}, core_crm.home, vault, Egress())
    async with database.unit("demo") as unit:
        await save(unit, "bench", "bench", *registry.seal("demo", "bench", Config(url=sink, secret=SecretStr(SECRET))))


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--events", type=int, default=2000)
    options.add_argument("--sink-ms", type=int, default=0)
    options.add_argument("--batch", type=int, default=0, help="compare with up to so many bills in a call")
    chosen = options.parse_args()
    sys.stdout.write(
        json.dumps(asyncio.run(run(chosen.rounds, chosen.events, chosen.sink_ms, chosen.batch)), indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
