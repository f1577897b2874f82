"""`hub plan`, `hub apply`, `hub rollback`, `hub releases`, `hub pull`: what runs, as code."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.connections import try_out
from hub.cli.person import person
from hub.cli.tell import done, told
from hub.deploy import Deployer, Plan, from_outside, pull, read_environment
from hub.deploy.release import FIRST
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.flows import read_files
from hub.ledger.releases import files_of, newest_number, newest_releases
from hub.main import Hub, open_hub, reader
from hub.sdk.client import make_client
from hub.settings import Settings

Folder = Annotated[Path | None, typer.Option("--dir", help="映射目录，默认 HUB_MAPPINGS_DIR / mappings")]
Name = Annotated[str, typer.Option("--environment", help="environments/<名字>.yaml / connections too, from this file")]
File = Annotated[
    Path | None, typer.Option("--environment-file", envvar="HUB_ENVIRONMENT_FILE", help="环境文件 / the file itself")
]
Note = Annotated[str, typer.Option(help="说明，会记录 / a note; recorded")]
Yes = Annotated[bool, typer.Option("--yes", help="不再询问 / do not ask")]
Json = Annotated[bool, typer.Option("--json")]

CHANGED = 2
SIGNS = {"added": "+", "changed": "~", "removed": "-"}
COLORS = {"+": "green", "-": "red", "@": "cyan"}
SAY_YES = Text("看过 hub plan 后加 --yes。", "Look at `hub plan`, then add --yes.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    for command in (plan, apply, rollback, releases, pull_files):
        app.command("pull" if command is pull_files else command.__name__)(command)


def plan(folder: Folder = None, environment: Name = "", file: File = None, as_json: Json = False) -> None:
    """文件与运行中的差别：0 没有，2 有 / what differs from what runs: ends with 0 for nothing, 2 for something."""
    made = asyncio.run(_plan(folder, environment, file))
    _show(made, as_json)
    if made.changes:
        raise typer.Exit(CHANGED)


async def _plan(folder: Path | None, environment: str, file: Path | None) -> Plan:
    async with _open() as (_, deployer):
        return await _planned(deployer, folder, environment, file)


async def _planned(deployer: Deployer, folder: Path | None, environment: str, file: Path | None) -> Plan:
    directory = folder or Settings().mappings_dir
    if not directory.is_dir():
        raise ConfigError(f"没有这个目录 / no directory {directory}")
    named = directory.parent / "environments" / f"{environment}.yaml" if environment else file
    return await deployer.plan(read_files(directory), read_environment(named, os.environ) if named else None)


def apply(
    folder: Folder = None,
    environment: Name = "",
    file: File = None,
    note: Note = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """应用：一次事务写成一个发布，各进程两秒内换上 / make a release in one transaction; it runs within 2 s."""
    asyncio.run(_make(lambda deployer: _planned(deployer, folder, environment, file), note, yes, as_json))


def rollback(
    number: Annotated[int | None, typer.Argument(help="默认上一个 / default: the one before")] = None,
    note: Note = "",
    yes: Yes = False,
    as_json: Json = False,
) -> None:
    """回到旧发布的内容，作为新的发布；密文保持现在的 / a new release with an old one's content; secrets stay."""
    look = from_outside(os.environ, Path())
    asyncio.run(_make(lambda deployer: deployer.plan_back(number, look), note, yes, as_json))


async def _make(planned: Callable[[Deployer], Awaitable[Plan]], note: str, yes: bool, as_json: bool) -> None:
    async with _open() as (opened, deployer):
        made = await planned(deployer)
        if not as_json:
            _show(made, as_json)
        number = await _apply(opened, deployer, made, note) if made.changes and _agreed(yes, as_json) else made.follows
        words = f"发布 {number} 已应用 / release {number} is applied" if made.changes else "无需应用 / nothing to apply"
        done({"release": number, "changed": bool(made.changes)}, words, as_json)


