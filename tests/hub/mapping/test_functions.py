"""Our functions do what their page says, answer any value or refuse it by name, and lose no cent and no day."""

import re
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.domain.errors import MappingError
from hub.mapping import parse_mapping
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable
from hub.mapping.expressions.functions import CALLS, ExactFunctions
from hub.mapping.expressions.page import functions_page
from hub.mapping.expressions.standard import STANDARD
from hub.mapping.expressions.trade import FUNCTIONS, GROUPS
from hub.mapping.expressions.trade.currencies import PLACES
from tests.hub.mapping.corpus import MANY
from tests.hub.mapping.grammar import VALUES
from tests.hub.mapping.reference import answer, plainly

PAGE = Path(__file__).parents[3] / "docs" / "reference" / "functions.md"
DESCRIBED = [*STANDARD, *(function.described for group in GROUPS for function in group.functions)]
EXAMPLES = [example for each in DESCRIBED for example in each.examples]

AMOUNTS = st.decimals(places=2, min_value=-(10**15), max_value=10**15)
RATES = st.sampled_from([0, 1, 3, 6, 9, 13, Decimal("0.5"), Decimal("16.5")])
DAYS = st.dates()
TEXTS = st.text(max_size=12)

searching = settings(deadline=None)
thorough = settings(searching, max_examples=MANY)


def call(name: str, *values: Any) -> Any:
    """A function's answer to these values, asked as an expression asks."""
    names = [f"v{n}" for n in range(len(values))]
    return Expression(f"{name}({', '.join(names)})").search(dict(zip(names, values, strict=True)))


@pytest.mark.parametrize(("text", "expected"), EXAMPLES, ids=[text for text, _ in EXAMPLES])
def test_an_example_of_the_page_is_true(text: str, expected: Any) -> None:
    assert plainly(Expression(text).search({})) == plainly(expected)


def test_the_page_is_fresh_and_knows_every_function() -> None:
    assert PAGE.read_text("utf-8") == functions_page(), "write it again: hub mappings functions --write"
    assert {each.written.split("(")[0] for each in DESCRIBED} == set(ExactFunctions.FUNCTION_TABLE) == set(CALLS)


@thorough
@given(st.sampled_from(sorted(FUNCTIONS)), st.data())
def test_any_values_are_answered_or_refused_by_the_functions_name(name: str, data: st.DataObject) -> None:
    function = FUNCTIONS[name]
    values = data.draw(st.lists(st.sampled_from([*VALUES, "2026-11-20", "CNY", "UTC"]) | TEXTS | st.integers()))
    count = max(function.least, min(len(values), function.most or 9))
    made = answer(call, name, *[*values, *[None] * count][:count])
    assert made[0] != "Unanswerable" or re.match(rf"{name}\(\)", made[1])


def test_a_refusal_names_the_field_the_function_and_the_value() -> None:
    head = "mapping: a.b__c.d\nversion: 1\nfrom: a.b\nto: c.d\n"
    mapping = parse_mapping(
        head + 'fields: {due: {take: "add_days(day, `1`)"}}\nexamples: [{name: n, given: {}, error: e}]', "f"
    )
    with pytest.raises(MappingError, match=r"^due cannot be taken by .*: add_days\(\) wants a date .* as value 1, not"):
        mapping.apply({"day": "昨天"})


