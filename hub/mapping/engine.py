"""Apply a mapping: event data → payload. Pure. The whole mapping becomes one piece of Python code, at its first use."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping.expressions.amounts import money
from hub.mapping.expressions.budget import is_some
from hub.mapping.expressions.compiler import NAMES, Compiler, is_free, straight
from hub.mapping.expressions.expression import WRONG, Expression, path_of, unanswerable
from hub.mapping.expressions.source import Body, Source, quoted, read_ahead
from hub.mapping.files.schema import Rule

CLEANERS: dict[str, Callable[[str], str]] = {"strip": str.strip, "upper": str.upper, "lower": str.lower}
FORMATS: dict[str, Callable[[Any], str]] = {"money": money}
TAKING = Text("检查来源数据和表达式", "check the source and the expression")
FORMATTING = Text("检查来源数据", "check the source")

SOME, NOTHING = "{0} or is_some({0})", "not {0} and not is_some({0})"
"""Code that asks of a variable whether it has something."""

Lookups = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One rule, its expression checked, its inner rules too."""

    rule: Rule
    expression: Expression | None
    inner: Mapping[str, "Step"] | None
    condition: Expression | None = None


class Engine:
    """The steps of a mapping, ready to apply."""

    def __init__(self, steps: Mapping[str, Step], lookups: Lookups) -> None:
        self._steps, self._lookups = steps, lookups

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Make the payload; a field that comes to nothing is left out. MappingError names the field."""
        try:
            return self._run(data)
        except Refused as refused:
            raise refused.told() from refused

    def source(self) -> Source:
        """The Python code, as the function `make`."""
        writer = _Writer(self._lookups)
        writer.fields(self._steps, "make")
        return writer.source

    @cached_property
    def _run(self) -> Callable[[dict[str, Any]], dict[str, Any]]:
        return self.source().build("make")


class Refused(Exception):
    """A field that cannot be made; `todo`: what to do about it. What it stands in says where."""

    def __init__(self, field: str, what: str, todo: Text) -> None:
        super().__init__(what)
        self._field, self._what, self._todo = field, what, todo

    def within(self, field: str, index: int | None = None) -> "Refused":
        """The same, seen from around this field, or from around its item of this index when it is a list."""
        place = field if index is None else f"{field}[{index}]"
        return Refused(f"{place}.{self._field}", self._what, self._todo)

    def told(self) -> MappingError:
        """What the operator reads."""
        hint = Text(f"{self._todo.zh}：{self._field}。", f"{self._todo.en}: {self._field}.")
        return MappingError(f"{self._field} {self._what}", hint=hint)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a mapping is at work, should it go wrong there."""

    field: str
    what: str
    todo: Text

    def refused(self, error: Exception) -> Refused:
        """What an error there means."""
        return Refused(self.field, f"{self.what}: {unanswerable(error)}", self.todo)


