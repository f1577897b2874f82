"""YAML values stay what was written; bombs are refused before they go off."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.errors import ConfigError
from hub.mapping import parse_mapping
from hub.mapping.expression import Expression
from hub.mapping.yaml_text import read


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("017", "017"),
        ("no", "no"),
        ("1e3", "1e3"),
        ("12:30:45", "12:30:45"),
        ("2026-11-20", "2026-11-20"),
        ("0x10", "0x10"),
        (".5", ".5"),
        ("42", 42),
        ("-0.10", Decimal("-0.10")),
        ("true", True),
        ("null", None),
        ('"42"', "42"),
        (".nan", ".nan"),
    ],
)
def test_a_scalar_is_what_was_written(written: str, value: object) -> None:
    assert read(f"a: {written}", "f.yaml").value == {"a": value}


ALIASES = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(9))
MERGES = "base: {x: 1}\n<<: {y: 2}\n"
BOMBS = [
    ALIASES,
    MERGES,
    "a: !!python/object/apply:os.system [x]",
    "[" * 40 + "]" * 40,
    "a: [" + "1, " * 6000 + "]",
    "a: " + "x" * 300_000,
    "a: 1\n---\nb: 2",
    "a: 1\n\ta: 2",
    "? [x]\n: 1",
    "a: [1",
    "a: \x07",
    "%YAML 9\n",
]


@pytest.mark.parametrize("text", BOMBS, ids=range(len(BOMBS)))
def test_a_bomb_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml:\d+:\d+: "):
        read(text, "f.yaml")


@pytest.mark.parametrize("text", ["", "just text", "[]", "42"])
def test_what_is_no_mapping_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_mapping(text, "f.yaml")


@given(st.lists(st.decimals(places=2, min_value=-(10**12), max_value=10**12), min_size=1, max_size=20))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    lines = [{"amount": amount} for amount in amounts]
    assert Expression("sum(lines[].amount)").search({"lines": lines}) == sum(amounts, Decimal(0))


def test_literals_and_numbers_are_never_floats() -> None:
    assert Expression("a == `0.1`").search({"a": Decimal("0.1")}) is True
    assert Expression("to_number(a)").search({"a": "0.10"}) == Decimal("0.10")
    assert Expression("to_string(a)").search({"a": Decimal("628000.00")}) == "628000.00"
    assert Expression("avg(a)").search({"a": [Decimal("0.1"), Decimal("0.2")]}) == Decimal("0.15")
