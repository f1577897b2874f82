"""The runner: `python -m tests.faults.run --kills 60 --events 400 --seed 1`. Progress on stderr, one JSON on stdout.

Ends with 1 when the promise was not kept; then it prints the seed, the plan and the smallest broken lane's timeline.
"""

import argparse
import asyncio
import os
import re
import resource
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import simplejson

from hub.cli.connections import store
from hub.failpoints import NAMES
from hub.ledger.keys import create_key
from hub.ledger.migrate import add_tenant, upgrade
from hub.main import HOME_MIGRATIONS, open_hub
from hub.settings import Settings
from tests.faults.check import Verdict, check, rows, smallest, timeline
from tests.faults.ending import end_with_parent
from tests.faults.family import Family
from tests.faults.killer import Killer, Rounds, Zombies, plan
from tests.faults.mutants import MUTANTS
from tests.faults.orphans import orphans
from tests.faults.person import Person
from tests.faults.plan import faulty
from tests.faults.process import MAPPINGS, install
from tests.faults.proxy import Proxy, proxying
from tests.faults.sender import Journal, Sender, events
from tests.faults.services import Services
from tests.faults.vendor_server import secret_of

HUB = Path(__file__).parents[2] / "hub"
SCOPES = ("deliveries:read", "deliveries:replay")
ZEROS = ("lost", "doubled", "out_of_order", "cents_off", "wrong_tenant")
DRAIN_S = 90.0
OUTLAST_S = 3.5
"""How much longer than its lease a worker sleeps: until another has looked and sent."""
UNREACHED = {"worker.at_home_before_commit"}
"""Places this harness has no traffic for."""
AHEAD = 24


@dataclass(slots=True)
class Options:
    """What kind of run it is.

    Attributes:
        points: every failpoint of the hub kills so many times, before the random kills.
        zombies: so many workers sleep past their lease right before they send.
        proxy: the hub reaches PostgreSQL through the chaos proxy.
        mutant: a guard that is taken out of the hub, which then must be caught (see `tests.faults.mutants`).
    """

    kills: int = 60
    events: int = 400
    seed: int = 1
    minutes: float = 30.0
    kinds: str = "abcdp"
    tenants: int = 4
    lanes: int = 10
    workers: int = 4
    faults: float = 0.2
    vendor_kills: float = 0.02
    slow: float = 0.1
    pace_s: float = 1.0
    points: int = 0
    zombies: int = 0
    mutant: str = ""
    proxy: bool = False
    lease_s: int = 15
    wait_scale: float = 0.05
    no_redis: bool = False
    flush_redis_s: float = 0.0
    without: list[str] = field(default_factory=list)
    folder: Path | None = None


def points_in_hub() -> list[str]:
    """The failpoints that stand in the hub's code today."""
    found = {
        name for path in HUB.rglob("*.py") for name in re.findall(r'point\("([a-z_.]+)"\)', path.read_text("utf-8"))
    }
    if "halves(" in (HUB / "sdk" / "http.py").read_text("utf-8"):
        found |= {"worker.mid_send", "worker.after_send"}
    else:
        found -= {"worker.mid_send", "worker.after_send"}
    return sorted((found & NAMES) - UNREACHED)


