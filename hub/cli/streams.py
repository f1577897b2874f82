"""`hub streams`: what source streams look like, where they drifted, and the release after the fix."""

import asyncio
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from hub.api.streams import listed, whole
from hub.cli.person import Key, Tenant, person
from hub.cli.replays import finish
from hub.cli.tell import done, told
from hub.drift import Release, release
from hub.ledger.streams import Policy, set_policy
from hub.main import open_hub
from hub.main.lab import lab_of
from hub.mapping.shapes.shape import Shape
from hub.mapping.shapes.uses import TOP, Place, spelled
from hub.sdk.exact import dumps
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="来源的事件流：学到的形状与变化 / source streams: shapes and drift")
AsJson = Annotated[bool, typer.Option("--json")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="streams")


@group.command("list")
def show_all(tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """所有的流、没人确认的变化、失败的轮询 / all streams, drifts nobody acknowledged, polls that fail."""
    found = asyncio.run(_list(tenant))
    if as_json:
        told(found, as_json)
        return
    told([{**each, "drifts": len(each["drifts"]), "poll": _failures(each)} for each in found], as_json)
    for each in found:
        for line in _wrong(each):
            typer.echo(line)


async def _list(tenant: str) -> list[dict[str, Any]]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return await listed(unit)


@group.command("show")
def show(connection: str, kind: str, tenant: Tenant = "default", as_json: AsJson = False) -> None:
    """一条流的形状、变化与扣住的投递 / one stream: its shape, its drifts, what is held."""
    found = asyncio.run(_show(connection, kind, tenant))
    if as_json:
        typer.echo(dumps(found))
        return
    typer.echo(f"{connection} {kind}  {found['policy']}  事件 / events {found['events']}  扣住 / held {found['held']}")
    told(_rows(Shape.from_json(found["shape"])), as_json)
    for line in _wrong(found):
        typer.echo(line)


async def _show(connection: str, kind: str, tenant: str) -> dict[str, Any]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return await whole(unit, connection, kind)


@group.command("policy")
def choose(
    connection: str,
    kind: str,
    policy: Annotated[Policy, typer.Argument(help="照发；映射用到就扣住；一律扣住 / what becomes of what drifts")],
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """变了怎么办；五秒内在每个工作进程生效 / what becomes of what drifts; in force within five seconds."""
    asyncio.run(_choose(connection, kind, policy, tenant))
    done({"connection": connection, "type": kind, "policy": policy}, f"已设定 / set: {policy}", as_json)


async def _choose(connection: str, kind: str, policy: Policy, tenant: str) -> None:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        await whole(unit, connection, kind)
        await set_policy(unit, connection, kind, policy)


@group.command("release")
def let_go(
    connection: str,
    kind: str,
    why: Annotated[str, typer.Option(help="原因，会记录 / why; recorded")],
    as_it_is: Annotated[
        bool, typer.Option("--as-it-is", help="映射没改也放行 / although mappings still read what is gone")
    ] = False,
    key: Key = "",
    tenant: Tenant = "default",
    as_json: AsJson = False,
) -> None:
    """改好映射之后：确认变化，按现在的映射重放扣住的 / after the fix: acknowledge, and replay what was held."""
    asyncio.run(_release((connection, kind), why, as_it_is, key, tenant, as_json))


async def _release(place: tuple[str, str], why: str, as_it_is: bool, key: str, tenant: str, as_json: bool) -> None:
    async with open_hub(Settings()) as opened:
        lab, replay_id = lab_of(opened), ""
        async with opened.database.unit(tenant) as unit:
            who = await person(unit, key)
            let = await release(unit, opened.reading, place, who, as_it_is)
            if let.selection:
                replay_id = await lab.begin(unit, who, why, let.selection, "current")
        if replay_id:
            await finish(lab, tenant, replay_id, as_json)
        else:
            done(_facts(let), f"已确认 / acknowledged: {len(let.drifts)}；没有扣住的 / nothing was held", as_json)


def _facts(let: Release) -> dict[str, Any]:
    return {"acknowledged": [each.id for each in let.drifts], "held": let.held}


def _failures(stream: dict[str, Any]) -> str:
    return f"✕{stream['poll']['failures']}" if stream["poll"] else ""


def _wrong(stream: dict[str, Any]) -> Iterator[str]:
    """A line for the poll when it fails, and one for each drift."""
    if poll := stream["poll"]:
        where = f"{stream['connection']} {stream['type']}"
        yield f"✕ {where}: 轮询失败 / the poll fails ×{poll['failures']}: {poll['error']}"
    yield from map(_line, stream["drifts"])


def _line(drift: dict[str, Any]) -> str:
    state = "✓" if drift["acknowledged_at"] else "✕"
    where = f"{drift['connection']} {drift['type']} {drift['path']}"
    what = f"{drift['what']}  {drift['was']} → {drift['now']}  ×{drift['seen']}  {drift['event']}"
    return f"{state} {where}: {what}  {', '.join(drift['mappings']) or '没有映射用到 / read by no mapping'}"


def _rows(shape: Shape, place: Place = TOP) -> list[dict[str, Any]]:
    rows = []
    for step, inner in shape.inside():
        there = (*place, step)
        seen = {"count": inner.count, "kinds": ", ".join(sorted(inner.kinds)), "longest": inner.longest or None}
        rows.append({"path": spelled(there), **seen, "values": ", ".join(sorted(inner.enum))})
        rows += _rows(inner, there)
    return rows
