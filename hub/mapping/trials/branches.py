"""Which ways an expression goes for a value: both sides of `||` and `&&`, and what a filter keeps and drops. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from jmespath.lexer import Lexer

from hub.mapping.expressions.budget import is_true
from hub.mapping.expressions.compiler import CHAINS
from hub.mapping.expressions.expression import Expression, Unanswerable
from hub.sdk.exact import Json

SIGNS = {"or_expression": "or", "and_expression": "and", "filter_projection": "filter"}
"""Nodes that go one way or the other, and the token that stands for each in the text."""

SIDES = frozenset({"or_expression", "and_expression"})
PROJECTIONS = frozenset({"projection", "value_projection", "filter_projection"})


@dataclass(frozen=True, slots=True)
class Branch:
    """One way at one place. `sign`: "or", "and" or "filter"; `first`: the left side is taken, or an item is kept."""

    position: int
    sign: str
    first: bool


class Branches:
    """An expression, whose branches are found once and tried with many values."""

    def __init__(self, expression: Expression) -> None:
        self._tree = expression.tree
        self._parts: dict[int, Expression] = {}
        self._positions = dict(_positions(expression))

    def all(self) -> Iterator[Branch]:
        """Every branch, in the order of the text."""
        for position, sign in self._positions.values():
            yield Branch(position, sign, True)
            yield Branch(position, sign, False)

    def taken(self, data: Json) -> set[Branch]:
        """The branches that are taken for this value."""
        found: set[Branch] = set()
        if self._positions:
            self._walk(self._tree, data, found)
        return found

    def _walk(self, node: Any, value: Json, found: set[Branch]) -> None:
        kind, children = node["type"], _children(node)
        if kind in SIDES:
            self._sides(node, value, found)
        elif kind in PROJECTIONS:
            self._items(node, value, found)
        elif kind in CHAINS:
            for child in children:
                self._walk(child, value, found)
                value = self._ask(child, value)
        elif kind == "function_expression":
            self._call(children, value, found)
        else:
            for child in children:
                self._walk(child, value, found)

    def _sides(self, node: Any, value: Json, found: set[Branch]) -> None:
        left, right = node["children"]
        self._walk(left, value, found)
        is_left = is_true(self._ask(left, value)) is (node["type"] == "or_expression")
        found.add(Branch(*self._positions[id(node)], is_left))
        if not is_left:
            self._walk(right, value, found)

    def _items(self, node: Any, value: Json, found: set[Branch]) -> None:
        base, right, *conditions = node["children"]
        self._walk(base, value, found)
        for item in _items(self._ask(base, value)):
            kept = True
            for condition in conditions:
                self._walk(condition, item, found)
                kept = is_true(self._ask(condition, item))
                found.add(Branch(*self._positions[id(node)], kept))
            if kept:
                self._walk(right, item, found)

    def _call(self, children: list[Any], value: Json, found: set[Branch]) -> None:
        """A reference (&x) looks at the items of the other values."""
        given = [child for child in children if child["type"] != "expref"]
        for child in given:
            self._walk(child, value, found)
        items = [item for child in given for item in _items(self._ask(child, value))]
        for child in children:
            if child["type"] == "expref":
                for item in items:
                    self._walk(child["children"][0], item, found)

    def _ask(self, node: Any, value: Json) -> Json:
        if id(node) not in self._parts:
            self._parts[id(node)] = part = Expression("@")
            part.tree = node
        try:
            return self._parts[id(node)].search(value)
        except Unanswerable:
            return None


def _positions(expression: Expression) -> Iterator[tuple[int, tuple[int, str]]]:
    """Where in the text the sign of each node stands, by the node's identity."""
    nodes = [node for node in _in_order(expression.tree) if node["type"] in SIGNS]
    if nodes:
        tokens: Any = list(Lexer().tokenize(expression.text))
        places = {sign: iter([t["start"] for t in tokens if t["type"] == sign]) for sign in SIGNS.values()}
        for node in nodes:
            sign = SIGNS[node["type"]]
            yield id(node), (next(places[sign]), sign)


def _in_order(node: Any) -> Iterator[Any]:
    """The nodes in the order in which their signs stand in the text."""
    first, *rest = _children(node) or [None]
    if first is not None:
        yield from _in_order(first)
    yield node
    for child in reversed(rest) if node["type"] == "filter_projection" else rest:
        yield from _in_order(child)


def _children(node: Any) -> list[Any]:
    return [child for child in node["children"] if isinstance(child, dict)]


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
