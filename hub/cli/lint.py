"""`hub mappings check`: what types tell of mappings, before any of them runs."""

import asyncio
from typing import Annotated

import typer

import core_crm
from hub.cli.mapping_files import all_mappings
from hub.credentials import Vault
from hub.ledger import streams
from hub.ledger.connections import everyone
from hub.main import open_hub
from hub.mapping.checks.lint import all_findings
from hub.mapping.shapes.shape import EMPTY, Shape
from hub.registry import Registry, discover
from hub.registry.told import told_streams
from hub.sdk.exact import dumps
from hub.sdk.http import Egress
from hub.settings import Settings


def check(
    tenant: Annotated[str, typer.Option(help="连同这个租户收到过的数据 / with what this tenant has received")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """不运行，按类型检查全部映射 / check all mappings by types, without running; 1 when one can never go well."""
    registry = Registry(discover(), core_crm.home, Vault(Vault.new_key()), Egress())
    known = told_streams(registry)
    if tenant:
        known = known.learned(asyncio.run(_received(tenant)))
    targets = {name: action.input for name, action in registry.actions.items()}
    mappings = all_mappings()
    found = all_findings(mappings, targets, known)
    if as_json:
        typer.echo(dumps([{"certain": each.certain, "found": str(each)} for each in found]))
    else:
        for each in found:
            typer.echo(f"{'✕' if each.certain else '△'} {each}")
        typer.echo(f"{len(mappings)} 个映射，{len(found)} 处发现 / {len(mappings)} mappings, {len(found)} findings")
    if any(each.certain for each in found):
        raise typer.Exit(1)


async def _received(tenant: str) -> dict[str, Shape]:
    """The shapes a tenant's streams were learned to have, by event."""
    found: dict[str, Shape] = {}
    async with open_hub(Settings(), loaded=False) as opened, opened.database.unit(tenant) as unit:
        connectors = {stored.name: stored.connector for stored in await everyone(unit)}
        for each in await streams.everyone(unit):
            event = f"{connectors.get(each.connection, each.connection)}.{each.type}"
            found[event] = found.get(event, EMPTY) | Shape.from_json(each.shape)
    return found
