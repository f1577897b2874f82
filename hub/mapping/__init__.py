"""How one shape becomes another: mapping files, their checks, and the engine that applies them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from hub.domain.errors import ConfigError, MappingError
from hub.domain.text import Text
from hub.mapping.engine import Engine, Step
from hub.mapping.files.schema import Direction, Example, Rule, Shape, compiled, shaped
from hub.mapping.files.tables import Table, Tables, bound, looked_up, parse_table, unused
from hub.mapping.files.yaml_text import Document, Path, read
from hub.mapping.refs import Ref
from hub.mapping.trials.difference import disagreements
from hub.sdk.exact import dumps

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

ONE_WAY = Text("写 take、value、fields 之一，或 each 加 fields", "say one of take, value, fields, or each with fields")
ONE_END = Text("例子写 expect 或 error 之一", "an example has either expect or error")


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
    refs: Mapping[str, Ref]
    back: "MappingFile | None" = None

    @property
    def pin(self) -> str:
        """What a delivery carries: name, version, and the hash of the text."""
        return f"{self.name}@{self.version}:{self.hash}"

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload. Pure; MappingError names the field."""
        return self.engine.apply(data)

    def disprove(self, example: Example) -> str:
        """What is wrong with an example, a line for each difference, or ""; type and every digit count."""
        try:
            made = self.apply(example.given)
        except MappingError as error:
            if example.error is None:
                return f"应当成立，却被拒绝 / it is refused: {error.message}"
            if example.error in error.message:
                return ""
            return f"拒绝应当提到 / expected {example.error!r}，拒绝的是 / but it is refused: {error.message}"
        if example.error is not None:
            return f"应当拒绝 / expected {example.error!r}，得到 / got {dumps(made)}"
        return "\n".join(disagreements(example.expect, made))

    def untrue(self, index: int, wrong: str) -> ConfigError:
        """What is wrong with the example of this index, with its place; several differences stand below."""
        lines = wrong.splitlines()
        told = f" {wrong}" if len(lines) == 1 else "".join(f"\n  {line}" for line in lines)
        return self.document.refuse(("examples", index), f"例子 / example {self.examples[index].name!r}:{told}")


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


def refuse(error: ConfigError) -> None:
    """What is done with a file that cannot be read, unless one who reads many wants to hear of all."""
    raise error


def read_mappings(
    files: Mapping[str, str], tell: Callable[[ConfigError], None] = refuse
) -> tuple[tuple[Table, ...], list[MappingFile]]:
    """The tables below tables/, and the mappings of all other files with them, each way back after its way there.

    `files`: path → text. Raises ConfigError; or tells of each file that cannot be read, and leaves it out.
    """
    tables: dict[str, Table] = {}
    there: list[MappingFile] = []
    for origin, text in sorted(files.items(), key=lambda file: not file[0].startswith("tables/")):
        try:
            if origin.startswith("tables/"):
                _add(tables, parse_table(text, origin))
            else:
                there.append(parse_mapping(text, origin, {name: table.pairs for name, table in tables.items()}))
        except ConfigError as error:
            tell(error)
    return tuple(tables.values()), [way for mapping in there for way in (mapping, mapping.back) if way is not None]


def _add(tables: dict[str, Table], table: Table) -> None:
    if table.name in tables:
        other = tables[table.name].document.origin
        raise table.document.refuse(("table",), f"{table.name} 也在 / stands in {other} too")
    tables[table.name] = table


def pinned(text: str, pin: str) -> MappingFile:
    """The mapping that this pin names, of the text that was kept for it. Raises ConfigError."""
    mapping = parse_mapping(text, pin)
    named = pin.partition("@")[0]
    return mapping.back if mapping.back is not None and mapping.back.name == named else mapping


def _made(
    way: Direction, shape: Shape, document: Document, text: str, hash_: str, back: MappingFile | None
) -> MappingFile:
    """One way of a file; `document` is that way's part of it."""
    steps = _steps(way.fields, ("fields",), document)
    lookups = looked_up(document, way.fields, shape) | (unused(shape) if way is shape else {})
    for index, example in enumerate(way.examples):
        if (example.expect is None) == (example.error is None):
            raise document.refuse(("examples", index), str(ONE_END))
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
        _refs(way, document),
        back,
    )


def _refs(way: Direction, document: Document) -> dict[str, Ref]:
    made = {}
    for name, wanted in way.refs.items():
        connection, _, entity = wanted.kind.partition(".")
        made[name] = Ref(connection, entity, compiled(document, ("refs", name, "record"), wanted.record))
    return made


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
        raise document.refuse(path, str(ONE_WAY))
    for key in sorted(written - {way} - set(ALLOWED[way])):
        raise document.refuse((*path, key, ""), f"{key!r} 与 / does nothing beside {way!r} 同写没有作用")
    return way
