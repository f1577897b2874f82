"""From a parsed JMESPath expression to Python statements that give the library's answer.

A loop, a function and a comparison pay their steps before they work (see Budget); what has none of them is bounded
by its own length and needs no budget.
"""

import operator
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from hub.mapping.expressions.amounts import MOST, MOST_DIGITS
from hub.mapping.expressions.budget import HOLDERS, Budget, Reference, each_inside, inside, is_true
from hub.mapping.expressions.functions import CALLS, SCALARS
from hub.mapping.expressions.source import Body, Source, quoted

STRAIGHT = {"money": "{s}[-3] == '.'", "text": "'E' not in {s} and {v}.is_finite()"}
"""When what Python writes for a Decimal, in `s`, is what a function of ours would: it needs no call and no payment."""

NAMES: dict[str, Any] = {
    "Decimal": Decimal,
    "HOLDERS": HOLDERS,
    "Budget": Budget,
    "Reference": Reference,
    "each_inside": each_inside,
    "inside": inside,
    "is_true": is_true,
    "MISSING": (AttributeError, KeyError, TypeError),
    **{f"is_{name}": getattr(operator, name) for name in ("lt", "le", "gt", "ge")},
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
        self._budget = "b"

    def whole(self, tree: Any, value: str) -> str:
        """Statements for an expression over the variable `value`; the variable, not to be changed, of its answer."""
        if _is_one_call(tree):
            self._budget = "Budget()"
        elif not is_free(tree):
            self._body.line("b = Budget()")
        made = self._value(tree, value)
        if not MAKERS.isdisjoint(_kinds(tree)) and not _is_scalar(tree):
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
        while names and (known := self._body.known.get((value, names[0]))):
            value, names = known, names[1:]
        if not names:
            return value
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
        call = f"call_{name}({self._budget}, {', '.join(given)})"
        return self._set(straight(self._source, name, given[0], call))


def straight(source: Source, name: str, value: str, otherwise: str) -> str:
    """Code for what a function gives, without a call where that can be; `otherwise`: code that calls it."""
    if name not in STRAIGHT:
        return otherwise
    written = source.fresh("s")
    size = f"{value}.__class__ is Decimal and 2 < len({written} := str({value})) <= {MOST_DIGITS}"
    if name == "money":
        otherwise = f"f'{{{value}}}.00' if {value}.__class__ is int and -{MOST} < {value} < {MOST} else {otherwise}"
    return f"{written} if {size} and {STRAIGHT[name].format(s=written, v=value)} else {otherwise}"


def _links(node: Any) -> Iterator[Any]:
    """What is done one after the other, each to the answer of the one before."""
    if node["type"] not in CHAINS:
        yield node
        return
    for child in node["children"]:
        yield from _links(child)


def _is_one_call(node: Any) -> bool:
    """Whether it is a function of what needs no budget, and nothing is weighed after it."""
    return _is_scalar(node) and node["type"] == "function_expression" and all(map(is_free, node["children"]))


def _is_scalar(node: Any) -> bool:
    """Whether its answer is surely no list and no object."""
    return node["type"] in TRUTHS or (node["type"] == "function_expression" and node["value"] in SCALARS)


def _size(node: Any) -> int:
    return sum(1 for _ in _kinds(node))