def say(words: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()


class Run:
    """One run: sets the stage, lets events and kills loose on it, waits until all is quiet, judges."""

    def __init__(self, options: Options, folder: Path) -> None:
        self.options = options
        self.folder = folder
        self.tenants = [f"t{n}" for n in range(options.tenants)]
        self.hook_secrets = {tenant: f"hook-secret-of-{tenant}" for tenant in self.tenants}
        self.points = points_in_hub() if options.points else []
        self.rounds: Rounds | Zombies = Rounds(self.points, options.points)
        if options.zombies:
            self.rounds = Zombies(options.zombies, options.lease_s + OUTLAST_S)
        self.family = Family(folder, {})
        self.owed: dict[str, int] = {}
        self.orphans: list[tuple[str, str]] = []
        self.proxy: Proxy | None = None
        self.vendor = ""

    async def play(self) -> dict[str, Any]:
        """The whole run; its report."""
        began = time.monotonic()
        async with AsyncExitStack() as stack:
            services = await Services.open(self.folder)
            stack.callback(services.close)
            stack.callback(self._start_vendor().kill)
            person = Person([], await self._furnish(services), self._find)
            if self.options.no_redis:
                services.kill_redis()
            if self.options.proxy:
                self.proxy = await stack.enter_async_context(proxying(services.socket, self.options.seed))
            stack.push_async_callback(self.family.close)
            person.hubs = await self._start_hub(services)
            say(f"stage set in {time.monotonic() - began:.1f} s; vendor {self.vendor}, hubs {person.hubs}")
            journal = Journal(self.folder / "journal.jsonl")
            sender = Sender(person.hubs, self.vendor, self.hook_secrets, journal, self.options.seed)
            watching = [asyncio.create_task(person.watch())]
            if self.options.flush_redis_s:
                watching.append(asyncio.create_task(services.flush_redis(self.options.flush_redis_s)))
            await self._storm(sender, services)
            await self._calm(person)
            unfinished = await person.unfinished()
            self.orphans = await self._orphans()
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
        return self._report(person, sender, unfinished, time.monotonic() - began)

    def _start_vendor(self) -> "subprocess.Popen[str]":
        options = self.options
        faults = faulty(options.faults, options.vendor_kills, options.slow)
        command = ["--ledger", str(self.folder / "ledger.jsonl"), "--seed", str(options.seed), "--faults", faults]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.vendor_server", *command], stdout=subprocess.PIPE, text=True
        )
        self.vendor = simplejson.loads(process.stdout.readline() if process.stdout else "{}")["url"]
        return process

    async def _furnish(self, services: Services) -> dict[str, str]:
        """Tables, tenants, a connection and an API key for each."""
        os.environ.update(services.local.environment | self._environment())
        install()
        settings = Settings()
        owner = settings.owner_database_url.get_secret_value()
        await asyncio.to_thread(upgrade, owner, [HOME_MIGRATIONS])
        for tenant in self.tenants:
            await add_tenant(owner, tenant, tenant)
        keys = {}
        async with open_hub(settings) as opened:
            for tenant in self.tenants:
                values = {"url": self.vendor, "account": tenant, "secret": secret_of(tenant)}
                config = opened.registry.read_config("bench", values | {"hook_secret": self.hook_secrets[tenant]})
                await store(opened, tenant, "bench", "bench", config)
                async with opened.database.unit(tenant) as unit:
                    keys[tenant] = await create_key(unit, "faults", SCOPES)
        return keys

    def _environment(self) -> dict[str, str]:
        return {
            "HUB_MAPPINGS_DIR": str(MAPPINGS),
            "HUB_LEASE_S": str(self.options.lease_s),
            "HUB_POOL_SIZE": "5",
            "FAULTS_WAIT_SCALE": str(self.options.wait_scale),
            "FAULTS_MUTANT": self.options.mutant,
        }

    async def _start_hub(self, services: Services) -> list[str]:
        self.family.environment = services.local.environment | self._environment()
        if self.proxy:
            self.family.environment["HUB_DATABASE_URL"] = services.address(self.proxy.port)
        self.family.arming = lambda member: self.rounds.arm(member, self.family.fired)
        await self.family.open()
        hubs = []
        for n in range(2):
            port = _free_port()
            self.family.add(f"serve-{n}", "serve", HUB_PORT=str(port))
            hubs.append(f"http://127.0.0.1:{port}")
        for n in range(self.options.workers):
            self.family.add(f"work-{n}", "work")
        await asyncio.gather(*(_answers(hub) for hub in hubs))
        return hubs

    async def _storm(self, sender: Sender, services: Services) -> None:
        """Events and kills side by side: so large a share of the events may go out as of the kills is done."""
        options = self.options
        lanes = list(events(options.seed, options.events, options.tenants, options.lanes, options.kinds))
        sending = asyncio.create_task(sender.send(lanes))
        pacing = asyncio.create_task(self._pace(sender))
        minutes = asyncio.create_task(asyncio.sleep(options.minutes * 60))
        killing = asyncio.create_task(self._kill(services))
        await asyncio.wait({killing, minutes}, return_when=asyncio.FIRST_COMPLETED)
        killing.cancel()
        pacing.cancel()
        with suppress(asyncio.CancelledError):
            await killing
        minutes.cancel()
        self.rounds = Rounds([], 0)
        say(f"killing done: {self.family.deaths} deaths, {sender.accepted} accepted")
        sender.allow(options.events)
        async with asyncio.timeout(DRAIN_S):
            await sending

    async def _kill(self, services: Services) -> None:
        options = self.options
        await self.rounds.carry_out(self.family, options.minutes * 40)
        if isinstance(self.rounds, Rounds) and self.points:
            self.owed = self.rounds.owed(self.family.fired)
            say(f"failpoints fired: {self.family.fired}; owed: {self.owed}")
        self.rounds = Rounds([], 0)
        left = options.kills - self.family.deaths
        if left > 0:
            without = [*options.without, *(["redis"] if options.no_redis else [])]
            acts = plan(options.seed, left, options.pace_s, without, options.proxy)
            await Killer(self.family, services, self.proxy).carry_out(acts)

    async def _pace(self, sender: Sender) -> None:
        released = 0
        while True:
            share = self.rounds.share(self.family.fired)
            if not self.options.zombies:
                share = min(share, self.family.deaths / max(self.options.kills, 1))
            goal = min(self.options.events, int(share * self.options.events) + AHEAD)
            goal = min(goal, sender.accepted + 4 * AHEAD)
            sender.allow(max(0, goal - released))
            released = max(goal, released)
            if int(time.monotonic() * 5) % 50 == 0:
                say(f"{self.family.deaths} deaths, {sender.accepted} accepted, {len(self.family.crashes)} crashes")
            await asyncio.sleep(0.2)

    async def _calm(self, person: Person) -> None:
        """Wait until every accepted event has its effect or is shown, or the promise is broken; DRAIN_S at most."""
        until = time.monotonic() + DRAIN_S
        while time.monotonic() < until:
            numbers = self._judge(person).numbers
            if not numbers["lost"] or any(numbers[name] for name in ZEROS if name != "lost"):
                return
            await asyncio.sleep(0.5)

    async def _orphans(self) -> list[tuple[str, str]]:
        async with open_hub(Settings()) as opened:
            return [each for tenant in self.tenants for each in await orphans(opened.database, tenant)]

    def _find(self, event: str) -> str:
        found = (str(row["id"]) for row in rows(self.folder / "ledger.jsonl") if row["event"] == event)
        return next(found, "")

    def _judge(self, person: Person) -> Verdict:
        files = (rows(self.folder / f"{name}.jsonl") for name in ("journal", "ledger", "kills"))
        journal, ledger, kills = files
        return check(journal, ledger, person.shown, kills)

    def _report(self, person: Person, sender: Sender, unfinished: list[str], seconds: float) -> dict[str, Any]:
        verdict = self._judge(person)
        (self.folder / "shown.json").write_text(simplejson.dumps(person.shown), "utf-8")
        acts: dict[str, int] = {}
        for row in rows(self.folder / "kills.jsonl"):
            acts[row["act"]] = acts.get(row["act"], 0) + 1
        report = {
            "ok": verdict.kept and not self.family.crashes and not self.orphans,
            "seed": self.options.seed,
            **verdict.numbers,
            "orphans": len(self.orphans),
            "uncertain": len(person.doubted),
            "kills": self.family.deaths,
            "acts": acts,
            "failpoints": self.family.fired,
            "owed": self.owed,
            "parked_why": {i: person.why[i] for i, state in person.shown.items() if state != "uncertain"},
            "replayed": person.replayed,
            "unfinished": unfinished[:20],
            "refused": sender.refused,
            "crashes": [{"who": w, "status": s, "end": end[-1500:]} for w, s, end in self.family.crashes[:3]],
            "crashed": len(self.family.crashes),
            "not_started": self.family.not_started,
            "seconds": round(seconds, 1),
            "cpu_s": round(sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2]), 1),
            "folder": str(self.folder),
        }
        if not verdict.kept:
            self._tell(verdict)
        return report

    def _tell(self, verdict: Verdict) -> None:
        journal, ledger, kills = (rows(self.folder / f"{name}.jsonl") for name in ("journal", "ledger", "kills"))
        lane = smallest(verdict.broken, journal)
        say(f"BROKEN. options: {self.options}")
        say(f"broken lanes: {verdict.broken[:20]}")
        calls = rows(self.folder / "ledger.calls")
        if lane:
            lines = timeline(lane, journal, ledger, kills)
            mine = {row["id"] for row in journal if row["what"] == "sent" and (row["tenant"], row["lane"]) == lane}
            lines += [
                f"{row['at']:.3f} call {row['nth']} /{row['kind']} {row['event']} {row['fate'] or 'healthy'}"
                for row in calls
                if row["event"] in mine
            ]
            sys.stderr.write("\n".join(sorted(lines)) + "\n")


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


