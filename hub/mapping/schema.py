"""The shape of a mapping file, and errors that name line, column and the nearest valid name."""

from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.mapping.expression import BadExpression, Expression
from hub.mapping.nearest import unknown
from hub.mapping.walk import inside, model_of, named_fields
from hub.mapping.yaml_text import Document, Path

M = TypeVar("M", bound=BaseModel)
Cleaner = Literal["strip", "upper", "lower"]

Names = Annotated[tuple[str, ...], BeforeValidator(lambda v: [v] if isinstance(v, str) else v), Field(min_length=1)]
"""One name, or a list of them."""


class Strict(BaseModel):
    """A part of a file: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Rule(Strict):
    """How one target field is made.

    Either `take` an expression, a constant `value`, an object of `fields`, or a list: `each` item becomes `fields`.
    What is taken is cleaned, looked up, formatted, in this order. Nothing, "", [] and {} leave the field out, or
    give its `default`, or are refused when it is `required`. `unit` is for people.
    """

    take: str | None = None
    value: Any = None
    each: str | None = None
    fields: Annotated[dict[str, "Rule"], Field(min_length=1)] | None = None
    required: bool = False
    default: Any = None
    clean: list[Cleaner] = Field(default_factory=list)
    lookup: str | None = None
    format: Literal["money"] | None = None
    unit: str = ""


class Example(Strict):
    """A test inside the file: `given` becomes `expect`, or is refused with `error` in the words; one of the two."""

    name: str
    given: dict[str, Any]
    expect: dict[str, Any] | None = None
    error: str | None = None


class Shape(Strict):
    """A mapping file as it is written."""

    mapping: str = Field(pattern=r"^[a-z0-9_.]+$")
    version: int = Field(ge=1)
    sources: Names = Field(alias="from")
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


def _known(kind: Any, path: Path) -> list[str]:
    for part in path:
        kind = inside(kind, part)
    model = model_of(kind)
    return list(named_fields(model)) if model else []


def compiled(document: Document, path: Path, text: str) -> Expression:
    """Compile an expression that stands at a path; ConfigError at its column."""
    try:
        return Expression(text)
    except BadExpression as error:
        raise document.refuse(path, f"expression {text!r}: {error}", error.position) from error