@pytest.mark.parametrize("text", ["div(a, b)", "trim(a, b)", "add(a)", "round(a, b, c, d)", "triim(a)"])
def test_a_wrong_count_or_name_is_refused_when_it_is_read(text: str) -> None:
    with pytest.raises(BadExpression, match=r"takes \d+|did you mean 'trim'"):
        Expression(text)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("fen('0.001')", "more than 2 decimals"),
        ("div(`1`, `0`, `2`)", "by zero"),
        ("mul(`12345678901234567890123456789012`, `12345678901234567890123456789012`)", "out of range"),
        ("currency_places('RMB')", "no currency"),
        ("tax_out(`1`, `1300`)", "a rate of 1300 percent"),
        ("parse_date('2026-02-30', 'YYYY-MM-DD')", "day"),
        ("parse_date('8/11/2026', 'DD/MM/YYYY')", "not written as"),
        ("date('9999-12-31T23:00:00Z')", "out of range"),
        ("time('2026-11-20', 'Mars/Base')", "a time zone"),
        ("time('2026-11-20', '/etc/passwd')", "a time zone"),
        ("add_months('2026-11-20', `-30000`)", "year"),
        ("pad_left('1234567', `6`, '0')", "longer than 6"),
        ("split_amount(`1.00`, `[]`)", "weights"),
        ("credit_code('91350100M000100Y44')", "no 统一社会信用代码"),
        ("mobile('12345678901')", "no mobile"),
        ("email('a@b')", "no e-mail"),
        ("amount_in_words(`1.234`)", "decimals"),
        ("trim(`null`)", "wants text as value 1, not null"),
        ("trim(&a)", "not an expression"),
    ],
)
def test_a_wrong_value_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(Unanswerable, match=words):
        Expression(text).search({})


def test_lines_bring_their_head_and_their_number_along() -> None:
    head = "mapping: a.b__c.d\nversion: 1\nfrom: a.b\nto: c.d\nfields:\n  lines:\n"
    fields = "    each: \"numbered(spread(rows, {currency: currency}), 'no')\"\n"
    inner = "    fields: { no: { take: no }, sku: { take: sku }, currency: { take: currency } }\n"
    mapping = parse_mapping(f"{head}{fields}{inner}examples: [{{ name: n, given: {{}}, error: e }}]", "f")
    made = mapping.apply({"currency": "CNY", "rows": [{"sku": "A"}, {"sku": "B"}]})["lines"]
    assert made == [{"no": 1, "sku": "A", "currency": "CNY"}, {"no": 2, "sku": "B", "currency": "CNY"}]


def test_lines_cannot_be_blown_up() -> None:
    with pytest.raises(Unanswerable, match="more than 20000 fields"):
        call("spread", [{}] * 1000, {str(n): n for n in range(1000)})


def test_a_text_cannot_be_blown_up() -> None:
    with pytest.raises(Unanswerable, match="more than 20000 characters"):
        Expression("|".join(["replace(@, 'a', 'aaaaaaaa')"] * 12)).search("a")


@searching
@given(AMOUNTS, AMOUNTS)
def test_sums_and_differences_undo_each_other(a: Decimal, b: Decimal) -> None:
    assert call("sub", call("add", a, b), b) == a
    assert call("yuan", call("fen", a)) == a


@searching
@given(AMOUNTS, st.integers(0, 4))
def test_rounding_is_pythons(amount: Decimal, places: int) -> None:
    third = amount / 8
    for how, rounding in (("half_up", ROUND_HALF_UP), ("half_even", ROUND_HALF_EVEN)):
        assert call("round", third, places, how) == third.quantize(Decimal(1).scaleb(-places), rounding)


@searching
@given(AMOUNTS, RATES)
def test_net_and_tax_are_the_gross_amount(gross: Decimal, rate: Any) -> None:
    net, tax = call("tax_out", gross, rate), call("tax_of", gross, rate)
    assert net + tax == gross
    assert abs(call("tax_in", net, rate) - gross) <= Decimal("0.02")


@searching
@given(AMOUNTS, st.lists(st.decimals(places=3, min_value=0, max_value=10**6), min_size=1, max_size=9))
def test_shares_add_up_to_the_cent(total: Decimal, weights: list[Decimal]) -> None:
    if not any(weights):
        return
    shares = call("split_amount", total, weights)
    assert sum(shares) == total
    for share, weight in zip(shares, weights, strict=True):
        assert abs(share - total * weight / sum(weights)) < Decimal("0.01") + abs(total) / 10**20


@searching
@given(st.sampled_from(sorted(PLACES)), st.integers(-(10**15), 10**15))
def test_smallest_units_come_back(currency: str, units: int) -> None:
    assert call("minor_units", call("from_minor_units", units, currency), currency) == units


@thorough
@given(st.integers(-(10**18) + 1, 10**18 - 1))
def test_an_amount_in_words_reads_back(cents: int) -> None:
    assert _read_words(call("amount_in_words", call("yuan", cents))) == cents


