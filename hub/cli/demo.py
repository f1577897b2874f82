"""`hub demo`: the whole story on this machine, through public interfaces only."""

import asyncio
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import httpx
import simplejson
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from hub.cli.connections import store
from hub.cli.processes import Processes
from hub.cli.story import AMOUNT, PAID, Office, Outcome, play
from hub.domain.errors import ConfigError
from hub.embedded.local import LOOPBACK, Local, start
from hub.ledger.keys import SCOPES, create_key
from hub.ledger.migrate import add_tenant, upgrade
from hub.main import HOME_MIGRATIONS, open_hub
from hub.sdk.exact import Json, dumps
from hub.sdk.http import Egress, make_client
from hub.settings import Settings

TENANT = "demo"
VENDORS = ("kingdee", "dingtalk")
WORKER = "worker"
HERE = Egress.parse([LOOPBACK])


@dataclass(frozen=True, slots=True)
class Trouble:
    """What is done to the hub during the story."""

    kill_worker: int = 0
    kill_redis: bool = False


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs: services, processes, addresses, an API key."""

    local: Local
    processes: Processes
    url: str
    vendors: dict[str, str]
    key: str
    ledgers: Path


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="演完即退 / end after the story")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
    contracts: Annotated[int, typer.Option(min=1, max=5000, help="合同数 / contracts")] = 1,
    kill_worker: Annotated[int, typer.Option(min=0, help="途中杀掉工作进程的次数 / kill -9 the worker")] = 0,
    kill_redis: Annotated[bool, typer.Option("--kill-redis", help="开始前杀掉 Redis / kill Redis first")] = False,
) -> None:
    """演示主线：合同 → 钉钉审批 → 金蝶应收 → 回款 / the main job from contract to payment."""
    began = time.monotonic()
    say = Console(stderr=True, width=None if sys.stderr.isatty() else 150)
    told = asyncio.run(_demo(contracts, Trouble(kill_worker, kill_redis), say, once, as_json))
    told["seconds"] = Decimal(str(round(time.monotonic() - began, 1)))
    if as_json:
        typer.echo(dumps(told))
    if told["missing"]:
        raise typer.Exit(1)


async def _demo(contracts: int, trouble: Trouble, say: Console, once: bool, as_json: bool) -> dict[str, Any]:
    directory = Settings().data_dir / "demo"
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    processes = Processes(directory / "logs", {})
    try:
        stage = await _set_up(directory, processes, say)
        say.print("④ 演出 / playing the story")
        began = time.monotonic()
        outcome = await _play(stage, contracts, trouble, say)
        told = await _report(stage, contracts, outcome)
        told["rate_per_s"] = Decimal(str(round(contracts / (time.monotonic() - began), 2)))
        if not as_json:
            _show(told, stage, say)
        if not once:
            await _until_told(stage, say)
        return told
    finally:
        processes.stop()


async def _set_up(directory: Path, processes: Processes, say: Console) -> Stage:
    say.print("① 沙箱、PostgreSQL、Redis / sandboxes, PostgreSQL, Redis")
    for vendor in VENDORS:
        ledger = directory / f"{vendor}.jsonl"
        ledger.unlink(missing_ok=True)
        processes.start(vendor, "sandbox", vendor, "--json", "--ledger", str(ledger))
    local = await start(directory, "hub_demo", fresh=True)
    os.environ.update(local.environment)
    settings = Settings()
    say.print("② 建表 / migrations")
    owner = settings.owner_database_url.get_secret_value()
    await asyncio.to_thread(upgrade, owner, [HOME_MIGRATIONS])
    await add_tenant(owner, TENANT, "演示公司")
    say.print("③ API、工作进程、连接 / API, worker, connections")
    processes.environment.update(local.environment)
    processes.start("api", "serve")
    processes.start(WORKER, "work", announces=False)
    vendors, key = {}, ""
    async with open_hub(settings) as opened:
        for vendor in VENDORS:
            told = processes.told(vendor)
            vendors[vendor] = told["url"]
            config = opened.registry.read_config(vendor, told["credentials"])
            await store(opened, TENANT, vendor, vendor, config)
        async with opened.database.unit(TENANT) as unit:
            key = await create_key(unit, "demo", SCOPES)
    return Stage(local, processes, processes.told("api")["url"], vendors, key, directory)


async def _play(stage: Stage, contracts: int, trouble: Trouble, say: Console) -> Outcome:
    if trouble.kill_redis:
        stage.local.redis.process.send_signal(signal.SIGKILL)
    async with (
        make_client(base_url=stage.url, egress=HERE, concurrency=32) as http,
        make_client(base_url=stage.vendors["kingdee"], egress=HERE) as kingdee,
        make_client(base_url=stage.vendors["dingtalk"], egress=HERE) as dingtalk,
    ):
        await _subscribe(dingtalk, f"{stage.url}/hooks/{TENANT}.dingtalk")
        killing = asyncio.create_task(_kill_worker(stage, trouble.kill_worker))
        with _progress(contracts, say) as tell:
            outcome = await play(Office(http, stage.key), kingdee, contracts, tell)
        await killing
        return outcome


async def _subscribe(dingtalk: httpx.AsyncClient, hook: str) -> None:
    """The administrator saves the callback address in DingTalk's back office."""
    answer = await dingtalk.post("/_sandbox/callback", json={"url": hook})
    told = answer.json()
    if not told["ok"]:
        raise ConfigError(f"DingTalk did not take {hook}: {told['detail']}")


