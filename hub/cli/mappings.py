"""`hub mappings test`: what the examples of mappings prove, and what none of them touches."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.cli.backtest import backtest
from hub.cli.fields import fields
from hub.cli.functions import functions
from hub.cli.lint import check
from hub.cli.mapping_files import all_mappings, mappings_in
from hub.cli.tell import told
from hub.domain.text import Text
from hub.mapping import MappingFile
from hub.mapping.trials.coverage import cover
from hub.sdk.exact import dumps

group = typer.Typer(no_args_is_help=True, help="映射：例子、覆盖率、回测 / mappings: examples, coverage, back-test")
group.command("backtest")(backtest)
group.command("functions")(functions)
group.command("fields")(fields)
group.command("check")(check)
AsJson = Annotated[bool, typer.Option("--json")]

KINDS = {
    "field": "字段 fields",
    "default": "默认值 defaults",
    "entry": "表项 entries",
    "refusal": "拒绝 refusals",
    "branch": "分支 branches",
}

UNSHOWN = Text("没有例子显示缺了会被拒绝", "no example shows that these are refused when missing")
TYPES = Text(
    "这里只跑例子；名字和类型看 hub mappings check", "only examples ran here: `hub mappings check` looks at types"
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="mappings")


@group.command("test")
def try_out(
    files: Annotated[list[Path] | None, typer.Argument(help="不写就是映射目录里全部 / all by default")] = None,
    require: Annotated[int, typer.Option(min=0, max=100, help="每个文件至少覆盖百分之几 / least coverage, %")] = 0,
    as_json: AsJson = False,
) -> None:
    """跑例子，说出没有例子走到的地方 / run the examples, name what none of them touches; 1 when one is not true."""
    tried = [_tried(mapping) for mapping in _chosen(files or [])]
    if as_json:
        typer.echo(dumps(tried))
    else:
        _show_tests(tried)
    if any(each["wrong"] or each["covered"] < require for each in tried):
        raise typer.Exit(1)


def _chosen(files: Sequence[Path]) -> list[MappingFile]:
    if files:
        return [mapping for file in files for mapping in mappings_in(file)]
    return all_mappings()


def _tried(mapping: MappingFile) -> dict[str, Any]:
    wrong = {
        example.name: mapping.untrue(index, why).message
        for index, example in enumerate(mapping.examples)
        if (why := mapping.disprove(example))
    }
    found = cover(mapping)
    return {
        "file": mapping.document.origin,
        "mapping": f"{mapping.name}@{mapping.version}",
        "examples": len(mapping.examples),
        "wrong": wrong,
        "covered": found.percent,
        "points": {kind: {"touched": touched, "of": count} for kind, (touched, count) in found.counts().items()},
        "untouched": [
            {"kind": point.kind, "told": point.told, "required": point.required} for point in found.untouched
        ],
    }


def _show_tests(tried: Sequence[dict[str, Any]]) -> None:
    rows = [
        {
            "映射 mapping": each["mapping"],
            "例子 examples": f"{each['examples'] - len(each['wrong'])}/{each['examples']}",
            "覆盖 covered": f"{each['covered']} %",
            "没走到 untouched": _untouched(each["points"]),
        }
        for each in tried
    ]
    told(rows, as_json=False)
    for each in tried:
        for point in each["untouched"]:
            if not point["required"]:
                typer.echo(point["told"])
        if names := ", ".join(point["required"] for point in each["untouched"] if point["required"]):
            typer.echo(f"{each['file']}: {UNSHOWN}: {names}")
        for why in each["wrong"].values():
            typer.echo(f"✕ {why}")
    typer.echo(str(TYPES))


def _untouched(points: dict[str, Any]) -> str:
    missing = {kind: count["of"] - count["touched"] for kind, count in points.items()}
    return " · ".join(f"{KINDS[kind]} {count}" for kind, count in missing.items() if count)
