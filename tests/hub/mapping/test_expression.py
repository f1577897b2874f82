"""Expressions are exact, their errors have one name, and a small one cannot make much work."""

from decimal import Decimal
from typing import Any

import jmespath
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mapping.expressions.amounts import money
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable

AMOUNTS = st.decimals(places=2, min_value=-(10**20), max_value=10**20)


@given(st.lists(AMOUNTS, min_size=1, max_size=20))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    fen = sum(int(amount.scaleb(2)) for amount in amounts)
    made = Expression("sum(lines[].amount)").search({"lines": [{"amount": amount} for amount in amounts]})
    assert isinstance(made, Decimal)
    assert made * 100 == fen


@given(AMOUNTS)
def test_an_amount_survives_its_journey_as_text(amount: Decimal) -> None:
    assert Decimal(Expression("money(a)").search({"a": amount})) == amount
    assert Expression("text(a)").search({"a": amount}) == f"{amount:f}"
    assert Expression("to_number(text(a))").search({"a": amount}) == amount


@pytest.mark.parametrize(
    ("expression", "data", "answer"),
    [
        ("a == `0.1`", Decimal("0.1"), True),
        ("contains(`[0.1]`, a)", Decimal("0.1"), True),
        ("a > `500000`", Decimal("500000.01"), True),
        ("a > `500000`", Decimal("500000.00"), False),
        ("a > `500000`", None, None),
        ("to_number(a)", "0.10", Decimal("0.10")),
        ("to_number(a)", "1_0", None),
        ("to_number(a)", "１２", None),
        ("to_number(a)", "1e3", None),
        ("to_string(a)", Decimal("628000.00"), "628000.00"),
        ("avg(a)", [Decimal("0.1"), Decimal("0.2")], Decimal("0.15")),
        ("avg(a)", [], None),
        ("abs(a)", Decimal("-1." + "9" * 35), Decimal("1." + "9" * 35)),
        ("sum(a)", [Decimal("9" * 30), Decimal("0.01")], Decimal("9" * 30 + ".01")),
        ("max(a)", [1, Decimal("1.5")], Decimal("1.5")),
        ("sort_by(a, &n)[0].n", [{"n": Decimal("2.5")}, {"n": Decimal("1.5")}], Decimal("1.5")),
        ("ceil(a)", Decimal("1.2"), 2),
        ("floor(a)", Decimal("-1.2"), -2),
        ("type(a)", "x", "string"),
    ],
)
def test_a_number_is_exact(expression: str, data: Any, answer: Any) -> None:
    made = Expression(expression).search({"a": data})
    assert (type(made), made) == (type(answer), answer)


@pytest.mark.parametrize(
    ("expression", "data"),
    [
        ("a > `5`", "6"),
        ("avg(a)", [1, 1, 2]),
        ("sum(a)", ["1"]),
        ("sum(a)", [Decimal("1E+99"), Decimal("0.01")]),
        ("ceil(a)", Decimal("1E+999999")),
        ("text(a)", None),
        ("text(a)", Decimal("1E+999999")),
        ("money(a)", Decimal("0.001")),
        ("money(a)", None),
        ("money(a)", True),
        ("contains(a, `5`)", "5"),
    ],
)
def test_what_cannot_be_answered_exactly_is_not_answered(expression: str, data: Any) -> None:
    with pytest.raises(Unanswerable):
        Expression(expression).search({"a": data})


@pytest.mark.parametrize(
    ("value", "text"),
    [(628000, "628000.00"), (Decimal("0.5"), "0.50"), (Decimal("1.500"), "1.50"), ("12.3", "12.30"), (-3, "-3.00")],
)
def test_money_has_two_decimals(value: object, text: str) -> None:
    assert money(value) == text


@pytest.mark.parametrize(
    "value", ["", "1e3", "1_0", "０.5", None, True, "0.005", "0.", Decimal("NaN"), Decimal("Infinity")]
)
def test_what_is_no_amount_to_the_fen_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match=r"amount|fen|places"):
        money(value)


@pytest.mark.parametrize(
    ("expression", "position", "words"),
    [
        ("a..b", 2, "got: dot"),
        ("a[", 2, "Incomplete"),
        ("a == 'x", 5, "Unclosed"),
        ("a.b | lenght(@)", 6, "unknown 'lenght', did you mean 'length'"),
        ("sum(a, b)", 0, r"sum\(\) takes 1 values, not 2"),
        ("not_null()", 0, "takes 1 values, not 0"),
        ("a == `0.12345678901234567890`", 5, "exactly"),
        ("", 0, "empty"),
        ("(" * 3000 + "a" + ")" * 3000, 0, "deep"),
    ],
)
def test_a_bad_expression_says_where(expression: str, position: int, words: str) -> None:
    with pytest.raises(BadExpression, match=words) as caught:
        Expression(expression)
    assert caught.value.position == position


@pytest.mark.parametrize(
    "bomb",
    [
        "[@,@]|" * 40 + "to_string(@)",
        "[@,@]|" * 40 + "@ == `1`",
        "[@,@][]|" * 40 + "@",
        "join('', [@,@])|" * 60 + "@",
        "{a: @, b: @}|" * 40 + "@",
    ],
)
def test_a_bomb_runs_out_of_steps(bomb: str) -> None:
    with pytest.raises(Unanswerable, match="steps"):
        Expression(bomb).search("xxxxxxxxxxxxxxxx")


names = st.sampled_from(["a", "b", "中", "0"])
documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=3)
    | st.decimals(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(st.lists(names, min_size=1, max_size=4), documents)
def test_a_plain_path_answers_as_the_library_does(path: list[str], document: Any) -> None:
    text = ".".join(f'"{name}"' for name in path)
    assert Expression(text).search(document) == jmespath.search(text, document)
