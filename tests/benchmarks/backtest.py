"""A back-test of a wrong edit over many contracts: does it name exactly those it changes, how fast, in what memory.

`python -m tests.benchmarks.backtest --events 100000`, one JSON. The edit takes a line's net amount where there is one,
which only contracts with a discount have. Contracts are about 2 KB each. CPU is that of the command's own process,
without what it needs to start; `in_decodes` is the same in units of reading one contract's JSON, measured before and
after, for machines that are busy.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import asyncpg

import core_crm
from hub.credentials import Vault
from hub.embedded.postgres import Addresses, Cluster
from hub.ledger.migrate import add_tenant, upgrade
from hub.sdk.exact import dumps, loads
from tests.benchmarks.contract import FIELDS, LINES

ROOT = Path(__file__).parents[2]
MAPPING = "crm/contract__kingdee_receivable.yaml"
RIGHT, WRONG = "amount: { take: amount, ", "amount: { take: net_amount || amount, "
GROSS, NET, SHARE = Decimal("62800.00"), Decimal("59660.00"), 0.07

FILL = """
INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data)
SELECT 'demo', 'evt_' || lpad(to_hex((1000 * extract(epoch FROM now()))::bigint), 12, '0') || lpad(to_hex(n), 16, '0'),
  'crm', 'contract.approved', 'ctr_' || n, 'contract-' || n, now(),
  replace(CASE WHEN n = ANY($3::bigint[]) THEN $2 ELSE $1 END, '@', n::text)::jsonb
FROM generate_series($4::bigint, $5::bigint) AS n
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """A command that ended: what it printed, its seconds of CPU and of the clock, its peak memory."""

    code: int
    out: str
    cpu_s: float
    clock_s: float
    peak_mb: float


def data(net: Decimal | None) -> str:
    """A contract; @ stands for its number."""
    net_amount = {} if net is None else {"net_amount": net}
    lines = [{**line, **net_amount, "amount": GROSS} for line in LINES]
    rest = {name: value for name, value in FIELDS.items() if name not in ("contract", "customer", "lines")}
    contract = {"id": "ctr_@", "number": "HT-@", **rest, "lines": lines}
    return dumps({"contract": contract, "customer": {"id": "cus_@", "number": "C-@", "name": "恒锐"}})


async def fill(addresses: Addresses, events: int, seed: int) -> list[str]:
    """Record so many approved contracts; the subjects of those with a discount, sorted."""
    discounted = sorted(random.Random(seed).sample(range(events), max(1, int(events * SHARE))))
    owner: Any = await asyncpg.connect(addresses.owner)
    await owner.execute("SELECT set_config('app.tenant', 'demo', false)")
    for start in range(0, events, 10_000):
        end = min(start + 10_000, events) - 1
        some = [number for number in discounted if start <= number <= end]
        await owner.execute(FILL, data(None), data(NET), some, start, end)
    await owner.execute("ANALYZE events")
    await owner.close()
    return sorted(f"ctr_{number}" for number in discounted)


def wrong_edit(folder: Path) -> Path:
    """The shipped mappings are copied there; the mapping with the edit, beside them."""
    shutil.copytree(ROOT / "mappings", folder / "mappings")
    text = (folder / "mappings" / MAPPING).read_text("utf-8")
    if text.count(RIGHT) != 1:
        raise RuntimeError("the mapping changed: see the edit here")
    edited = folder / "edited.yaml"
    edited.write_text(text.replace(RIGHT, WRONG), "utf-8")
    return edited


def environment(addresses: Addresses, folder: Path) -> dict[str, str]:
    """What `hub` is told."""
    return {
        "HUB_DATABASE_URL": addresses.app,
        "HUB_REDIS_URL": "redis://127.0.0.1:1/0",
        "HUB_SECRET_KEY": Vault.new_key(),
        "HUB_MAPPINGS_DIR": str(folder / "mappings"),
    }


def records_in(file: Path) -> list[str]:
    """The records that a back-test wrote down, sorted."""
    return sorted(json.loads(line)["record"] for line in file.read_text("utf-8").splitlines())


def hub(words: Sequence[str], told: dict[str, str], folder: Path) -> Ended:
    """Run a command to its end."""
    began = time.perf_counter()
    with (folder / "out").open("w+", encoding="utf-8") as out:
        child = subprocess.Popen(
            [sys.executable, "-m", "hub", *words], env={**os.environ, **told}, stdout=out, cwd=ROOT
        )
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        cpu_s, clock_s = used.ru_utime + used.ru_stime, time.perf_counter() - began
        return Ended(child.returncode, out.read(), cpu_s, clock_s, used.ru_maxrss / 1024)


def decode_us() -> float:
    """Microseconds of CPU to read one contract."""
    text, began = data(None), time.process_time()
    for _ in range(5_000):
        loads(text)
    return (time.process_time() - began) / 5_000 * 1e6


def measure(addresses: Addresses, folder: Path, events: int, seed: int) -> dict[str, Any]:
    """Fill, apply, back-test, compare."""
    edited, told, records = wrong_edit(folder), environment(addresses, folder), folder / "records"
    discounted = asyncio.run(fill(addresses, events, seed))
    if hub(["apply", "--yes"], told, folder).code:
        raise RuntimeError("nothing was applied")
    asked = ["mappings", "backtest", str(edited), "--tenant", "demo", "--json", "--records", str(records)]
    idle = hub([*asked, "--from", "2000-01-01T00:00+00:00", "--to", "2000-01-02T00:00+00:00"], told, folder)
    before_us = decode_us()
    ended = hub([*asked, "--from", "1d", "--budget", "0"], told, folder)
    one_us = (before_us + decode_us()) / 2
    report, working_s = json.loads(ended.out), ended.cpu_s - idle.cpu_s
    moved = report["fields"]["lines[].amount"]["sum"]
    return {
        "events": report["events"],
        "document_bytes": len(data(None).encode()),
        "discounted": len(discounted),
        "named": report["affected"],
        "exact": records_in(records) == discounted,
        "sum": moved,
        "sum_exact": Decimal(moved["before"]) - Decimal(moved["after"]) == 10 * len(discounted) * (GROSS - NET),
        "beyond_budget": ended.code == 1,
        "clock_s": round(ended.clock_s, 2),
        "cpu_s": round(working_s, 2),
        "documents_per_cpu_s": round(events / working_s),
        "decode_us": round(one_us, 1),
        "in_decodes": round(working_s / events * 1e6 / one_us, 2),
        "peak_mb": round(ended.peak_mb, 1),
        "peak_mb_of_none": round(idle.peak_mb, 1),
    }


def main() -> None:
    """Read the options, run, print JSON; ends with 1 when it is not exact."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        cluster = Cluster(folder / "pg")
        addresses = asyncio.run(cluster.database("backtest"))
        upgrade(addresses.owner, [core_crm.MIGRATIONS])
        asyncio.run(add_tenant(addresses.owner, "demo", "demo"))
        told = measure(addresses, folder, asked.events, asked.seed)
    sys.stdout.write(json.dumps(told, indent=1) + "\n")
    sys.exit(0 if told["exact"] and told["sum_exact"] and told["beyond_budget"] else 1)


if __name__ == "__main__":
    main()
