"""The stage of the scenes: tenants, vendors and the hub's own processes, all on loopback, all ended with the scene.

`python -m tests.benchmarks.scene send …` is a sender of its own, for a flood.
"""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
from pydantic import SecretStr

import core_crm
from hub.credentials import Vault
from hub.embedded.local import Local, start
from hub.ledger.connections import hold, release, save
from hub.ledger.database import Database
from hub.ledger.migrate import add_tenant, upgrade
from hub.registry import Registry
from hub.sdk.http import Egress
from tests.benchmarks.contract import contract
from tests.benchmarks.load import SECRET, Loaded, load, request
from tests.benchmarks.run import HERE, MODULES, Stage, folder, percentile
from tests.benchmarks.sink_connector import CONNECTORS, Config
from tests.faults.ending import end_with_parent

NEVER_MS = "86400000"
"""What a vendor waits that accepts and never answers."""

MAPPING = HERE / "mappings" / "bench" / "contract__bench_bill.yaml"
FLOW = """
flow: {event}-to-{to}
title: {{ zh: 记账, en: Booked }}
when: {{ connection: bench, event: contract.{event} }}
lane: record || subject
do:
  - {{ action: {to}.book, on: {to}, using: bench.contract__{to}.bill@1 }}
"""
OPEN = """
SELECT count(*) FROM deliveries WHERE tenant_id = $1 AND connection = $2
  AND state IN ('pending', 'waiting', 'claimed', 'sending')
"""


class Scene(Stage):
    """What runs, and the ledger it runs on."""

    def __init__(self, local: Local, place: Path, database: Database, settings: dict[str, str]) -> None:
        super().__init__(local, place)
        self.database = database
        self._environment |= {"HUB_MAPPINGS_DIR": str(_write_mappings(place / "mappings"))} | settings

    def start(self, role: str, *words: str, announces: bool = True, name: str = "") -> str:
        """Start a process under a name, its role's by default; its address."""
        name = name or role
        with (self._folder / f"{name}.log").open("a", encoding="utf-8") as log:
            process = self.running[name] = subprocess.Popen(
                [sys.executable, "-m", MODULES[role], role, *words],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE if announces else log,
                stderr=log,
                text=True,
            )
        try:
            return str(self.told(process)["url"]) if announces else ""
        except ValueError as error:
            raise RuntimeError(f"{name} did not start: {log.name} ends {_tail(Path(log.name))}") from error

    @staticmethod
    def told(process: "subprocess.Popen[str]") -> Any:
        """The next line of JSON a process says; waits for it."""
        return json.loads(process.stdout.readline() if process.stdout else "")

    def kill(self, name: str) -> None:
        """SIGKILL, as a crash would."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    async def connect(self, tenant: str, name: str, url: str) -> None:
        """Give a tenant the connection of this name, to a connector of the same name."""
        registry = Registry(CONNECTORS, core_crm.home, Vault(self.local.environment["HUB_SECRET_KEY"]), Egress())
        config = Config(url=url, secret=SecretStr(SECRET))
        async with self.database.unit(tenant) as unit:
            await save(unit, name, name, *registry.seal(tenant, name, config))

    async def hold(self, tenant: str, name: str) -> None:
        """Stop a connection; what comes in waits."""
        async with self.database.unit(tenant) as unit:
            await hold(unit, name, "the scene is being set")

    async def release(self, tenant: str, name: str) -> None:
        """Let it go on, at once."""
        async with self.database.unit(tenant) as unit:
            await release(unit, name)

    async def ask(self, tenant: str, sql: str, *values: Any) -> Any:
        """Rows of a statement about one tenant."""
        async with self.database.unit(tenant) as unit:
            return await unit.fetch(sql, tenant, *values)

    async def quiet(self, tenant: str, name: str, at_most: int = 0, patience_s: float = 120.0) -> None:
        """Wait until a connection has no more than so much under way."""
        until = time.monotonic() + patience_s
        while (open_now := (await self.ask(tenant, OPEN, name))[0][0]) > at_most:
            if time.monotonic() > until:
                raise TimeoutError(f"{open_now} deliveries of {tenant} to {name} are still under way")
            await asyncio.sleep(0.1)

    async def analyze(self) -> None:
        """What autovacuum does within a minute."""
        owner = await asyncpg.connect(self.local.environment["HUB_OWNER_DATABASE_URL"])
        await owner.execute("ANALYZE")
        await owner.close()


def _tail(log: Path) -> str:
    return log.read_text("utf-8")[-1000:]


def _write_mappings(directory: Path) -> Path:
    """The benchmark's mapping, once for each product, and a flow to each: approved → bench, noted → stuck."""
    text = MAPPING.read_text("utf-8")
    for event, to in (("approved", "bench"), ("noted", "stuck")):
        changes = {"contract__bench.bill": f"contract__{to}.bill", "contract.approved": f"contract.{event}"}
        mapping = text.replace("to: bench.book", f"to: {to}.book")
        for old, new in changes.items():
            mapping = mapping.replace(old, new)
        (directory / "flows").mkdir(parents=True, exist_ok=True)
        (directory / f"{to}.yaml").write_text(mapping, "utf-8")
        (directory / "flows" / f"{to}.yaml").write_text(FLOW.format(event=event, to=to), "utf-8")
    return directory


