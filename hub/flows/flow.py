"""A flow file: when this event (if …) → using that mapping → do this action on that connection."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

from pydantic import Field

from hub.domain.text import Text
from hub.mapping.expressions.expression import Expression
from hub.mapping.files.schema import Names, Strict, compiled, shaped
from hub.mapping.files.yaml_text import Document, read


class Title(Strict):
    """The flow's name to people."""

    zh: str
    """中文 / in Chinese"""

    en: str
    """英文 / in English"""


class When(Strict):
    """Which events it is for; `if` is an expression over the event's data. `connector`: when the name tells it not."""

    connection: str
    """来源连接的名字 / the connection that events come from"""

    event: Names
    """事件，可以写几个 / its event, or a list of them"""

    condition: str | None = Field(None, alias="if")
    """条件表达式 / a condition over the event's data"""

    connector: str | None = None
    """来源系统，与连接同名时不写 / the system, where the connection is not called after it"""

    @property
    def source(self) -> str:
        """The system that its events are named after."""
        return self.connector or self.connection


class Do(Strict):
    """One step. `record`: expression over the data, the home record it is about; default: the event's subject."""

    action: str
    """系统.动作 / system.action"""

    on: str
    """在哪个连接上 / on which connection"""

    using: str = Field(pattern=r"^[a-z0-9_.]+@[0-9]+$")
    """映射@版本 / mapping@version"""

    record: str | None = None
    """本系统记录的 id，表达式 / the home record it is about, an expression"""


class Shape(Strict):
    """A flow file as it is written. `lane`: expression over the data; default: the event's subject.

    `keep: newest`: of one record only the event that happened last is sent; the others show as skipped.
    `optional`: a tenant without the connection of a step owes nothing for it; otherwise it is held until there is one.
    """

    flow: str = Field(pattern=r"^[a-z0-9-]+$")
    """名字 / its name"""

    title: Title
    """给人看的名字 / its name to people"""

    why: str = ""
    """为什么 / what it is for"""

    when: When
    """什么事发生时 / when it starts"""

    do: list[Do] = Field(min_length=1, max_length=20)
    """依次做什么 / what is done, in this order"""

    lane: str | None = None
    """同一值的一张一张来，表达式 / what has the same value goes one by one, an expression"""

    optional: bool = False
    """没有那个连接就不做 / nothing is owed where there is no such connection"""

    keep: Literal["all", "newest"] = "all"
    """newest：只送最新的 / newest: only what happened last is sent"""


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

    @property
    def hears(self) -> tuple[str, ...]:
        """The full names of its events, such as "crm.contract.approved"."""
        return tuple(f"{self.when.source}.{event}" for event in self.when.event)


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
