"""What an expression gives is inferred, and agrees with what it gives when it is run."""

from decimal import Decimal
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hub.domain.text import Text
from hub.mapping.checks.infer import infer, position
from hub.mapping.checks.types import ANY, NULL, Type, of_model, of_shape, said, type_of
from hub.mapping.expressions.expression import Expression, Unanswerable
from hub.mapping.shapes.shape import EMPTY, learn


class Line(BaseModel):
    product: str
    amount: Decimal


class Order(BaseModel):
    number: str
    state: Literal["open", "paid"]
    note: str = ""
    count: int | None
    lines: list[Line]


DATA: dict[str, Any] = {
    "number": "HT-1",
    "state": "open",
    "note": "",
    "count": None,
    "lines": [{"product": "车床", "amount": Decimal("0.10")}, {"product": "刀具", "amount": Decimal("2")}],
}
ORDER = of_model(Order, told=True)


def inferred(text: str, source: Type = ORDER) -> tuple[str, list[tuple[str, int, bool]]]:
    """The type in words, and what is told: words, position, whether that is certain."""
    found: list[tuple[str, int, bool]] = []
    tree = Expression(text).tree

    def report(what: Text, node: Any, certain: bool) -> None:
        found.append((what.en, position(text, tree, node), certain))

    return said(infer(tree, source, report)).en, found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("number", "text"),
        ("count", "integer or null"),
        ("lines[0]", "object or null"),
        ("lines[].amount", "list"),
        ("sum(lines[].amount)", "decimal or integer"),
        ("lines[?amount > `1`].product | [0]", "text or null"),
        ("count || number", "integer or text"),
        ("not_null(count, `1`)", "integer"),
        ("state == 'open'", "boolean"),
        ("(state == 'open' && number) || ''", "text"),
        ("{a: number, b: count}", "object"),
        ("[number, count]", "list"),
        ("max_by(lines, &amount).product", "text or null"),
        ("length(lines)", "integer"),
        ("add(lines[0].amount || `0`, `1`)", "decimal or integer"),
    ],
)
def test_types(text: str, words: str) -> None:
    assert inferred(text) == (words, [])


@pytest.mark.parametrize(
    ("text", "words", "at"),
    [
        ("lines[].amont", "unknown 'amont', did you mean 'amount'?", 8),
        ("[number, nubmer]", "unknown 'nubmer', did you mean 'number'?", 9),
        ("number.text", "text is asked of text, which has no fields", 7),
        ("number[0]", "[0] is asked of text, which is no list", 0),
        ("lines[?amount == '1']", "this comparison can never be true: one side is decimal, the other text (number)", 7),
        ("number > `1`", "this comparison can never be true: one side is text, the other integer", 0),
        ("state == 'payed'", "this comparison can never be true: unknown 'payed', did you mean 'paid'?", 0),
        ("state != 'payed'", "this comparison is true of everything: unknown 'payed', did you mean 'paid'?", 0),
        ("join('-', ['AR', lines[0].amount])", "join() takes text, and this is decimal or null", 26),
        ("sum(lines[].product)", "sum() takes decimal or integer, and this is text", 12),
        ("sort_by(lines, &amout)", "unknown 'amout', did you mean 'amount'?", 16),
        ("mul(lines, `2`)", "mul() takes decimal or integer or text, and this is list", 4),
    ],
)
def test_what_is_wrong_is_told_once_with_its_column(text: str, words: str, at: int) -> None:
    (found,) = inferred(text)[1]
    assert found[:2] == (words, at)


def test_of_what_is_not_known_nothing_is_said() -> None:
    assert inferred("a.b[0].c == `1` && sum(d[].e) > `1`", ANY)[1] == []


def test_what_was_only_seen_is_never_certain() -> None:
    shape = learn(learn(EMPTY, DATA), {**DATA, "count": 3})
    assert inferred("lines[].amount", of_shape(shape)) == ("list", [])
    assert inferred("nubmer", of_shape(shape))[1] == [("unknown 'nubmer', did you mean 'number'?", 0, False)]
    assert inferred("extra", of_shape(learn(shape, {"extra": "x"}))) == ("text or null", [])


names = st.sampled_from(["number", "state", "note", "count", "lines", "product", "amount"])
expressions = st.recursive(
    names,
    lambda inner: st.one_of(
        st.builds("{}.{}".format, names, names),
        st.builds("{}[].{}".format, names, names),
        st.builds("{}[0]".format, names),
        st.builds("({} || {})".format, inner, inner),
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} == {})".format, inner, inner),
        st.builds("[{}, {}]".format, inner, inner),
        st.builds("{{a: {}, b: {}}}".format, inner, inner),
        st.builds("not_null({}, {})".format, inner, inner),
        st.builds("coalesce({}, {})".format, inner, inner),
        st.builds("lines[?{}]".format, inner),
        st.builds("type({})".format, inner),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(expressions)
def test_what_is_inferred_holds_when_it_is_run(text: str) -> None:
    expression = Expression(text)
    expected = infer(expression.tree, ORDER, lambda _what, _node, _certain: None)
    try:
        answer = expression.search(DATA)
    except Unanswerable:
        return
    made = NULL if answer is None else type_of(answer)
    assert expected.anything or made.kinds <= expected.kinds
    assert answer not in ("", [], {}) or expected.maybe
