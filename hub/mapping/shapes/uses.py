"""Which places of its source a mapping reads."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from hub.mapping.engine import Step
from hub.mapping.expressions.expression import Expression

Place = tuple[str, ...]
"""Steps from the top: keys, "[]" for the items of a list, "*" for any key."""

TOP: Place = ()

LISTED = "<list>"
"""Last step while an expression is walked: what a projection gave is a list, whose items stand at the place before."""


def spelled(place: Place) -> str:
    """As people write it: "lines[].amount"."""
    return ".".join(place).replace(".[]", "[]")


def overlap(one: Place, other: Place) -> bool:
    """Whether one is the other, or stands within it."""
    return all(a == b or "*" in (a, b) for a, b in zip(one, other, strict=False))


def places(steps: Mapping[str, Step], within: frozenset[Place] = frozenset({TOP})) -> frozenset[Place]:
    """Every place that these steps of a mapping read; what only leads to another place is not among them."""
    found: set[Place] = set()
    for step in steps.values():
        inner = within
        if step.condition is not None:
            found |= _read(step.condition.tree, within)[0]
        if step.expression is not None:
            read, inner = _read(step.expression.tree, within)
            found |= read if step.inner is None else read - set(map(_bare, inner))
            inner = _items(inner)
        if step.inner is not None:
            found |= places(step.inner, inner)
    return frozenset(found)


def places_of(expression: Expression) -> frozenset[Place]:
    """Every place that an expression reads."""
    return frozenset(_read(expression.tree, frozenset({TOP}))[0])


def _read(node: Any, within: frozenset[Place]) -> tuple[set[Place], frozenset[Place]]:
    """The places that are read, and those where the answer may come from."""
    found: set[Place] = set()
    answer = frozenset(_walk(node, within, found))
    return {_bare(place) for place in (*found, *answer)} - {TOP}, answer


def _walk(node: Any, within: Iterable[Place], found: set[Place]) -> Iterator[Place]:
    """Go where the expression goes; yields where it ends, and notes in `found` what it reads beside that."""
    kind, children = node["type"], [each for each in node["children"] if isinstance(each, dict)]
    here = frozenset(within)
    if kind == "field":
        yield from ((*_bare(place), node["value"]) for place in here)
    elif kind in ("subexpression", "index_expression", "pipe"):
        for child in children:
            here = frozenset(_walk(child, here, found))
        yield from here
    elif kind == "index":
        yield from _items(here)
    elif kind in ("slice", "current", "identity"):
        yield from here
    elif kind == "flatten":
        lists = frozenset(_walk(children[0], here, found))
        yield from lists | {_bare(place) for place in lists}
    elif kind in ("projection", "value_projection", "filter_projection"):
        yield from _projected(kind, children, here, found)
    elif kind == "function_expression":
        yield from _called(children, here, found)
    elif kind in ("comparator", "not_expression"):
        for child in children:
            found.update(_walk(child, here, found))
    else:
        for child in children:
            yield from _walk(child, here, found)


def _projected(kind: str, children: list[Any], here: frozenset[Place], found: set[Place]) -> Iterator[Place]:
    base, right, *conditions = children
    holders = frozenset(_walk(base, here, found))
    items = frozenset((*_bare(p), "*") for p in holders) if kind == "value_projection" else _items(holders)
    for condition in conditions:
        found.update(_walk(condition, items, found))
    yield from ((*_bare(place), LISTED) for place in _walk(right, items, found))


def _called(children: list[Any], here: frozenset[Place], found: set[Place]) -> Iterator[Place]:
    """A function's answer may come from any of its values; a reference (&x) looks at the items of the others."""
    given = [child for child in children if child["type"] != "expref"]
    ends = frozenset(place for child in given for place in _walk(child, here, found))
    found |= ends
    for child in children:
        if child["type"] == "expref":
            found.update(_walk(child["children"][0], _items(ends), found))
    yield from ends


def _items(lists: Iterable[Place]) -> frozenset[Place]:
    return frozenset(place[:-1] if place[-1:] == (LISTED,) else (*place, "[]") for place in lists)


def _bare(place: Place) -> Place:
    return place[:-1] if place[-1:] == (LISTED,) else place