@asynccontextmanager
async def scene(tenants: Sequence[str], **settings: str) -> AsyncIterator[Scene]:
    """A migrated database with these tenants and nothing running yet; `settings` are further HUB_* of the processes."""
    with folder() as place:
        local = await start(place, "hub_scene", fresh=True)
        await asyncio.to_thread(upgrade, local.environment["HUB_OWNER_DATABASE_URL"], [core_crm.MIGRATIONS])
        for tenant in tenants:
            await add_tenant(local.environment["HUB_OWNER_DATABASE_URL"], tenant, tenant)
        database = await Database.open(local.environment["HUB_DATABASE_URL"], 4)
        made = Scene(local, place, database, settings)
        try:
            yield made
        finally:
            await database.close()
            for name in list(made.running):
                made.stop(name)


def posts(tenant: str, numbers: Sequence[str], event: str = "contract.approved") -> list[bytes]:
    """Signed requests of one tenant's hook, one for each number."""
    return [request(f"/hooks/{tenant}.bench", contract(number, event)) for number in numbers]


def dwell_ms(made: Loaded, numbers: Sequence[str], arrived: dict[str, float]) -> list[float]:
    """From our 2xx to the vendor's socket, sorted."""
    return sorted(1000 * (arrived[f"AR-{number}"] - made.answered[place]) for place, number in enumerate(numbers))


def spread(values: Sequence[float]) -> dict[str, float]:
    """Percentiles of some milliseconds."""
    ordered = sorted(values)
    shares = {"p50": 0.5, "p95": 0.95, "p99": 0.99, "max": 1.0}
    return {name: round(percentile(ordered, share), 2) for name, share in shares.items()}


async def send(url: str, tenant: str, prefix: str, count: str, per_s: str) -> None:
    """Be a sender: make the requests, say so, send them at this rate when told on stdin, say how long it took."""
    numbers = [f"{prefix}-{n}" for n in range(int(count))]
    requests = posts(tenant, numbers)
    _tell({"url": url})
    await asyncio.to_thread(sys.stdin.readline)
    made = await load(url, requests, 64, float(per_s))
    waits = made.waits_ms
    _tell({"seconds": made.seconds, "refused": len(made.wrong), "accept_p95_ms": percentile(waits, 0.95)})


def _tell(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


def play(job: Coroutine[Any, Any, dict[str, Any]]) -> None:
    """Run a scene and print its JSON."""
    began = time.monotonic()
    found = asyncio.run(job)
    sys.stdout.write(json.dumps({**found, "took_s": round(time.monotonic() - began, 1)}, indent=1) + "\n")


def say(words: str) -> None:
    """One line of progress."""
    sys.stderr.write(f"{words}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    end_with_parent()
    asyncio.run(send(*sys.argv[2:]))
