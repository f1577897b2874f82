"""From a parsed JMESPath expression to Python statements that give the library's answer.

A loop, a function and a comparison pay their steps before they work (see Budget); what has none of them is bounded
by its own length and needs no budget.
"""

import operator
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hub.mapping.expressions.amounts import money, plain
from hub.mapping.expressions.budget import HOLDERS, Budget, Reference, inside, is_true
from hub.mapping.expressions.functions import CALLS
from hub.mapping.expressions.source import Body, Source, quoted

STRAIGHT = {"money": money, "text": plain}
"""Our own functions: a Decimal needs neither a check nor a payment."""

NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "HOLDERS": HOLDERS,
    "Budget": Budget,
    "Reference": Reference,
    "inside": inside,
    "is_true": is_true,
    "MISSING": (AttributeError, KeyError, TypeError),
    **{f"is_{name}": getattr(operator, name) for name in ("lt", "le", "gt", "ge")},
    **STRAIGHT,
    **{f"call_{name}": call for name, call in CALLS.items()},
}
"""What the code finds by name."""

ORDERS = {"lt": "is_lt", "lte": "is_le", "gt": "is_gt", "gte": "is_ge"}
CHAINS = frozenset({"subexpression", "index_expression", "pipe"})
FREE = CHAINS | {
    "field",
    "index",
    "literal",
    "current",
    "identity",
    "or_expression",
    "and_expression",
    "not_expression",
}
MAKERS = frozenset({"function_expression", "multi_select_list", "multi_select_dict"})
TRUTHS = frozenset({"comparator", "not_expression"})
"""Nodes whose value is true in Python exactly when it is in JMESPath."""

DEEPEST = 10
LONGEST = 20


def _kinds(node: Any) -> Iterator[str]:
    """The types of a tree's nodes."""
    yield node["type"]
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _kinds(child)


def is_free(tree: Any) -> bool:
    """Whether it needs no budget; such an expression cannot fail."""
    return all(kind in FREE for kind in _kinds(tree))


