"""Value tables: a mapping's own `lookups`, tables that mappings share, and either of them read back."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from pydantic import Field

from hub.domain.text import Text
from hub.mapping.files.nearest import unknown
from hub.mapping.files.schema import Pairs, Rule, Shape, Strict, shaped
from hub.mapping.files.yaml_text import Document, Path, read
from hub.sdk.exact import dumps

BACK = "~"
"""In front of a table's name: what stands on the right is looked up, what stands on the left is found."""

KEPT = "# 以下由连枢按 tables/ 补入，改表请改那里的文件 / added from tables/, change it there"

Tables = Mapping[str, Mapping[str, Any]]


class TableShape(Strict):
    """A file of mappings/tables: a table that several mappings look up."""

    table: str = Field(pattern=r"^[a-z0-9_-]+$")
    """表名，映射里 lookup 用它 / its name, which mappings look up"""

    why: str = ""
    """说明 / what it is for"""

    pairs: Pairs
    """来源的值: 目标的值 / value of the source: value of the target"""


@dataclass(frozen=True, slots=True)
class Table:
    """A shared table."""

    name: str
    pairs: Mapping[str, Any]
    hash: str
    document: Document

    @property
    def pin(self) -> str:
        """Its name and the hash of its text."""
        return f"tables/{self.name}:{self.hash}"


def parse_table(text: str, origin: str) -> Table:
    """Read a file of mappings/tables. Raises ConfigError "file:line:column: what, did you mean …"."""
    document = read(text, origin)
    shape = shaped(document, TableShape)
    return Table(shape.table, shape.pairs, sha256(text.encode()).hexdigest()[:12], document)


def bound(text: str, shape: Shape, tables: Tables) -> str:
    """The text of a mapping with the shared tables that it looks up, so that it says all that decides."""
    shared = {name: dict(tables[name]) for name in sorted(_used(shape) & tables.keys() - shape.lookups.keys())}
    return f"{text.rstrip()}\n\n{KEPT}\ntables: {dumps(shared)}\n" if shared and not shape.tables else text


def looked_up(document: Document, fields: Mapping[str, Rule], shape: Shape) -> dict[str, Mapping[str, Any]]:
    """The tables of these fields, by the names they look up; ConfigError for one that is not there or does not read
    back.
    """
    known = {**shape.tables, **shape.lookups}
    found: dict[str, Mapping[str, Any]] = {}
    for path, name in _asked(fields, ("fields",)):
        table = known.get(name.removeprefix(BACK))
        if table is None:
            raise document.refuse(path, unknown(name, known))
        found[name] = _read_back(document, path, table) if name.startswith(BACK) else table
    return found


def unused(shape: Shape) -> dict[str, Mapping[str, Any]]:
    """The file's own tables that nothing looks up."""
    return {name: table for name, table in shape.lookups.items() if name not in _used(shape)}


def _used(shape: Shape) -> set[str]:
    fields = [shape.fields, *([shape.back.fields] if shape.back else [])]
    return {name.removeprefix(BACK) for each in fields for _, name in _asked(each, ())}


def _asked(fields: Mapping[str, Rule], path: Path) -> Iterator[tuple[Path, str]]:
    """Where a table is looked up, and by which name."""
    for name, rule in fields.items():
        if rule.lookup is not None:
            yield (*path, name, "lookup"), rule.lookup
        yield from _asked(rule.fields or {}, (*path, name, "fields"))


def _read_back(document: Document, path: Path, table: Mapping[str, Any]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in table.items():
        if str(value) in made:
            zh = f"{str(value)[:40]!r} 既是 {made[str(value)]!r} 又是 {key!r}，不能反查"
            en = f"{str(value)[:40]!r} stands for {made[str(value)]!r} and for {key!r}: it cannot be read back"
            raise document.refuse(path, str(Text(zh, en)))
        made[str(value)] = key
    return made
