"""`hub reconcile`: compare what we made with what stands at the vendors."""

import asyncio
from typing import Annotated, Any

import typer

from hub.api.reconcile import NOTHING, REPAIR, shown
from hub.cli.person import Tenant
from hub.cli.tell import told
from hub.delivery.reconcile import Reconciler, ask
from hub.domain.errors import ConfigError
from hub.ledger.leases import Heart
from hub.ledger.reconcile import is_under_way, last_reports
from hub.main import Hub, open_hub
from hub.sdk.client import make_client
from hub.settings import Settings

PAUSE_S = 0.5


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("reconcile")(reconcile)


def reconcile(
    connection: Annotated[str, typer.Option(help="只对这个连接 / this connection only")] = "",
    last: Annotated[bool, typer.Option("--last", help="只看上次的结果 / only show the last reports")] = False,
    tenant: Tenant = "default",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """对账：我们做成的，对方还在吗；不改任何东西 / is what we made still there? Changes nothing."""
    reports = asyncio.run(_reports(connection, tenant, last))
    if as_json:
        told(reports, as_json)
        return
    told([_line(each) for each in reports], as_json)
    for each in reports:
        for ref in each["missing"]:
            told_of = f"{ref['number'] or ref['external_id']}  {ref['record']}  {ref['delivery_id']}"
            typer.echo(f"✕ 对方没有 / missing  {each['connection']} {each['entity']}  {told_of}")
        for made in each["unknown"] or ():
            typer.echo(f"? 我们不知道 / unknown  {each['connection']} {each['entity']}  {made['number']}  {made['id']}")
    if any(each["hint"] for each in reports):
        typer.echo(str(REPAIR))


def _line(report: dict[str, Any]) -> dict[str, Any]:
    unknown = "不能列 / cannot list" if report["unknown"] is None else len(report["unknown"])
    counts = {"missing": len(report["missing"]), "unknown": unknown}
    names = ("connection", "entity", "ended_at", "ours", "theirs")
    return {**{name: report[name] for name in names}, **counts, "error": report["error"]}


async def _reports(connection: str, tenant: str, last: bool) -> list[dict[str, Any]]:
    async with open_hub(Settings(), make_client=make_client) as opened:
        if not last:
            await _compare(opened, connection, tenant)
        async with opened.database.unit(tenant) as unit:
            return [shown(each) for each in await last_reports(unit, connection)]


async def _compare(opened: Hub, connection: str, tenant: str) -> None:
    """Compare now; what a worker has begun meanwhile is waited for."""
    settings = opened.settings
    heart = Heart(settings.database_url.get_secret_value(), settings.lease_s).start()
    try:
        if not await ask(opened.database, opened.registry, tenant, connection):
            raise ConfigError("没有可对账的 / nothing to compare", hint=NOTHING)
        await Reconciler(opened.database, opened.registry, heart).run_for(tenant)
        await _settled(opened, connection, tenant)
    finally:
        await asyncio.to_thread(heart.stop)


async def _settled(opened: Hub, connection: str, tenant: str) -> None:
    while True:
        async with opened.database.unit(tenant) as unit:
            if not await is_under_way(unit, connection):
                return
        await asyncio.sleep(PAUSE_S)
