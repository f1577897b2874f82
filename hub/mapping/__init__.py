"""How one shape becomes another: mapping files, their checks, and the engine that applies them."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hub.mapping.engine import Step, apply
from hub.mapping.schema import Example, Rule, Shape, compiled, shaped, unknown
from hub.mapping.yaml_text import Document, Path, read

__all__ = ["Example", "MappingFile", "parse_mapping"]


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping ready to apply. Value tables stand inside the file, so its hash covers all that decides."""

    name: str
    version: int
    source: str
    target: str
    text: str
    hash: str
    examples: tuple[Example, ...]
    steps: Mapping[str, Step]
    lookups: Mapping[str, Mapping[str, Any]]
    document: Document

    @property
    def pin(self) -> str:
        """What a delivery carries: name, version, and the hash of the text."""
        return f"{self.name}@{self.version}:{self.hash}"

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload. Pure; MappingError names the field."""
        return apply(self.steps, self.lookups, data)


def parse_mapping(text: str, origin: str) -> MappingFile:
    """Read a mapping file. Raises ConfigError "file:line:column: what, did you mean …"."""
    document = read(text, origin)
    shape = shaped(document, Shape)
    steps = _steps(shape.fields, ("fields",), document, shape)
    digest = sha256(text.encode()).hexdigest()[:12]
    name, version, source, target = shape.mapping, shape.version, shape.source, shape.target
    return MappingFile(
        name, version, source, target, text, digest, tuple(shape.examples), steps, shape.lookups, document
    )


def _steps(fields: Mapping[str, Rule], path: Path, document: Document, shape: Shape) -> dict[str, Step]:
    return {name: _step(rule, (*path, name), document, shape) for name, rule in fields.items()}


def _step(rule: Rule, path: Path, document: Document, shape: Shape) -> Step:
    ways = [way for way in ("take", "value", "each") if getattr(rule, way) is not None]
    if len(ways) > 1 or not (ways or rule.fields):
        raise document.refuse(path, "say one of take, value, each or fields")
    if rule.lookup is not None and rule.lookup not in shape.lookups:
        raise document.refuse((*path, "lookup"), unknown(rule.lookup, list(shape.lookups)))
    text = rule.take or rule.each
    expression = compiled(document, (*path, ways[0]), text) if text else None
    inner = _steps(rule.fields, (*path, "fields"), document, shape) if rule.fields else None
    return Step(rule, expression, inner)
