"""What the code of an expression calls while it runs: a budget of steps, comparison, truth."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from hub.sdk.exact import Json

BUDGET = 200_000
"""Steps of one evaluation, and values it makes; at most about a quarter of a second."""

LIGHT = frozenset({int, Decimal, bool, type(None)})
HOLDERS = (dict, list)
EMPTIES = (str, list, dict)
ORDERED = (str, int, Decimal, float)


class Unanswerable(ValueError):
    """The expression and this data do not go together: wrong types, an inexact result, or too much work."""


class Budget:
    """The steps that one evaluation has left. Work is paid for before it is done, so nothing huge is ever made."""

    left = BUDGET

    def spend(self, steps: int) -> None:
        """Raises Unanswerable when fewer are left."""
        self.left -= steps
        if self.left < 0:
            raise Unanswerable(f"more than {BUDGET} steps")

    def weigh(self, value: Json) -> None:
        """Spend a step for each value inside, as often as it stands there, and for each 16 characters of text."""
        if isinstance(value, str):
            self.spend(1 + len(value) // 16)
        elif isinstance(value, HOLDERS):
            self.spend(1 + len(value))
            if isinstance(value, dict):
                self.spend(sum(map(len, value)) // 16)
            texts = 0
            for item in value.values() if isinstance(value, dict) else value:
                if item.__class__ is str:
                    texts += 1 + len(item) // 16
                elif item.__class__ not in LIGHT:
                    self.weigh(item)
            self.spend(texts)

    def equal(self, left: Json, right: Json) -> bool:
        """JMESPath's ==, exact for numbers; true and false equal no number."""
        if left is None or right is None or isinstance(left, bool) or isinstance(right, bool):
            return left is right
        self.weigh(left)
        self.weigh(right)
        return bool(left == right)

    def ordered(self, compare: Callable[[Any, Any], bool], left: Json, right: Json) -> bool | None:
        """JMESPath's <, <=, > and >=: of two numbers or two texts; None for what has no order."""
        if not (_has_order(left) and _has_order(right)):
            return None
        self.weigh(left)
        self.weigh(right)
        return compare(left, right)

    def flat(self, value: Json) -> list[Json] | None:
        """A list with the lists in it opened, one level; None for anything else."""
        if not isinstance(value, list):
            return None
        made: list[Json] = []
        for item in value:
            if isinstance(item, list):
                self.spend(len(item))
                made.extend(item)
            else:
                made.append(item)
        return made


class _Expression:
    """An expression that is handed to a function, &name. The library knows it by this class name."""

    __slots__ = ("_budget", "expression")

    def __init__(self, expression: Callable[[Json, Budget], Json], budget: Budget) -> None:
        self.expression = expression
        self._budget = budget

    def visit(self, expression: Callable[[Json, Budget], Json], value: Json) -> Json:
        """What the library calls for each item."""
        return expression(value, self._budget)


Reference = _Expression


def is_some(value: Json) -> bool:
    """Whether it is more than null, and than empty text, list or object."""
    return value is not None and (bool(value) or not isinstance(value, EMPTIES))


def is_true(value: Json) -> bool:
    """JMESPath's truth: false are false and what is nothing; 0 is true."""
    return value is not False and is_some(value)


def inside(value: Json, names: tuple[str, ...]) -> Json:
    """What stands at these names, one in another; None where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value


def each_inside(value: Json, names: tuple[str, ...]) -> list[Json]:
    """What stands at each of these names; None where there is none."""
    return [value.get(name) for name in names] if isinstance(value, dict) else [None] * len(names)


def _has_order(value: Json) -> bool:
    return isinstance(value, ORDERED) and not isinstance(value, bool)