class Compiler:
    """Writes into the body of one function; what is nested deep goes into functions of its own."""

    def __init__(self, source: Source, body: Body) -> None:
        self._source = source
        self._body = body

    def whole(self, tree: Any, value: str) -> str:
        """Statements for an expression over the variable `value`; a new variable that has its answer."""
        if not is_free(tree):
            self._body.line("b = Budget()")
        made = self._value(tree, value)
        if not MAKERS.isdisjoint(_kinds(tree)):
            with self._body.block(f"if {made}.__class__ in HOLDERS:"):
                self._body.line(f"b.weigh({made})")
        return made if made.startswith("t") else self._set(made)

    def _value(self, node: Any, value: str) -> str:
        if self._body.depth > DEEPEST:
            return self._set(f"{self._apart(node)}({value}, b)")
        if node["type"] in CHAINS:
            return self._chain(node, value)
        made: str = getattr(self, f"_{node['type']}")(node, value)
        return made

    def _set(self, text: str) -> str:
        name = self._source.fresh("t")
        self._body.line(f"{name} = {text}")
        return name

    def _apart(self, node: Any, spends: int = 0) -> str:
        """A function of its own for a node; its name."""
        name = self._source.fresh("f")
        body = Body(name, "v, b")
        if spends:
            body.line(f"b.spend({spends})")
        self._source.finish(body, Compiler(self._source, body)._value(node, "v"))
        return name

    def _chain(self, node: Any, value: str) -> str:
        names: list[str] = []
        for link in _links(node):
            if link["type"] == "field" and len(names) < LONGEST:
                names.append(link["value"])
                continue
            value = self._names(names, value)
            names = [link["value"]] if link["type"] == "field" else []
            if not names:
                value = self._value(link, value)
        return self._names(names, value)

    def _names(self, names: list[str], value: str) -> str:
        """Straight through, and with care only where something is missing on the way."""
        if not names:
            return value
        if value == self._body.getter and len(names) == 1:
            return self._set(f"get({quoted(names[0])})")
        made = self._source.fresh("t")
        path = "".join(f"[{quoted(name)}]" for name in names[:-1])
        with self._body.block("try:"):
            self._body.line(f"{made} = {value}{path}.get({quoted(names[-1])})")
        with self._body.block("except MISSING:"):
            careful = f"inside({value}, {self._source.keep(tuple(names))})"
            self._body.line(f"{made} = {careful if len(names) > 1 else None}")
        return made

    def _field(self, node: Any, value: str) -> str:
        return self._names([node["value"]], value)

    def _current(self, node: Any, value: str) -> str:
        return value

    _identity = _current

    def _literal(self, node: Any, value: str) -> str:
        return self._source.keep(node["value"])

    def _index(self, node: Any, value: str) -> str:
        index: int = node["value"]
        longer = f"len({value}) > {index}" if index >= 0 else f"len({value}) >= {-index}"
        return self._set(f"{value}[{index}] if isinstance({value}, list) and {longer} else None")

    def _slice(self, node: Any, value: str) -> str:
        parts = ":".join("" if part is None else str(int(part)) for part in node["children"])
        return self._set(f"{value}[{parts}] if isinstance({value}, list) else None")

    def _flatten(self, node: Any, value: str) -> str:
        return self._set(f"b.flat({self._value(node['children'][0], value)})")

    def _projection(self, node: Any, value: str) -> str:
        return self._loop(node, self._value(node["children"][0], value), "list", "")

    def _value_projection(self, node: Any, value: str) -> str:
        return self._loop(node, self._value(node["children"][0], value), "dict", ".values()")

    _filter_projection = _projection

    def _loop(self, node: Any, base: str, kind: str, items: str) -> str:
        _, *inner = node["children"]
        made, item = self._set("None"), self._source.fresh("i")
        with self._body.block(f"if isinstance({base}, {kind}):"):
            self._body.line(f"b.spend({sum(map(_size, inner))} * len({base}))")
            self._body.line(f"{made} = []")
            with self._body.block(f"for {item} in {base}{items}:"):
                for condition in inner[1:]:
                    with self._body.block(f"if not ({self._truth(condition, item)}):"):
                        self._body.line("continue")
                found = self._value(inner[0], item)
                with self._body.block(f"if {found} is not None:"):
                    self._body.line(f"{made}.append({found})")
        return made

    def _truth(self, node: Any, value: str) -> str:
        found = self._value(node, value)
        return found if node["type"] in TRUTHS else f"{found} or is_true({found})"

    def _comparator(self, node: Any, value: str) -> str:
        left, right = (self._value(child, value) for child in node["children"])
        if node["value"] in ORDERS:
            return self._set(f"b.ordered({ORDERS[node['value']]}, {left}, {right})")
        return self._set(f"{'not ' if node['value'] == 'ne' else ''}b.equal({left}, {right})")

    def _not_expression(self, node: Any, value: str) -> str:
        return self._set(f"not ({self._truth(node['children'][0], value)})")

    def _or_expression(self, node: Any, value: str, test: str = "if not ({}):") -> str:
        left, right = node["children"]
        made = self._set(self._value(left, value))
        with self._body.block(test.format(f"{made} or is_true({made})")):
            self._body.line(f"{made} = {self._value(right, value)}")
        return made

    def _and_expression(self, node: Any, value: str) -> str:
        return self._or_expression(node, value, "if {}:")

    def _multi_select_list(self, node: Any, value: str) -> str:
        made = self._set("None")
        with self._body.block(f"if {value} is not None:"):
            items = [self._value(child, value) for child in node["children"]]
            self._body.line(f"{made} = [{', '.join(items)}]")
        return made

    def _multi_select_dict(self, node: Any, value: str) -> str:
        made = self._set("None")
        with self._body.block(f"if {value} is not None:"):
            pairs = [(quoted(child["value"]), self._value(child["children"][0], value)) for child in node["children"]]
            self._body.line(f"{made} = {{{', '.join(f'{key}: {item}' for key, item in pairs)}}}")
        return made

    def _expref(self, node: Any, value: str) -> str:
        (child,) = node["children"]
        return self._set(f"Reference({self._apart(child, 1 + _size(child))}, b)")

    def _function_expression(self, node: Any, value: str) -> str:
        name, given = node["value"], [self._value(child, value) for child in node["children"]]
        call = f"call_{name}(b, {', '.join(given)})"
        straight = f"{name}({given[0]}) if {given[0]}.__class__ is Decimal else {call}"
        return self._set(straight if name in STRAIGHT else call)


def _links(node: Any) -> Iterator[Any]:
    """What is done one after the other, each to the answer of the one before."""
    if node["type"] not in CHAINS:
        yield node
        return
    for child in node["children"]:
        yield from _links(child)


def _size(node: Any) -> int:
    return sum(1 for _ in _kinds(node))
