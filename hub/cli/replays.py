"""`hub replays`: list, show, continue; and the dry run and the run that `hub deliveries replay` offers."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from hub.api.lab import Lab
from hub.api.replay_shapes import item, previews, reported, shown
from hub.cli.person import Tenant, person
from hub.cli.tell import told
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger.batches import Choice, deliveries_of, find_batch, newest_batches
from hub.ledger.database import Database
from hub.ledger.selection import Selection
from hub.main import open_hub
from hub.main.lab import lab_of
from hub.sdk.exact import Json, dumps
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="批量重放 / replays in batches")
AsJson = Annotated[bool, typer.Option("--json")]

PAGE = 100
STEP_S = 2.0
UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
TIMES = Text("写 30m、2h、7d，或 2026-11-28T09:00+08:00。", "Write 30m, 2h, 7d, or 2026-11-28T09:00+08:00.")
UNKNOWN = Text("用 hub replays list 查看编号。", "See the ids with `hub replays list`.")


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="replays")


@group.command("list")
def show_all(limit: int = 50, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """最新的在前 / newest first."""
    rows = asyncio.run(_list(limit, tenant))
    columns = ("id", "state", "who", "why", "mapping", "scanned", "chosen", "refused", "created_at")
    told(rows if as_json else [{name: row[name] for name in columns} for row in rows], as_json)


async def _list(limit: int, tenant: str) -> list[dict[str, Any]]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return [shown(batch) for batch in await newest_batches(unit, "", limit)]


@group.command("show")
def show(replay_id: str, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """一批的报告：各状态的数量、失败原因、每一条 / a batch: counts, failures with reasons, each delivery."""
    asyncio.run(_show(replay_id, tenant, as_json))


async def _show(replay_id: str, tenant: str, as_json: bool) -> None:
    async with open_hub(Settings()) as opened:
        await tell_report(opened.database, tenant, replay_id, as_json)
        if not as_json:
            async for each in _items(opened.database, tenant, replay_id):
                reason = each["error"]["message"] if each["error"] else ""
                typer.echo(f"{each['delivery']}  {each['was']} → {each['state']}  {each['record']}  {reason}".rstrip())


async def _items(database: Database, tenant: str, replay_id: str) -> AsyncIterator[dict[str, Any]]:
    after = ""
    while True:
        async with database.unit(tenant) as unit:
            rows = await deliveries_of(unit, replay_id, after, PAGE)
        for row in rows:
            yield item(row)
        if len(rows) < PAGE:
            return
        after = rows[-1]["delivery_id"]


@group.command("continue")
def go_on(replay_id: str, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """接着做一批没做完的；不会重复 / go on with a batch that was cut off; nothing is done twice."""
    asyncio.run(_go_on(replay_id, tenant, as_json))


async def _go_on(replay_id: str, tenant: str, as_json: bool) -> None:
    async with open_lab() as lab:
        await finish(lab, tenant, replay_id, as_json)


@asynccontextmanager
async def open_lab() -> AsyncIterator[Lab]:
    """The replay lab of a hub that is opened for it."""
    async with open_hub(Settings()) as opened:
        yield lab_of(opened)


async def tell_report(database: Database, tenant: str, replay_id: str, as_json: bool) -> None:
    """Print a batch and what became of it; ConfigError for an unknown one."""
    async with database.unit(tenant) as unit:
        batch = await find_batch(unit, replay_id)
        if batch is None:
            raise ConfigError(f"{replay_id}: 不存在 / unknown", hint=UNKNOWN)
        report = await reported(unit, batch)
    if as_json:
        typer.echo(dumps(report))
        return
    counts = " · ".join(f"{state} {count}" for state, count in sorted(report["counts"].items()))
    typer.echo(f"{report['id']}  {report['state']}  {report['who']}: {report['why']}")
    typer.echo(
        f"已看 / scanned {report['scanned']} · 选中 / chosen {report['chosen']} · 拒绝 / refused {report['refused']}"
    )
    typer.echo(counts or "没有投递 / no deliveries")
    for failure in report["failures"]:
        error = failure["error"] or {"code": "", "message": "", "hint": {"zh": "", "en": ""}}
        words = " ".join((error["code"], error["message"], error["hint"]["zh"], error["hint"]["en"])).strip()
        typer.echo(f"✕ {failure['count']} × {failure['state']}: {words} ({failure['example']})")


async def dry_run(lab: Lab, tenant: str, wanted: Selection, choice: Choice, as_json: bool) -> None:
    """Print what would be sent for each, as it is found; writes nothing."""
    after, scanned, selected = "", 0, 0
    while True:
        page = await lab.dry_run(tenant, wanted, choice, after, PAGE, STEP_S)
        for would in previews(page)["items"]:
            for line in [dumps(would)] if as_json else _lines(would):
                typer.echo(line)
        scanned, selected, after = scanned + page.scanned, selected + len(page.items), page.next
        typer.echo(f"已看 / scanned {scanned} · 选中 / selected {selected}", err=True)
        if not after:
            return


def _lines(would: dict[str, Json]) -> Iterator[str]:
    yield f"{would['id']}  {would['state']}  {would['flow']}  {would['record']}  {would['mapping']}"
    if error := would["error"]:
        yield f"  ✕ {error['message']} {error['hint']['zh']} {error['hint']['en']}"
    elif not would["changes"]:
        yield "  没有变化 / no change"
    for change in would["changes"]:
        yield f"  {change['path'] or '*'}: {_side(change, 'was')} → {_side(change, 'would_be')}"


def _side(change: dict[str, Json], side: str) -> str:
    absent = {"was": "added", "would_be": "removed"}[side]
    return "—" if change["change"] == absent else dumps(change[side])


async def run(lab: Lab, tenant: str, wanted: Selection, choice: Choice, why: str, key: str, as_json: bool) -> None:
    """Write a batch down and put its deliveries back, telling how far it is."""
    async with lab.database.unit(tenant) as unit:
        replay_id = await lab.begin(unit, await person(unit, key), why, wanted, choice)
    await finish(lab, tenant, replay_id, as_json)


async def finish(lab: Lab, tenant: str, replay_id: str, as_json: bool) -> None:
    """Go on with a batch to its end; a cut-off is gone on with by `hub replays continue`."""
    while not await lab.run(tenant, replay_id, STEP_S):
        async with lab.database.unit(tenant) as unit:
            batch = await find_batch(unit, replay_id)
        if batch:
            typer.echo(f"{replay_id} 已看 / scanned {batch.scanned} · 选中 / chosen {batch.chosen}", err=True)
    await tell_report(lab.database, tenant, replay_id, as_json)


def moment(text: str) -> datetime | None:
    """ "2h" is two hours ago; else an ISO instant with its zone; None for "". ConfigError for anything else."""
    if not text:
        return None
    if span := re.fullmatch(r"([0-9]{1,6})([smhd])", text):
        return datetime.now(UTC) - timedelta(**{UNITS[span[2]]: int(span[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise ConfigError(f"{text!r} 不是时间 / is no time", hint=TIMES) from error
    if found.tzinfo is None:
        raise ConfigError(f"{text!r} 没有时区 / has no zone", hint=TIMES)
    return found
