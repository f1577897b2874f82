"""How commands answer: JSON for machines, a table for people."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import typer
from rich.console import Console
from rich.table import Table


def told(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows; an empty table says so."""
    if as_json:
        typer.echo(json.dumps(list(rows), ensure_ascii=False, default=str))
        return
    if not rows:
        typer.echo("没有记录 / nothing there")
        return
    table = Table(*rows[0])
    for row in rows:
        table.add_row(*("" if v is None else str(v) for v in row.values()))
    Console().print(table)


def done(facts: Mapping[str, Any], words: str, as_json: bool) -> None:
    """Say that something was done: the facts for machines, one sentence for people."""
    typer.echo(json.dumps(dict(facts), ensure_ascii=False) if as_json else words)
