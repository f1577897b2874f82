"""How commands answer: JSON for machines, a table for people, and line by line what no table has room for."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import typer
from rich.cells import cell_len
from rich.console import Console
from rich.table import Column, Table

NAME = re.compile(r"[!-~]*")
"""An id, a name, a number or a time: it is never cut, nor broken into two lines."""

SENTENCE, BORDER, UNLIMITED = 16, 3, 100_000
"""In characters: what a cell of words needs at least, what stands around each cell, the width of no terminal."""


def told(rows: Sequence[Mapping[str, Any]], as_json: bool) -> None:
    """Print rows; an empty table says so. Where a table is too wide for the terminal, each row goes line by line."""
    if as_json:
        typer.echo(json.dumps(list(rows), ensure_ascii=False, default=_plain))
        return
    if not rows:
        typer.echo("没有记录 / nothing there")
        return
    console = Console()
    cells = [[_shown(value) for value in row.values()] for row in rows]
    columns = [_column(name, [row[i] for row in cells]) for i, name in enumerate(rows[0])]
    needed = 1 + sum(BORDER + (column.min_width or SENTENCE) for column in columns)
    if console.is_terminal and needed > console.width:
        for each in rows:
            typer.echo("─" * console.width)
            detailed(each)
        return
    if not console.is_terminal:
        console.width = UNLIMITED
    table = Table(*columns)
    for row in cells:
        table.add_row(*row)
    console.print(table)


def detailed(facts: Mapping[str, Any]) -> None:
    """Print one thing line by line, what is in it indented."""
    for line in _lines(facts):
        typer.echo(line)


def done(facts: Mapping[str, Any], words: str, as_json: bool) -> None:
    """Say that something was done: the facts for machines, one sentence for people."""
    typer.echo(json.dumps(dict(facts), ensure_ascii=False) if as_json else words)


def _column(name: str, cells: Sequence[str]) -> Column:
    if not all(NAME.fullmatch(cell) for cell in cells):
        return Column(name, overflow="fold")
    return Column(name, no_wrap=True, overflow="fold", min_width=max(cell_len(each) for each in (name, *cells)))


def _lines(value: Any, indent: str = "") -> Iterator[str]:
    pairs = value.items() if isinstance(value, Mapping) else ((f"{i}", each) for i, each in enumerate(value, 1))
    for name, inner in pairs:
        if isinstance(inner, Mapping | list | tuple) and inner:
            yield f"{indent}{name}:"
            yield from _lines(inner, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_shown(inner)}".rstrip()


def _shown(value: Any) -> str:
    return "" if value is None else _plain(value)


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)
