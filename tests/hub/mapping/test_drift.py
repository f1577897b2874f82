"""How an event differs from what its stream usually is."""

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.shapes.drift import differences
from hub.mapping.shapes.shape import EMPTY, Shape, learn, shape_of
from tests.hub.drift.shop import GONE, order

USUAL = reduce(learn, (order(number) for number in range(200)), EMPTY)


def told(data: dict[str, Any], known: Shape = USUAL) -> list[tuple[str, str, str]]:
    return [(each.what, each.path, each.now) for each in differences(known, shape_of(data)) if each.usual]


def within(**changes: Any) -> dict[str, Any]:
    return order(0, lines=[order(0)["lines"][0], changes])


@given(st.integers(0, 10_000))
def test_what_is_as_usual_differs_in_nothing(number: int) -> None:
    assert told(order(number)) == []


FOUND: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "gone": (order(1, total=GONE), ("absent", "total", "absent")),
    "renamed": (order(1, total=GONE, sum=1), ("absent", "total", "absent; new beside it: sum")),
    "null": (order(1, total=None), ("empty", "total", "empty")),
    "empty text": (order(1, order_no=""), ("empty", "order_no", "empty")),
    "empty list": (order(1, lines=[]), ("empty", "lines", "empty")),
    "gone inside": (order(1, buyer={"name": "x"}), ("absent", "buyer.phone", "absent")),
    "gone in one line": (within(code="C1"), ("absent", "lines[].tax", "absent")),
    "text for a number": (order(1, total="9.90"), ("kind", "total", "text")),
    "object for a list": (order(1, lines={"code": "C1"}), ("kind", "lines", "object")),
    "new value": (order(1, state="lost"), ("value", "state", "lost")),
    "too long for a value": (order(1, state="x" * 50), ("value", "state", "50 characters")),
    "long": (order(1, order_no="S" * 60), ("length", "order_no", "60")),
}


@pytest.mark.parametrize("name", FOUND)
def test_each_kind_of_drift_is_told_with_its_place(name: str) -> None:
    data, difference = FOUND[name]
    assert told(data) == [difference]


def test_whole_numbers_among_decimals_and_new_fields_are_no_drift() -> None:
    assert told(order(1, total=10, extra={"a": 1})) == []
    assert told(order(1, total=Decimal("-1E+3"))) == []


def test_before_fifty_nothing_is_said() -> None:
    few = reduce(learn, (order(number) for number in range(49)), EMPTY)
    assert told({}, few) == []
    assert told(order(1, total="x"), learn(few, order(49))) == [("kind", "total", "text")]


def test_what_is_seldom_there_is_missed_after_a_run_that_chance_does_not_make() -> None:
    (half,) = differences(USUAL, shape_of(order(1, note=None)))
    assert (half.path, half.run, half.usual) == ("note", 20, False)
    seldom = reduce(learn, (order(n, note="x" if n % 30 == 0 else None) for n in range(90)), EMPTY)
    assert list(differences(seldom, shape_of(order(1, note=None)))) == []
