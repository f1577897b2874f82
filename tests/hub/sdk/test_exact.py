"""Exact JSON: no fen is lost, nothing is kept that PostgreSQL cannot keep."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.sdk import Unreadable, dumps, loads


@given(st.decimals(allow_nan=False, allow_infinity=False, places=2, min_value=-(10**15), max_value=10**15))
def test_money_survives_the_wire(amount: Decimal) -> None:
    back = loads(dumps({"amount": amount}))["amount"]
    assert back == amount
    assert str(back) == str(amount) or amount == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":1,"a":2}',
        b'"\\u0000"',
        b'"\\ud800"',
        b"\xff",
        b"1" * 40,
        b'{"a":1e401}',
        b'{"a":1e-401}',
        b"0." + b"1" * 35,
        b"[" * 100_000,
        b'{"a":1}x',
    ],
    ids=repr,
)
def test_what_cannot_be_kept_is_named_unreadable(raw: bytes) -> None:
    with pytest.raises(Unreadable):
        loads(raw)


def test_a_float_is_refused_on_the_way_out() -> None:
    with pytest.raises(TypeError, match="float"):
        dumps({"lines": [{"amount": 0.1}]})
