"""`hub mappings functions`: what expressions can call."""

from pathlib import Path
from typing import Annotated

import typer

from hub.mapping.expressions.page import functions_page

PAGE = Path("docs/reference/functions.md")


def functions(
    write: Annotated[bool, typer.Option("--write", help=f"写进 {PAGE} / write it there")] = False,
) -> None:
    """表达式里能用的函数，每个带例子 / the functions of expressions, each with an example."""
    if write:
        PAGE.parent.mkdir(parents=True, exist_ok=True)
        PAGE.write_text(functions_page(), "utf-8")
    else:
        typer.echo(functions_page(), nl=False)