def _agreed(yes: bool, as_json: bool) -> bool:
    """True, or the command ends here."""
    if as_json and not yes:
        raise ConfigError("--json 不能询问 / --json cannot ask", hint=SAY_YES)
    return yes or typer.confirm("应用？ / apply?", abort=True)


async def _apply(opened: Hub, deployer: Deployer, made: Plan, note: str) -> int:
    if made.restores is None:
        await _try_out(opened, made)
    async with opened.database.unit("") as unit:
        who = await person(unit, "")
    return await deployer.apply(made, who, note)


async def _try_out(opened: Hub, made: Plan) -> None:
    """Each connection that changes is probed, as `hub connections add` does."""
    for wanted, _ in made.saving:
        connection = opened.registry.connect(wanted.connector, wanted.config)
        async with connection.http:
            typer.echo(f"{'.'.join(wanted.place)}: {await try_out(connection)}", err=True)


def releases(limit: int = 20, as_json: Json = False) -> None:
    """列出发布，最新的在前；第一行在运行 / newest first; the first one runs."""
    told(asyncio.run(_releases(limit)), as_json)


async def _releases(limit: int) -> list[dict[str, Any]]:
    async with _open() as (opened, _), opened.database.unit("") as unit:
        return [
            {
                "number": each.number,
                "hash": each.hash[:12],
                "made_at": each.made_at.isoformat(),
                "who": each.who,
                "restores": each.restores,
                "note": each.note,
            }
            for each in await newest_releases(unit, limit)
        ]


def pull_files(
    folder: Folder = None,
    force: Annotated[bool, typer.Option("--force", help="覆盖有改动的文件 / overwrite changed files")] = False,
    as_json: Json = False,
) -> None:
    """把运行中的文件写回目录，逐字节相同 / write the files that run to a directory, byte for byte."""
    number, written = asyncio.run(_pull(folder or Settings().mappings_dir, force))
    words = f"发布 {number}：写了 {len(written)} 个文件 / release {number}: {len(written)} files written"
    done({"release": number, "written": written}, words, as_json)


async def _pull(directory: Path, force: bool) -> tuple[int, list[str]]:
    async with _open() as (opened, _), opened.database.unit("") as unit:
        number = await newest_number(unit)
        files = await files_of(unit, number)
    if not number:
        raise ConfigError("还没有发布 / there is no release yet", hint=FIRST)
    return number, pull(files, directory, force)


@asynccontextmanager
async def _open() -> AsyncIterator[tuple[Hub, Deployer]]:
    """A hub that loads nothing: what runs may be the very thing to be mended."""
    async with open_hub(Settings(), loaded=False, make_client=make_client) as opened:
        yield opened, Deployer(opened.database, opened.registry, reader(opened.registry))


def _show(made: Plan, as_json: bool) -> None:
    if as_json:
        changes = [
            {"what": c.what, "name": c.name, "change": c.kind, "difference": list(c.lines)} for c in made.changes
        ]
        doubts = [{"found": each.words, "tenants": list(each.tenants)} for each in made.doubts]
        about = {"runs": made.follows, "changes": changes, "absent": list(made.absent), "doubts": doubts}
        typer.echo(json.dumps(about, ensure_ascii=False))
        return
    for change in made.changes:
        typer.secho(f"{SIGNS[change.kind]} {change.what} {change.name}", bold=True)
        for line in change.lines:
            typer.secho(f"  {line}", fg=COLORS.get(line[:1]))
    for name in made.absent:
        words = Text(
            f"连接 {name} 还不存在：它的投递会停着等",
            f"no connection {name} in any tenant yet: its deliveries will wait",
        )
        typer.secho(f"! {words}", fg="yellow", err=True)
    for doubt in made.doubts:
        where = f"（租户 / tenants: {', '.join(doubt.tenants)}）" if doubt.tenants else ""
        typer.secho(f"△ {doubt.words}{where}", fg="yellow", err=True)
    runs = f"发布 {made.follows} / release {made.follows}" if made.follows else "还没有发布 / no release yet"
    count = f"{len(made.changes)} 处变化 / changes" if made.changes else "没有变化 / no change"
    typer.echo(f"{runs}: {count}")