class _Writer:
    """Writes a function for each level of a mapping: `d` is its data, `m` what it makes, `at` where it may go wrong.

    What stands at paths is read first. Then each field is made in a variable, and refused, in the order of the rules;
    no variable changes once it has its value. Last, all are put together, and those that came to nothing left out.
    """

    def __init__(self, lookups: Lookups) -> None:
        self.source = Source(**NAMES, **OURS)
        self._lookups = lookups

    def fields(self, steps: Mapping[str, Step], name: str) -> str:
        """Write a function of this name that makes these fields; its name."""
        body = Body(name, "d, b=None, at=payload")
        with body.block("try:"):
            read_ahead(self.source, body, "d", _paths(steps))
            made = {field: self._field(body, field, step) for field, step in steps.items()}
            body.line(f"m = {{{', '.join(f'{quoted(field)}: {value}' for field, value in made.items())}}}")
            for field, step in steps.items():
                if may_lack := _may_lack(step):
                    with body.block(f"if {may_lack.format(made[field])}:"):
                        body.line(f"del m[{quoted(field)}]")
        with body.block("except WRONG as error:"):
            body.line("raise at.refused(error) from error")
        self.source.finish(body, "m")
        return name

    def _field(self, body: Body, field: str, step: Step) -> str:
        if step.condition is None:
            return self._rule(body, field, step)
        condition = self._taken(body, field, step.condition, f"cannot be decided by {step.condition.text!r}")
        made = self._set(body, "None")
        with body.block(f"if is_true({condition}):"):
            body.line(f"{made} = {self._rule(body, field, step)}")
        return made

    def _set(self, body: Body, text: str) -> str:
        name = self.source.fresh("t")
        body.line(f"{name} = {text}")
        return name

    def _rule(self, body: Body, field: str, step: Step) -> str:
        rule = step.rule
        if rule.value is not None:
            return self.source.keep(rule.value)
        value = "d"
        if step.expression is not None:
            value = self._taken(body, field, step.expression, f"cannot be taken by {step.expression.text!r}")
        if step.inner is not None:
            value = (self._list if rule.each is not None else self._object)(body, field, step.inner, value)
        else:
            value = self._finished(body, field, rule, value)
        if rule.required:
            with body.block(f"if {NOTHING.format(value)}:"):
                body.line(f"raise missing({quoted(field)})")
        elif rule.default is not None:
            return self._set(body, f"{value} if {SOME.format(value)} else {self.source.keep(rule.default)}")
        return value

    def _taken(self, body: Body, field: str, expression: Expression, what: str) -> str:
        if not is_free(expression.tree):
            self._at(body, field, what, TAKING)
        return Compiler(self.source, body).whole(expression.tree, "d")

    def _at(self, body: Body, field: str, what: str, todo: Text) -> None:
        body.line(f"at = {self.source.keep(Place(field, what, todo))}")

    def _object(self, body: Body, field: str, inner: Mapping[str, Step], value: str) -> str:
        made = self.source.fresh("t")
        with body.block("try:"):
            body.line(f"{made} = {self.fields(inner, self.source.fresh('m'))}({value})")
        with body.block("except Refused as error:"):
            body.line(f"raise error.within({quoted(field)}) from error.__cause__")
        return made

    def _list(self, body: Body, field: str, inner: Mapping[str, Step], value: str) -> str:
        made, items = self._set(body, "[]"), self._set(body, f"listed({quoted(field)}, {value})")
        with body.block("try:"), body.block(f"for item in {items}:"):
            body.line(f"{made}.append({self.fields(inner, self.source.fresh('m'))}(item))")
        with body.block("except Refused as error:"):
            body.line(f"raise error.within({quoted(field)}, len({made})) from error.__cause__")
        return made

    def _finished(self, body: Body, field: str, rule: Rule, value: str) -> str:
        if rule.clean:
            cleaned = value
            for cleaner in rule.clean:
                cleaned = f"{self.source.keep(CLEANERS[cleaner])}({cleaned})"
            value = self._set(body, f"{cleaned} if isinstance({value}, str) else {value}")
        if rule.lookup is not None:
            self._at(body, field, f"cannot be looked up in {rule.lookup}", FORMATTING)
            table = self.source.keep((rule.lookup, self._lookups[rule.lookup], rule.default))
            found = f"looked_up({quoted(field)}, {value}, *{table})"
            value = self._set(body, f"{found} if {SOME.format(value)} else {value}")
        if rule.format is not None:
            self._at(body, field, f"cannot be {rule.format}", FORMATTING)
            made = f"{self.source.keep(FORMATS[rule.format])}({value}) if {SOME.format(value)} else {value}"
            value = self._set(body, straight(self.source, rule.format, value, made))
        return value


def _paths(steps: Mapping[str, Step]) -> dict[Sequence[str], bool]:
    """The paths that are read whatever the data; whether they are required."""
    found: dict[Sequence[str], bool] = {}
    for step in steps.values():
        if step.condition is None and step.expression is not None and (path := path_of(step.expression.text)):
            found[path] = found.get(path, False) or step.rule.required
    return found


def _may_lack(step: Step) -> str:
    """When a variable says that there is no such field; "" for never."""
    rule = step.rule
    if rule.value is None and not rule.required and rule.default is None:
        return NOTHING
    return "{0} is None" if step.condition is not None else ""


def _listed(field: str, value: Any) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise Refused(field, "is no list", Text("each 要指向一个列表", "let `each` name a list"))
    return value


def _looked_up(field: str, value: Any, name: str, table: Mapping[str, Any], default: Any) -> Any:
    found = table.get(str(value), default)
    if found is None:
        what = f"{str(value)[:40]!r} is not in the table {name}"
        raise Refused(field, what, Text(f"在 lookups.{name} 里补上这个值", f"add the value to lookups.{name}"))
    return found


def _missing(field: str) -> Refused:
    return Refused(field, "is required", Text("补上来源里的这个字段", "fill this field at the source"))


OURS: dict[str, Any] = {
    "Refused": Refused,
    "WRONG": WRONG,
    "is_some": is_some,
    "listed": _listed,
    "looked_up": _looked_up,
    "missing": _missing,
    "payload": Place("payload", "cannot be made", TAKING),
}
"""What the code of a mapping finds by name, beside what its expressions do."""
