"""The shape of a mapping file, and errors that name line, column and the nearest valid name."""

from difflib import get_close_matches
from typing import Any, Literal, TypeVar

import jmespath
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hub.mapping.expression import Expression
from hub.mapping.yaml_text import Document, Path

M = TypeVar("M", bound=BaseModel)
Cleaner = Literal["strip", "upper", "lower"]


class Strict(BaseModel):
    """A part of a file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Rule(Strict):
    """How one target field is made: `take` an expression, a `value`, a list by `each`, an object of `fields`."""

    take: str | None = None
    value: Any = None
    each: str | None = None
    fields: dict[str, "Rule"] | None = None
    required: bool = False
    default: Any = None
    clean: list[Cleaner] = Field(default_factory=list)
    lookup: str | None = None
    format: Literal["money"] | None = None
    unit: str = ""


class Example(Strict):
    """A test inside the file: `given` becomes `expect`, or is refused with `error` in the words."""

    name: str
    given: dict[str, Any]
    expect: dict[str, Any] | None = None
    error: str | None = None


class Shape(Strict):
    """A mapping file as it is written."""

    mapping: str = Field(pattern=r"^[a-z0-9_.]+$")
    version: int = Field(ge=1)
    source: str = Field(alias="from")
    target: str = Field(alias="to")
    why: str = ""
    fields: dict[str, Rule] = Field(min_length=1)
    lookups: dict[str, dict[str, Any]] = Field(default_factory=dict)
    examples: list[Example] = Field(min_length=1)


def shaped(document: Document, model: type[M]) -> M:
    """Validate a document; ConfigError at the first wrong place, with the nearest valid key."""
    try:
        return model.model_validate(document.value)
    except ValidationError as error:
        # An unknown key explains a missing one, so it is told first.
        first = min(error.errors(), key=lambda each: each["type"] != "extra_forbidden")
        path: Path = tuple(part for part in first["loc"] if part != "[key]")
        if first["type"] == "extra_forbidden":
            raise document.refuse((*path, ""), unknown(str(path[-1]), _known(model, path[:-1]))) from error
        raise document.refuse(path, f"{'.'.join(map(str, path))}: {first['msg']}") from error


def unknown(name: str, known: list[str]) -> str:
    """ "unknown 'nmae', did you mean 'name'?" or the list of what there is."""
    near = get_close_matches(name, known, 1)
    return f"unknown {name!r}" + (f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(sorted(known))}")


def compiled(document: Document, path: Path, text: str) -> Expression:
    """Compile an expression that stands at a path; ConfigError at its column."""
    try:
        return Expression(text)
    except jmespath.exceptions.JMESPathError as error:
        position = getattr(error, "lex_position", 0) or 0
        what = str(error).splitlines()[0]
        raise document.refuse(path, f"expression {text!r}: {what}", column=position) from error


def _known(model: type[BaseModel], path: Path) -> list[str]:
    """Keys allowed at a path; a path ends inside the model that its last named part holds."""
    found: type[BaseModel] = model
    for part in path:
        for each in (Rule, Example):
            if part == {Rule: "fields", Example: "examples"}[each]:
                found = each
    inner = {f.alias or name for name, f in found.model_fields.items()}
    return sorted(inner)
