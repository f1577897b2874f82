"""What differs, field by field and digit by digit."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.trials.difference import Change, alike, compared, differences


@pytest.mark.parametrize(
    ("was", "now", "changes"),
    [
        ({"a": 1, "b": "x"}, {"b": "x", "a": 1}, []),
        ({"a": Decimal("1.50")}, {"a": Decimal("1.5")}, [Change("a", "changed", Decimal("1.50"), Decimal("1.5"))]),
        ({"a": Decimal("0.10")}, {"a": Decimal("0.11")}, [Change("a", "changed", Decimal("0.10"), Decimal("0.11"))]),
        ({"a": 10}, {"a": Decimal("1E+1")}, []),
        ({"a": Decimal("0.00")}, {"a": Decimal("-0.00")}, []),
        ({"a": 1}, {"a": True}, [Change("a", "changed", 1, True)]),
        ({"a": Decimal("1.5")}, {"a": "1.5"}, [Change("a", "changed", Decimal("1.5"), "1.5")]),
        ({"a": None}, {}, [Change("a", "removed", None, None)]),
        ({}, {"a": 0}, [Change("a", "added", None, 0)]),
        (
            {"lines": [{"n": 1}, {"n": 2}]},
            {"lines": [{"n": 1}, {"n": 3}, {"n": 4}]},
            [Change("lines[1].n", "changed", 2, 3), Change("lines[2]", "added", None, {"n": 4})],
        ),
        ({"a": {"b": 1}}, {"a": [1]}, [Change("a", "changed", {"b": 1}, [1])]),
        (None, {"a": 1}, [Change("", "changed", None, {"a": 1})]),
        (
            {"a": 123456789012345678901234567890},
            {"a": 123456789012345678901234567891},
            [Change("a", "changed", 123456789012345678901234567890, 123456789012345678901234567891)],
        ),
    ],
)
def test_a_difference_is_exact(was: Any, now: Any, changes: list[Change]) -> None:
    found = differences(was, now)
    assert [(c.path, c.change, str(c.was), str(c.would_be)) for c in found] == [
        (c.path, c.change, str(c.was), str(c.would_be)) for c in changes
    ]


VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, "1", "", "x", Decimal("1.0"), Decimal("1.00"), Decimal("1E+1"), 10]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2),
    max_leaves=6,
)


@given(VALUES, VALUES)
def test_what_is_alike_does_not_differ(was: Any, now: Any) -> None:
    assert alike(was, was)
    assert not (alike(was, now) and differences(was, now))
    assert list(compared(was, now)) == differences(was, now)
