"""`hub check`: how far each connector can be trusted."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from hub.cli.tell import told
from hub.domain.errors import ODD_SHAPES, HubError
from hub.registry import connector_names
from hub.registry.quality import Finding, Folder, Level, Report, Size, examine, measure, open_folder, unloadable

LEVELS = {Level.NONE: "—", Level.BRONZE: "铜 bronze", Level.SILVER: "银 silver", Level.GOLD: "金 gold"}
BROKEN = (HubError, ImportError, SyntaxError, *ODD_SHAPES)
"""What a connector's package may raise while it is loaded."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("check")(check)


def check(
    connectors: Annotated[list[str] | None, typer.Argument(help="不写就是全部 / all by default")] = None,
    as_json: Annotated[bool, typer.Option("--json")] = False,
    sizes: Annotated[bool, typer.Option(help="行数与依赖 / lines and imports")] = False,
) -> None:
    """检查连接器的质量等级；有一条不合格就失败 / the quality scale; ends with 1 when a rule is broken."""
    pairs = [_look(name) for name in _chosen(connectors or [])]
    reports = [report for report, _ in pairs]
    measured = [measure(folder) for _, folder in pairs if folder] if sizes else []
    if as_json:
        typer.echo(json.dumps(_facts(reports, measured), ensure_ascii=False))
    else:
        _print(reports, measured)
    if any(report.red for report in reports):
        raise typer.Exit(1)


def _chosen(asked: list[str]) -> list[str]:
    there = connector_names()
    if unknown := [name for name in asked if name not in there]:
        raise typer.BadParameter(f"没有连接器 / no connector {', '.join(unknown)}; {', '.join(there)}")
    return asked or there


def _look(name: str) -> tuple[Report, Folder | None]:
    try:
        folder = open_folder(name)
        return examine(folder), folder
    except BROKEN as error:
        return unloadable(name, error), None


def _print(reports: Sequence[Report], measured: Sequence[Size]) -> None:
    rows = [
        {"连接器 connector": r.connector, "等级 level": LEVELS[r.level], "下一级还缺 missing": _missing(r)}
        for r in reports
    ]
    told(rows, as_json=False)
    for report in reports:
        for gap in report.red:
            typer.echo(f"✗ {report.connector}: {gap.rule}: {gap.place}: {gap.words}")
    if measured:
        told([_size_row(size) for size in measured], as_json=False)
        smallest = min(measured, key=lambda size: size.client)
        typer.echo("\n".join(map(_imports, measured)))
        typer.echo(f"最小 / smallest: {smallest.connector}, {smallest.client} 行 / lines")


def _missing(report: Report) -> str:
    return "\n".join(dict.fromkeys(finding.rule for finding in report.missing))


def _size_row(size: Size) -> dict[str, Any]:
    return {
        "连接器 connector": size.connector,
        "客户端行数 client": size.client,
        "沙箱 sandbox": size.sandbox,
        "样例 fixtures": size.fixtures,
        "库 libraries": len(size.libraries),
        "hub.sdk": len(size.sdk),
    }


def _imports(size: Size) -> str:
    """Libraries that only the sandbox needs stand in brackets."""
    only = [f"({name})" for name in size.sandbox_libraries if name not in size.libraries]
    return f"{size.connector}: {' '.join([*size.libraries, *only])}; hub.sdk: {' '.join(size.sdk)}"


def _facts(reports: Sequence[Report], measured: Sequence[Size]) -> dict[str, Any]:
    smallest = min(measured, key=lambda size: size.client).connector if measured else None
    return {
        "connectors": [
            {"connector": r.connector, "level": r.level.name.lower(), "rules": [_fact(f) for f in r.findings]}
            for r in reports
        ],
        "red": sum(len(r.red) for r in reports),
        **({"sizes": [asdict(size) for size in measured], "smallest": smallest} if measured else {}),
    }


def _fact(finding: Finding) -> dict[str, str]:
    told = {"rule": finding.rule, "level": finding.level.name.lower(), "state": finding.state.value}
    return {**told, "place": finding.place, "zh": finding.words.zh, "en": finding.words.en}
