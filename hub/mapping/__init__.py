"""How one shape becomes another: mapping files, their checks, and the engine that applies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from hub.domain.errors import MappingError
from hub.mapping.engine import Engine, Step
from hub.mapping.files.schema import Direction, Example, Rule, Shape, compiled, shaped
from hub.mapping.files.tables import Table, Tables, bound, looked_up, parse_table, unused
from hub.mapping.files.yaml_text import Document, Path, read

__all__ = ["Example", "MappingFile", "Table", "parse_mapping", "parse_table", "pinned", "read_mappings"]

WAYS = ("take", "value", "each", "fields")
FINISH = ("clean", "lookup", "format", "default", "required")
ALLOWED = {
    "take": (*FINISH, "when"),
    "value": ("when",),
    "each": ("fields", "required", "when"),
    "fields": ("required", "when"),
}
"""Which other keys make sense beside each way to make a field."""


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping ready to apply. Value tables stand inside the text, so its hash covers all that decides.

    `back`: the mapping for the other direction, when the file has one; both have the file's text and hash.
    """

    name: str
    version: int
    sources: tuple[str, ...]
    target: str
    text: str
    hash: str
    examples: tuple[Example, ...]
    steps: Mapping[str, Step]
    lookups: Mapping[str, Mapping[str, Any]]
    document: Document
    engine: Engine
    back: "MappingFile | None" = None

    @property
    def pin(self) -> str:
        """What a delivery carries: name, version, and the hash of the text."""
        return f"{self.name}@{self.version}:{self.hash}"

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload. Pure; MappingError names the field."""
        return self.engine.apply(data)

    def disprove(self, example: Example) -> str:
        """What is wrong with an example, or ""; values must agree in type and in every digit."""
        try:
            made = self.apply(example.given)
        except MappingError as error:
            if example.error is not None and example.error in error.message:
                return ""
            return f"expected {example.error or example.expect}, but it is refused: {error.message}"
        return "" if _same(made, example.expect) else f"expected {example.error or example.expect}, made {made}"


def parse_mapping(text: str, origin: str, tables: Tables = MappingProxyType({})) -> MappingFile:
    """Read a mapping file; `tables` are those that mappings share.

    The result's text has the shared tables that it looks up in it, so it can be read again without them.
    Raises ConfigError "file:line:column: what, did you mean …".
    """
    document = read(text, origin)
    shape = shaped(document, Shape)
    whole = bound(text, shape, tables)
    if whole != text:
        return parse_mapping(whole, origin)
    hash_ = sha256(text.encode()).hexdigest()[:12]
    back = None
    if shape.back is not None:
        back = _made(shape.back, shape, document.part("back"), text, hash_, None)
    return _made(shape, shape, document, text, hash_, back)


def read_mappings(files: Mapping[str, str]) -> tuple[tuple[Table, ...], list[MappingFile]]:
    """The tables below tables/, and the mappings of all other files with them, each way back after its way there.

    `files`: path → text. Raises ConfigError.
    """
    tables: dict[str, Table] = {}
    for origin, text in files.items():
        if origin.startswith("tables/"):
            table = parse_table(text, origin)
            if table.name in tables:
                other = tables[table.name].document.origin
                raise table.document.refuse(("table",), f"{table.name} stands in {other} too")
            tables[table.name] = table
    pairs = {name: table.pairs for name, table in tables.items()}
    there = [parse_mapping(text, path, pairs) for path, text in files.items() if not path.startswith("tables/")]
    return tuple(tables.values()), [way for mapping in there for way in (mapping, mapping.back) if way is not None]


def pinned(text: str, pin: str) -> MappingFile:
    """The mapping that this pin names, of the text that was kept for it. Raises ConfigError."""
    mapping = parse_mapping(text, pin)
    named = pin.partition("@")[0]
    return mapping.back if mapping.back is not None and mapping.back.name == named else mapping


def _made(
    way: Direction, shape: Shape, document: Document, text: str, hash_: str, back: MappingFile | None
) -> MappingFile:
    """One way of a file; `document` is that way's part of it."""
    for index, example in enumerate(way.examples):
        if (example.expect is None) == (example.error is None):
            raise document.refuse(("examples", index), "an example has either expect or error")
    steps = _steps(way.fields, ("fields",), document)
    lookups = looked_up(document, way.fields, shape) | (unused(shape) if way is shape else {})
    return MappingFile(
        way.mapping,
        shape.version,
        way.sources,
        way.target,
        text,
        hash_,
        tuple(way.examples),
        steps,
        lookups,
        document,
        Engine(steps, lookups),
        back,
    )


def _steps(fields: Mapping[str, Rule], path: Path, document: Document) -> dict[str, Step]:
    return {name: _step(rule, (*path, name), document) for name, rule in fields.items()}


def _step(rule: Rule, path: Path, document: Document) -> Step:
    way = _way(rule, path, document)
    text = rule.take if rule.each is None else rule.each
    expression = None if text is None else compiled(document, (*path, way), text)
    condition = None if rule.when is None else compiled(document, (*path, "when"), rule.when)
    inner = _steps(rule.fields, (*path, "fields"), document) if rule.fields else None
    return Step(rule, expression, inner, condition)


def _way(rule: Rule, path: Path, document: Document) -> str:
    """The one way this rule makes its field; ConfigError when there is none, or a key that would do nothing."""
    written = rule.model_fields_set - {"unit"}
    way = next((way for way in WAYS if way in written and getattr(rule, way) is not None), None)
    if way is None or (way == "each" and not rule.fields):
        raise document.refuse(path, "say one of take, value, fields, or each with fields")
    for key in sorted(written - {way} - set(ALLOWED[way])):
        raise document.refuse((*path, key, ""), f"{key!r} does nothing beside {way!r}")
    return way


def _same(made: Any, expected: Any) -> bool:
    if isinstance(made, dict) and isinstance(expected, dict):
        return made.keys() == expected.keys() and all(_same(made[key], expected[key]) for key in made)
    if isinstance(made, list) and isinstance(expected, list):
        return len(made) == len(expected) and all(map(_same, made, expected))
    return type(made) is type(expected) and str(made) == str(expected)
