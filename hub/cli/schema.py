"""`hub schema`: JSON Schemas of mapping, flow and table files, for editors."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from hub.flows.flow import Shape as FlowShape
from hub.mapping.files.published import published
from hub.mapping.files.schema import Shape
from hub.mapping.files.tables import TableShape

FILES: dict[str, tuple[type[BaseModel], str]] = {
    "mapping": (Shape, "连枢映射 / a mapping of Lianshu"),
    "flow": (FlowShape, "连枢流程 / a flow of Lianshu"),
    "table": (TableShape, "连枢值表 / a value table of Lianshu"),
}


class Kind(StrEnum):
    """Which file."""

    mapping = "mapping"
    flow = "flow"
    table = "table"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("schema")(schema)


def schema(
    kind: Annotated[Kind | None, typer.Argument(help="mapping、flow 或 table")] = None,
    write: Annotated[Path | None, typer.Option(help="把三份都写进这个目录 / write all three into here")] = None,
) -> None:
    """映射、流程、值表文件的 JSON Schema，编辑器用它补全和检查 / JSON Schemas, for editors."""
    if write is not None:
        write.mkdir(parents=True, exist_ok=True)
        for name in FILES:
            (write / f"{name}.json").write_text(text_of(name), "utf-8")
    elif kind is not None:
        typer.echo(text_of(kind), nl=False)
    else:
        raise typer.BadParameter("说出 mapping、flow、table 之一，或 --write 目录 / name one of them, or --write")


def text_of(kind: str) -> str:
    """The schema of a kind of file as it is committed."""
    return json.dumps(published(*FILES[kind]), ensure_ascii=False, indent=2) + "\n"