@pytest.mark.parametrize(
    ("yuan", "words"),
    [
        ("0", "零元整"),
        ("0.50", "伍角"),
        ("10", "壹拾元整"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("100000000", "壹亿元整"),
        ("100000001", "壹亿零壹元整"),
        ("1000001000", "壹拾亿零壹仟元整"),
        ("1002000", "壹佰万贰仟元整"),
        ("1000000000000", "壹万亿元整"),
        ("1000010000000.10", "壹万亿零壹仟万元零壹角"),
        ("-30.05", "负叁拾元零伍分"),
    ],
)
def test_amounts_are_written_as_on_a_cheque(yuan: str, words: str) -> None:
    assert call("amount_in_words", yuan) == words


def _read_words(words: str) -> int:
    """Cents of an amount in words, read without knowing how they were written."""
    digits, units = "零壹贰叁肆伍陆柒捌玖", {"拾": 10, "佰": 100, "仟": 1000}
    total = part = digit = 0
    for letter in words.removeprefix("负"):
        if letter in digits:
            digit = digits.index(letter)
        elif letter in units:
            part, digit = part + digit * units[letter], 0
        elif letter in "万亿元":
            part, digit = part + digit, 0
            total, part = (total + part, 0) if letter == "元" else (total, part)
            if letter == "万":
                total, part = total + part * 10_000, 0
            elif letter == "亿":
                total, part = (total + part) * 10**8, 0
            total = total * 100 if letter == "元" else total
        elif letter in "角分":
            total, digit = total + digit * (10 if letter == "角" else 1), 0
    return -total if words.startswith("负") else total


@searching
@given(DAYS, st.integers(-20_000, 20_000))
def test_days_come_back(day: date, days: int) -> None:
    if not date.min <= day or not 0 < day.toordinal() + days <= date.max.toordinal():
        return
    later = call("add_days", day.isoformat(), days)
    assert (call("days_between", day.isoformat(), later), later) == (days, (day + timedelta(days=days)).isoformat())


@searching
@given(DAYS.filter(lambda day: 2 < day.year < 9998))
def test_a_month_ends_the_day_before_the_next_begins(day: date) -> None:
    start, end = call("month_start", day.isoformat()), call("month_end", day.isoformat())
    assert call("add_days", end, 1) == call("add_months", start, 1)
    assert start <= day.isoformat() <= end
    assert call("add_months", call("add_months", start, 7), -7) == start


@searching
@given(DAYS, st.sampled_from(["YYYY/MM/DD", "YYYYMMDD", "YYYY年M月D日", "D.M.YYYY", "(DD)|MM.*YYYY"]))
def test_a_written_date_reads_back(day: date, pattern: str) -> None:
    assert call("parse_date", call("format_date", day.isoformat(), pattern), pattern) == day.isoformat()


@searching
@given(st.integers(-(10**12), 10**13), st.sampled_from(["Asia/Shanghai", "UTC", "America/New_York"]))
def test_a_moment_comes_back_from_every_zone(milliseconds: int, zone: str) -> None:
    assert call("epoch_ms", call("from_epoch_ms", milliseconds, zone)) == milliseconds


@searching
@given(TEXTS)
def test_text_functions_hold_for_every_text(text: str) -> None:
    assert call("half_width", call("full_width", text)) == call("half_width", text)
    assert call("trim", call("trim", text)) == call("trim", text)
    assert call("substring", call("pad_left", text, 20, "*"), -len(text)) == (text or "*" * 20)
    assert "".join(call("split", call("replace", text, "a", ","), ",")) == text.replace("a", "").replace(",", "")
    assert call("company_key", call("company_name", text)) == call("company_key", text)


@searching
@given(st.text("0123456789ABCDEFGHJKLMNPQRTUWXY", min_size=17, max_size=17))
def test_one_check_character_in_31_is_right(body: str) -> None:
    codes = [body + letter for letter in "0123456789ABCDEFGHJKLMNPQRTUWXY"]
    (right,) = [code for code in codes if call("is_credit_code", code)]
    assert call("credit_code", f" {right[:8].lower()}-{right[8:]}") == right
