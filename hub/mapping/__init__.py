"""How one shape becomes another: mapping files, their checks, and the engine that applies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hub.domain.errors import MappingError
from hub.mapping.engine import Engine, Step
from hub.mapping.nearest import unknown
from hub.mapping.schema import Example, Rule, Shape, compiled, shaped
from hub.mapping.yaml_text import Document, Path, read

__all__ = ["Example", "MappingFile", "parse_mapping"]

WAYS = ("take", "value", "each", "fields")
FINISH = ("clean", "lookup", "format", "default", "required")
ALLOWED = {"take": FINISH, "value": (), "each": ("fields", "required"), "fields": ("required",)}
"""Which other keys make sense beside each way to make a field."""


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping ready to apply. Value tables stand inside the file, so its hash covers all that decides."""

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


def parse_mapping(text: str, origin: str) -> MappingFile:
    """Read a mapping file. Raises ConfigError "file:line:column: what, did you mean …"."""
    document = read(text, origin)
    shape = shaped(document, Shape)
    for index, example in enumerate(shape.examples):
        if (example.expect is None) == (example.error is None):
            raise document.refuse(("examples", index), "an example has either expect or error")
    steps = _steps(shape.fields, ("fields",), document, shape)
    digest = sha256(text.encode()).hexdigest()[:12]
    name, version, sources, target = shape.mapping, shape.version, shape.sources, shape.target
    return MappingFile(
        name,
        version,
        sources,
        target,
        text,
        digest,
        tuple(shape.examples),
        steps,
        shape.lookups,
        document,
        Engine(steps, shape.lookups),
    )


def _steps(fields: Mapping[str, Rule], path: Path, document: Document, shape: Shape) -> dict[str, Step]:
    return {name: _step(rule, (*path, name), document, shape) for name, rule in fields.items()}


def _step(rule: Rule, path: Path, document: Document, shape: Shape) -> Step:
    way = _way(rule, path, document)
    if rule.lookup is not None and rule.lookup not in shape.lookups:
        raise document.refuse((*path, "lookup"), unknown(rule.lookup, shape.lookups))
    text = rule.take if rule.each is None else rule.each
    expression = None if text is None else compiled(document, (*path, way), text)
    inner = _steps(rule.fields, (*path, "fields"), document, shape) if rule.fields else None
    return Step(rule, expression, inner)


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