async def _kill_worker(stage: Stage, times: int) -> None:
    for _ in range(times):
        await asyncio.sleep(3)
        stage.processes.kill(WORKER)
        stage.processes.start(WORKER, "work", announces=False)


@contextmanager
def _progress(contracts: int, say: Console) -> Any:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=say, transient=True) as bar:
        task = bar.add_task("", total=contracts)

        def tell(done: int, words: str) -> None:
            bar.update(task, completed=done, description=words)

        yield tell


async def _report(stage: Stage, contracts: int, outcome: Outcome) -> dict[str, Any]:
    """Everything as data: the first contract's steps and records, both ledgers, and what did not happen."""
    async with make_client(base_url=stage.url, egress=HERE) as http:
        office = Office(http, stage.key)
        first = await office.get(f"/contracts/{await _first(office)}")
        deliveries = await office.all("/deliveries")
    receivable = first["receivable"] or {}
    payment = next((p for p in outcome.payments.values() if p["receivable_id"] == receivable.get("id")), None)
    known = {first["id"], first["customer_id"], *(a["instance_id"] for a in first["approvals"])}
    known |= {payment["external_id"]} if payment else set()
    told = {
        "steps": [_step(d) for d in reversed(deliveries) if d["record"] in known],
        "contract": first,
        "receivable": receivable,
        "payment": payment,
        "kingdee_ledger": _ledger(stage, "kingdee"),
        "dingtalk_ledger": _ledger(stage, "dingtalk"),
        "contracts": contracts,
        "console": f"{stage.url}/console",
    }
    return {**told, "missing": _missing(told, contracts, outcome, deliveries)}


async def _first(office: Office) -> str:
    found = await office.get("/contracts", number="HT-2026-0001")
    return str(found["items"][0]["id"])


def _step(delivery: Json) -> Json:
    made = delivery["result"] or {}
    return {
        "step": delivery["action"],
        "flow": delivery["flow"],
        "from": delivery["source"],
        "to": delivery["connection"],
        "record": delivery["record"],
        "external": made.get("id", ""),
        "number": made.get("number", ""),
        "state": delivery["state"],
        "attempts": delivery["attempts"],
        "ms": delivery["ms"],
    }


def _ledger(stage: Stage, vendor: str) -> list[Json]:
    text = (stage.ledgers / f"{vendor}.jsonl").read_text("utf-8")
    return [simplejson.loads(line, use_decimal=True) for line in text.splitlines()]


def _missing(told: dict[str, Any], contracts: int, outcome: Outcome, deliveries: list[Json]) -> list[str]:
    """Each promise of the story that does not hold, in words; empty when all is well."""
    effects = [line["effect"] for line in told["kingdee_ledger"]]
    counts = {
        "approvals": [line["effect"] for line in told["dingtalk_ledger"]].count("approval.created"),
        "saved bills": effects.count("receivable.saved"),
        "audited bills": effects.count("receivable.audited"),
        "receivables": len(outcome.receivables),
        "payments": len(outcome.payments),
    }
    wrong = [f"{name}: {count}, not {contracts}" for name, count in counts.items() if count != contracts]
    booked = sum(Decimal(str(x["amount"])) for x in told["kingdee_ledger"] if x["effect"] == "receivable.saved")
    sums = {
        "booked in Kingdee": (booked, AMOUNT),
        "receivable in the CRM": (sum(Decimal(r["amount"]) for r in outcome.receivables.values()), AMOUNT),
        "paid in the CRM": (sum(Decimal(p["amount"]) for p in outcome.payments.values()), PAID),
        "outstanding": (sum(Decimal(r["outstanding"]) for r in outcome.receivables.values()), AMOUNT - PAID),
    }
    wrong += [f"{name}: {got}, not {each * contracts}" for name, (got, each) in sums.items() if got != each * contracts]
    return wrong + [f"{d['id']} {d['action']} is {d['state']}" for d in deliveries if d["state"] != "done"]


def _show(told: dict[str, Any], stage: Stage, say: Console) -> None:
    table = Table("步骤 / step", "从 / from", "到 / to", "本方 / ours", "对方 / theirs", "次数", "ms")
    for step in told["steps"]:
        theirs = step["number"] or step["external"]
        cells = (step["step"], step["from"], step["to"], step["record"], theirs, step["attempts"], step["ms"])
        table.add_row(*(str(cell) for cell in cells))
    say.print(table)
    receivable = told["receivable"]
    if receivable:
        say.print(
            f"应收 {receivable['number']}：{receivable['amount']}，未收 / outstanding {receivable['outstanding']}"
        )
    for line in told["missing"]:
        say.print(f"[red]✕ {line}")
    say.print(f"同步日志 / sync log: {told['console']}   API: {stage.url}/api/v1/openapi.json")


async def _until_told(stage: Stage, say: Console) -> None:
    """Keep running until Ctrl-C."""
    say.print(f"登录控制台用的 API 密钥 / API key to sign in: {stage.key}\n按 Ctrl-C 结束 / Ctrl-C ends it")
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    await ended.wait()
