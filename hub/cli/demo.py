"""`hub demo`: the whole story on this machine, through public interfaces only."""

import asyncio
import os
import shlex
import signal
import sys
import time
from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from hub.cli.connections import store
from hub.cli.processes import Processes
from hub.cli.report import report, show
from hub.cli.scenes import Neighbours, Scenery, play_scenes
from hub.cli.story import Office, Outcome, play
from hub.domain.errors import ConfigError
from hub.embedded.local import LOOPBACK, Local, start
from hub.ledger.keys import SCOPES, create_key
from hub.ledger.migrate import add_tenant, upgrade
from hub.main import HOME_MIGRATIONS, open_hub
from hub.sdk.client import make_client
from hub.sdk.exact import dumps
from hub.sdk.http import Egress
from hub.settings import Settings

TENANT = "demo"
MAIN = ("kingdee", "dingtalk")
AROUND = ("yonyou", "wecom", "email", "enrichment")
CALLING = ("dingtalk", "wecom", "yonyou")
"""Vendors whose administrator enters our callback address in the back office."""
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
    ledgers: dict[str, Path]


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("demo")(demo)


def demo(
    once: Annotated[bool, typer.Option("--once", help="演完即退 / end after the story")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="输出 JSON / print JSON")] = False,
    cast: Annotated[str, typer.Option("--with", help="main | all：六个厂商都登场 / all six vendors")] = "main",
    contracts: Annotated[int, typer.Option(min=1, max=5000, help="合同数 / contracts")] = 1,
    kill_worker: Annotated[int, typer.Option(min=0, help="途中杀掉工作进程的次数 / kill -9 the worker")] = 0,
    kill_redis: Annotated[bool, typer.Option("--kill-redis", help="开始前杀掉 Redis / kill Redis first")] = False,
) -> None:
    """演示主线：合同 → 钉钉审批 → 金蝶应收 → 回款 / the main job from contract to payment."""
    if cast not in ("main", "all"):
        raise typer.BadParameter(f"--with: main | all, not {cast!r}")
    began = time.monotonic()
    vendors = MAIN + (AROUND if cast == "all" else ())
    say = Console(stderr=True, width=None if sys.stderr.isatty() else 150)
    told = asyncio.run(_demo(vendors, contracts, Trouble(kill_worker, kill_redis), say, once, as_json))
    told["seconds"] = Decimal(str(round(time.monotonic() - began, 1)))
    if as_json:
        typer.echo(dumps(told))
    if told["missing"]:
        raise typer.Exit(1)


async def _demo(
    vendors: tuple[str, ...], contracts: int, trouble: Trouble, say: Console, once: bool, as_json: bool
) -> dict[str, Any]:
    directory = Settings().data_dir / "demo"
    (directory / "logs").mkdir(parents=True, exist_ok=True)
    processes = Processes(directory / "logs", {})
    try:
        stage = await _set_up(directory, vendors, processes, say)
        say.print("④ 演出 / playing the story")
        began = time.monotonic()
        outcome = await _play(stage, contracts, trouble, say)
        scenery = await _play_around(stage, say) if AROUND[0] in stage.vendors else None
        async with make_client(base_url=stage.url, egress=HERE) as http:
            told = await report(Office(http, stage.key), stage.ledgers, contracts, outcome, scenery)
        told["console"] = f"{stage.url}/console"
        told["rate_per_s"] = Decimal(str(round(contracts / (time.monotonic() - began), 2)))
        if not as_json:
            show(told, say)
        if not once:
            await _until_told(stage, say)
        return told
    finally:
        processes.stop()


async def _set_up(directory: Path, wanted: tuple[str, ...], processes: Processes, say: Console) -> Stage:
    say.print("① 沙箱、PostgreSQL、Redis / sandboxes, PostgreSQL, Redis")
    ledgers = {vendor: directory / f"{vendor}.jsonl" for vendor in wanted}
    for vendor, ledger in ledgers.items():
        ledger.unlink(missing_ok=True)
        processes.start(vendor, "sandbox", vendor, "--json", "--ledger", str(ledger))
    local = await start(directory, "hub_demo", fresh=True)
    os.environ.update(local.environment)
    source = write_environment(directory / "env", {**local.environment, "HUB_TENANT": TENANT})
    say.print(f"   另开终端：`{source}` / in another terminal")
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
        for vendor in wanted:
            told = processes.told(vendor)
            vendors[vendor] = told["url"]
            config = opened.registry.read_config(vendor, told["credentials"])
            await store(opened, TENANT, vendor, vendor, config)
        async with opened.database.unit(TENANT) as unit:
            key = await create_key(unit, "demo", SCOPES)
    return Stage(local, processes, processes.told("api")["url"], vendors, key, ledgers)


def write_environment(file: Path, environment: Mapping[str, str]) -> str:
    """Write what points `hub` at this system, readable by its owner alone; how a shell takes it."""
    file.unlink(missing_ok=True)
    handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="utf-8") as opened:
        opened.writelines(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    return f"source {shlex.quote(str(file))}"


async def _play(stage: Stage, contracts: int, trouble: Trouble, say: Console) -> Outcome:
    if trouble.kill_redis:
        stage.local.redis.process.send_signal(signal.SIGKILL)
    async with (
        make_client(base_url=stage.url, egress=HERE, concurrency=32) as http,
        make_client(base_url=stage.vendors["kingdee"], egress=HERE) as kingdee,
    ):
        for vendor in stage.vendors.keys() & CALLING:
            await _subscribe(stage, vendor)
        killing = asyncio.create_task(_kill_worker(stage, trouble.kill_worker))
        with _progress(contracts, say) as tell:
            outcome = await play(Office(http, stage.key), kingdee, contracts, tell)
        await killing
        return outcome


async def _play_around(stage: Stage, say: Console) -> Scenery:
    async with (
        make_client(base_url=stage.url, egress=HERE) as http,
        make_client(base_url=stage.vendors["wecom"], egress=HERE) as wecom,
        make_client(base_url=stage.vendors["email"], egress=HERE) as email,
    ):
        with say.status("") as status:
            return await play_scenes(Office(http, stage.key), Neighbours(wecom, email), status.update)


async def _subscribe(stage: Stage, vendor: str) -> None:
    """The administrator saves the callback address in the vendor's back office."""
    hook = f"{stage.url}/hooks/{TENANT}.{vendor}"
    async with make_client(base_url=stage.vendors[vendor], egress=HERE) as http:
        told = (await http.post("/_sandbox/callback", json={"url": hook})).json()
    if not told["ok"]:
        raise ConfigError(f"{vendor} did not take {hook}: {told['detail']}")


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


async def _until_told(stage: Stage, say: Console) -> None:
    """Keep running until Ctrl-C."""
    say.print(f"登录控制台用的 API 密钥 / API key to sign in: {stage.key}\n按 Ctrl-C 结束 / Ctrl-C ends it")
    ended = asyncio.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(name, ended.set)
    await ended.wait()
