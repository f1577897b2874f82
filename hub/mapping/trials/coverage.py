"""What the examples of a mapping touch, and what none of them does. Pure.

Counted are target fields, defaults, entries of the file's own tables, refusals (`required`, a value missing from a
table), and both ways of each condition, `||`, `&&` and filter.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping import MappingFile
from hub.mapping.engine import CLEANERS, Step
from hub.mapping.expressions.budget import is_some, is_true
from hub.mapping.expressions.expression import Expression, Unanswerable
from hub.mapping.files.schema import Rule
from hub.mapping.files.yaml_text import Path
from hub.mapping.trials.branches import Branches
from hub.sdk.exact import Json

Kind = Literal["field", "default", "entry", "refusal", "branch"]
Key = tuple[Any, ...]
"""A kind, then what tells it from the others of its kind."""

INDEX = re.compile(r"\[[0-9]+\]")
KINDS: tuple[Kind, ...] = ("field", "default", "entry", "refusal", "branch")
BRANCHES = {
    ("or", True): Text("没有例子取 || 左边的值", "no example takes the left side of ||"),
    ("or", False): Text("没有例子走到 || 的右边", "no example comes to the right side of ||"),
    ("and", True): Text("没有例子停在 && 的左边", "no example ends at the left side of &&"),
    ("and", False): Text("没有例子走到 && 的右边", "no example comes to the right side of &&"),
    ("filter", True): Text("没有例子有一项被条件留下", "no example has an item that the filter keeps"),
    ("filter", False): Text("没有例子有一项被条件去掉", "no example has an item that the filter drops"),
}


@dataclass(frozen=True, slots=True)
class Point:
    """One thing an example may touch. `told`: "file:line:column: …", what is missing when none does.

    `required`: the field whose refusal it is when there is nothing, else "".
    """

    kind: Kind
    told: str
    touched: bool
    required: str = ""


@dataclass(frozen=True, slots=True)
class Coverage:
    """The points of a mapping, in the order of its fields."""

    points: Sequence[Point]

    @property
    def percent(self) -> int:
        """Of 100 points so many are touched, rounded down."""
        return 100 * sum(point.touched for point in self.points) // len(self.points)

    @property
    def untouched(self) -> list[Point]:
        """What no example touches."""
        return [point for point in self.points if not point.touched]

    def counts(self) -> dict[Kind, tuple[int, int]]:
        """Of each kind, how many are touched, and how many there are."""
        of = {kind: [point.touched for point in self.points if point.kind == kind] for kind in KINDS}
        return {kind: (sum(touched), len(touched)) for kind, touched in of.items()}


def cover(mapping: MappingFile) -> Coverage:
    """Try all examples, true or not."""
    walker = _Walker(mapping)
    points = dict(walker.points(mapping.steps, ()))
    touched: set[Key] = set()
    for example in mapping.examples:
        touched |= walker.touched(example.given)
    return Coverage([Point(key[0], told, key in touched, _required(key)) for key, told in points.items()])


def _required(key: Key) -> str:
    return ".".join(key[1]) if key[0] == "refusal" and key[2] == "required" else ""


class _Walker:
    def __init__(self, mapping: MappingFile) -> None:
        self._mapping = mapping
        self._branches: dict[tuple[Path, str], Branches] = {}

    def points(self, steps: Mapping[str, Step], within: Path) -> Iterator[tuple[Key, str]]:
        """Every point and what to say when no example touches it."""
        for name, step in steps.items():
            at: Path = (*within, name)
            field, rule = ".".join(map(str, at)), step.rule
            yield ("field", at), self._tell(at, "", Text(f"没有例子生成 {field}", f"no example makes {field}"))
            if step.condition is not None:
                yield from self._condition(at, field, step.condition)
            if rule.default is not None:
                what = Text(f"没有例子用到 {field} 的默认值", f"no example takes the default of {field}")
                yield ("default", at), self._tell(at, "default", what)
            if rule.required:
                what = Text(f"没有例子显示缺了 {field} 会被拒绝", f"no example shows that {field} is required")
                yield ("refusal", at, "required"), self._tell(at, "required", what)
            if rule.lookup is not None:
                yield from self._table(at, field, rule.lookup, rule.default)
            if step.expression is not None:
                yield from self._ways(at, "take" if rule.each is None else "each", step.expression)
            yield from self.points(step.inner or {}, at)

    def _condition(self, at: Path, field: str, condition: Expression) -> Iterator[tuple[Key, str]]:
        met = Text(f"没有例子满足 {field} 的条件", f"no example meets the condition of {field}")
        unmet = Text(f"没有例子不满足 {field} 的条件", f"no example leaves {field} out by its condition")
        yield ("branch", at, True), self._tell(at, "when", met)
        yield ("branch", at, False), self._tell(at, "when", unmet)
        yield from self._ways(at, "when", condition)

    def _table(self, at: Path, field: str, table: str, default: Any) -> Iterator[tuple[Key, str]]:
        if default is None:
            what = Text(f"没有例子显示 {field} 不在表里会被拒绝", f"no example shows {field} missing from {table}")
            yield ("refusal", at, "lookup"), self._tell(at, "lookup", what)
        document = self._mapping.document
        for entry in document.value.get("lookups", {}).get(table, ()):
            what = Text(f"没有例子用到表 {table} 的 {entry}", f"no example looks up {entry} in {table}")
            yield ("entry", table, entry), document.refuse(("lookups", table, entry, ""), str(what)).message

    def _ways(self, at: Path, key: str, expression: Expression) -> Iterator[tuple[Key, str]]:
        self._branches[at, key] = branches = Branches(expression)
        for branch in branches.all():
            what = BRANCHES[branch.sign, branch.first]
            yield ("branch", at, key, branch), self._tell(at, key, what, branch.position)

    def _tell(self, at: Path, key: str, what: Text, position: int = 0) -> str:
        place = [part for name in at for part in ("fields", name)]
        return self._mapping.document.refuse((*place, key), str(what), position).message

    def touched(self, given: dict[str, Any]) -> set[Key]:
        """What this data touches; of data that is refused, the refusal and the branches that led to it."""
        found: set[Key] = set()
        try:
            self._fields(self._mapping.steps, (), given, self._mapping.apply(given), found)
        except MappingError as error:
            self._refusal(self._mapping.steps, (), given, f"{INDEX.sub('', error.message)} ", found)
        return found

    def _fields(self, steps: Mapping[str, Step], within: Path, data: Json, made: Json, found: set[Key]) -> None:
        for name, step in steps.items():
            at: Path = (*within, name)
            if not self._is_met(at, step, data, found):
                continue
            if name in made:
                found.add(("field", at))
            asked = self._taken(at, step, data, found)
            if step.inner is not None:
                for item, its in _items(step, asked, made.get(name)):
                    self._fields(step.inner, at, item, its, found)
            elif step.expression is not None:
                self._finish(at, step.rule, asked, found)

    def _refusal(self, steps: Mapping[str, Step], within: Path, data: Json, refused: str, found: set[Key]) -> None:
        """Down to the field that the words of the refusal begin with."""
        for name, step in steps.items():
            at: Path = (*within, name)
            field = ".".join(map(str, at))
            if refused.startswith(f"{field} "):
                self._is_met(at, step, data, found)
                self._taken(at, step, data, found)
                found.add(("refusal", at, "lookup" if " is not in the table " in refused else "required"))
            elif refused.startswith(f"{field}.") and step.inner is not None:
                for item, _ in _items(step, self._taken(at, step, data, found), None):
                    self._refusal(step.inner, at, item, refused, found)

    def _is_met(self, at: Path, step: Step, data: Json, found: set[Key]) -> bool:
        if step.condition is None:
            return True
        self._branch(at, "when", data, found)
        met = is_true(_asked(step.condition, data))
        found.add(("branch", at, met))
        return met

    def _taken(self, at: Path, step: Step, data: Json, found: set[Key]) -> Json:
        if step.expression is None:
            return data
        self._branch(at, "take" if step.rule.each is None else "each", data, found)
        return _asked(step.expression, data)

    def _branch(self, at: Path, key: str, data: Json, found: set[Key]) -> None:
        found.update(("branch", at, key, branch) for branch in self._branches[at, key].taken(data))

    def _finish(self, at: Path, rule: Rule, value: Json, found: set[Key]) -> None:
        if isinstance(value, str):
            for cleaner in rule.clean:
                value = CLEANERS[cleaner](value)
        if rule.lookup is None:
            if not is_some(value):
                found.add(("default", at))
        elif is_some(value) and str(value) in self._mapping.lookups[rule.lookup]:
            found.add(("entry", rule.lookup, str(value)))
        else:
            found.add(("default", at))


def _asked(expression: Expression, data: Json) -> Json:
    try:
        return expression.search(data)
    except Unanswerable:
        return None


def _items(step: Step, asked: Json, made: Json) -> Iterator[tuple[Json, Json]]:
    """What the rules inside a rule see, each with what they made of it."""
    if step.rule.each is None:
        yield asked, made or {}
    elif isinstance(asked, list):
        yield from zip(asked, made or [{}] * len(asked), strict=True)
