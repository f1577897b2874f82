"""Shapes: they join in any order and grouping, come back from JSON as they were, and stay small."""

from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.shapes.shape import EMPTY, KINDS, MOST_NODES, Shape, bounded, learn, shape_of
from hub.sdk.exact import dumps, loads

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters=["\x00"])
PLAIN: st.SearchStrategy[Any] = (
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(LETTERS, max_size=50)
)
PLAIN |= st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**9), max_value=10**9)
KEYS = st.sampled_from(["bill", "amount", "lines", "名称"]) | st.text(LETTERS, max_size=5)
JSON = st.recursive(
    PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)
SHAPES = st.lists(JSON, max_size=6).map(lambda values: reduce(learn, values, EMPTY))
BILL = {"bill": "B-1", "amount": Decimal("12.50"), "paid": None, "lines": [{"code": "6001", "tax": -3}]}


def size(shape: Shape) -> int:
    return 1 + sum(size(each) for _, each in shape.inside())


@given(SHAPES, SHAPES, SHAPES)
def test_joining_is_the_same_in_any_order_and_grouping(one: Shape, two: Shape, three: Shape) -> None:
    assert one | two == two | one
    assert (one | two) | three == one | (two | three)
    assert one | EMPTY == one


@given(st.lists(JSON, max_size=8), st.randoms(use_true_random=False))
def test_learning_does_not_depend_on_the_order(values: list[Any], chance: Any) -> None:
    mixed = list(values)
    chance.shuffle(mixed)
    assert reduce(learn, values, EMPTY) == reduce(learn, mixed, EMPTY)


@given(SHAPES)
def test_a_shape_comes_back_from_json_as_it_was(shape: Shape) -> None:
    assert Shape.from_json(loads(dumps(shape.to_json()))) == shape


@given(JSON)
def test_every_value_has_one_kind(value: Any) -> None:
    shape = shape_of(value)
    assert shape.count == 1
    assert set(shape.kinds) <= set(KINDS)


def test_a_bill_is_described_to_its_last_line() -> None:
    shape = learn(learn(EMPTY, BILL), {"bill": "B-20", "amount": 7})
    assert shape.kinds == {"object": 2}
    bill, amount, lines = shape.fields["bill"], shape.fields["amount"], shape.fields["lines"]
    assert (bill.count, bill.longest, bill.values) == (2, 4, {"B-1": 1, "B-20": 1})
    assert (amount.kinds, amount.digits, amount.places) == ({"decimal": 1, "integer": 1}, 2, 2)
    assert (shape.fields["paid"].count, shape.fields["paid"].some) == (1, 0)
    line = lines.child("[]")
    assert line is not None
    assert line.fields["tax"].negative == 1
    assert shape.child("nothing") is None


def test_few_texts_seen_often_are_an_enumeration_and_free_text_is_none() -> None:
    often = reduce(learn, ["open", "paid"] * 30, EMPTY)
    assert often.enum == {"open", "paid"}
    assert learn(often, "lost").enum == frozenset()
    assert reduce(learn, ["open", "paid"] * 3, EMPTY).enum == frozenset()
    assert reduce(learn, [f"B-{n}" for n in range(13)], EMPTY).values is None
    assert learn(EMPTY, "x" * 41).values is None


def test_keys_that_are_ids_become_one_shape() -> None:
    shape = reduce(learn, [{f"id-{n}": {"paid": n % 2 == 0}} for n in range(300)], EMPTY)
    assert not shape.fields
    assert shape.keyed is not None
    assert shape.keyed.count == 300
    inner = shape.child("any at all")
    assert inner is not None
    assert inner.fields["paid"].kinds == {"boolean": 300}


def test_a_shape_stays_small_and_gives_up_what_is_deepest() -> None:
    wide = {f"a{i}": {f"b{j}": {f"c{k}": 1 for k in range(10)} for j in range(10)} for i in range(50)}
    shape = reduce(learn, [wide] * 3, EMPTY)
    assert size(shape) <= MOST_NODES
    inner = shape.fields["a7"].fields["b3"]
    assert (inner.cut, inner.count) == (True, 3)
    assert size(bounded(shape, 60)) <= 60
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    assert size(shape_of(deep)) < 40


def test_a_float_is_refused() -> None:
    with pytest.raises(TypeError):
        learn(EMPTY, {"amount": 1.5})
