"""A flow file: when this event (if …) → using that mapping → do this action on that connection."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from pydantic import Field

from hub.domain.text import Text
from hub.mapping.expression import Expression
from hub.mapping.schema import Names, Strict, compiled, shaped
from hub.mapping.yaml_text import Document, read


class Title(Strict):
    """The flow's name to people."""

    zh: str
    en: str


class When(Strict):
    """Which events it is for; `if` is an expression over the event's data. `connector`: when the name tells it not."""

    connection: str
    event: Names
    condition: str | None = Field(None, alias="if")
    connector: str | None = None


class Do(Strict):
    """One step. `record`: expression over the data, the home record it is about; default: the event's subject."""

    action: str
    on: str
    using: str = Field(pattern=r"^[a-z0-9_.]+@[0-9]+$")
    record: str | None = None


class Shape(Strict):
    """A flow file as it is written. `lane`: expression over the data; default: the event's subject.

    `keep: newest`: of one record only the event that happened last is sent; the others show as skipped.
    `optional`: a tenant without the connection of a step owes nothing for it; otherwise it is held until there is one.
    """

    flow: str = Field(pattern=r"^[a-z0-9-]+$")
    title: Title
    why: str = ""
    when: When
    do: list[Do] = Field(min_length=1, max_length=20)
    lane: str | None = None
    optional: bool = False
    keep: Literal["all", "newest"] = "all"


@dataclass(frozen=True, slots=True)
class Step:
    """One step; `pin` is the mapping it was bound to when the catalogue was loaded."""

    action: str
    connection: str
    using: str
    pin: str
    record: Expression | None


@dataclass(frozen=True, slots=True)
class Flow:
    """A flow ready to plan with."""

    name: str
    title: Text
    text: str
    hash: str
    when: When
    condition: Expression | None
    lane: Expression | None
    steps: tuple[Step, ...]
    optional: bool
    newest: bool
    document: Document

    @property
    def pin(self) -> str:
        """Its name and the hash of its text."""
        return f"{self.name}:{self.hash}"


def parse_flow(text: str, origin: str) -> Flow:
    """Read a flow file. Raises ConfigError "file:line:column: what, did you mean …"."""
    document = read(text, origin)
    shape = shaped(document, Shape)
    condition = compiled(document, ("when", "if"), shape.when.condition) if shape.when.condition else None
    lane = compiled(document, ("lane",), shape.lane) if shape.lane else None
    steps = []
    for index, do in enumerate(shape.do):
        record = compiled(document, ("do", index, "record"), do.record) if do.record else None
        steps.append(Step(do.action, do.on, do.using, "", record))
    title = Text(shape.title.zh, shape.title.en)
    digest = sha256(text.encode()).hexdigest()[:12]
    newest = shape.keep == "newest"
    return Flow(
        shape.flow, title, text, digest, shape.when, condition, lane, tuple(steps), shape.optional, newest, document
    )
