"""`hub mappings check`: what is or may be wrong with the files, before any of them runs."""

import asyncio
from typing import Annotated

import typer

from hub.cli.fields import offline
from hub.cli.mapping_files import shipped
from hub.flows import Catalogue
from hub.flows.learned import learned
from hub.main import open_hub
from hub.mapping.checks.finding import Finding
from hub.mapping.shapes.shape import Shape
from hub.registry.told import told_streams
from hub.sdk.exact import dumps
from hub.settings import Settings


def check(
    tenant: Annotated[str, typer.Option(help="连同这个租户收到过的数据 / with what this tenant has received")] = "",
    as_json: Annotated[bool, typer.Option("--json")] = False,
) -> None:
    """检查全部映射和流程：名字、类型、例子 / check all files: names, types, examples; 1 when one can never go well."""
    registry = offline()
    known = told_streams(registry)
    if tenant:
        known = known.learned(asyncio.run(_received(tenant)))
    targets = {name: action.input for name, action in registry.actions.items()}
    files, found = shipped(), list[Finding]()
    Catalogue.of(files, targets, registry.events, known, found.append)
    if as_json:
        typer.echo(dumps([{"certain": each.certain, "found": str(each)} for each in found]))
    else:
        for each in found:
            typer.echo(f"{'✕' if each.certain else '△'} {each}")
        typer.echo(f"{len(files)} 个文件，{len(found)} 处发现 / {len(files)} files, {len(found)} findings")
    if any(each.certain for each in found):
        raise typer.Exit(1)


async def _received(tenant: str) -> dict[str, Shape]:
    async with open_hub(Settings(), loaded=False) as opened, opened.database.unit(tenant) as unit:
        return await learned(unit)