async def _answers(hub: str, longest_s: float = 30.0) -> None:
    until = time.monotonic() + longest_s
    async with aiohttp.ClientSession() as http:
        while time.monotonic() < until:
            try:
                async with http.get(f"{hub}/healthz") as answer:
                    if answer.status == 200:
                        return
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.1)
    raise TimeoutError(f"{hub} does not answer")


def read_options(words: list[str]) -> Options:
    """The command line as options."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.run")
    given = Options()
    for name in ("kills", "events", "seed", "tenants", "lanes", "workers", "points", "zombies", "lease-s"):
        parser.add_argument(f"--{name}", type=int, default=getattr(given, name.replace("-", "_")))
    for name in ("minutes", "faults", "vendor-kills", "slow", "pace-s", "wait-scale", "flush-redis-s"):
        parser.add_argument(f"--{name}", type=float, default=getattr(given, name.replace("-", "_")))
    parser.add_argument("--kinds", default=given.kinds, help="effect classes a b c d, p: polled (as b)")
    parser.add_argument("--no-redis", action="store_true")
    parser.add_argument("--without", action="append", default=[], help="an act of the killer to leave out, such as pg")
    parser.add_argument("--proxy", action="store_true")
    parser.add_argument("--mutant", default="", choices=["", *MUTANTS])
    parser.add_argument("--folder", type=Path)
    return Options(**vars(parser.parse_args(words)))


def play(options: Options) -> dict[str, Any]:
    """Run in a fresh folder, or in the one named; the report."""
    folder = options.folder or Path(tempfile.mkdtemp(prefix="faults-"))
    folder.mkdir(parents=True, exist_ok=True)
    return asyncio.run(Run(options, folder).play())


def main() -> None:
    """Play a run as the command line says."""
    end_with_parent()
    report = play(read_options(sys.argv[1:]))
    sys.stdout.write(simplejson.dumps(report, use_decimal=True, ensure_ascii=False) + "\n")
    raise SystemExit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
