"""The rules of the CRM: exact money, lines that add up, statuses, credit codes."""

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from core_crm import model
from core_crm.model import TRANSITIONS, Status
from core_crm.shapes import NewContract
from hub import sdk

CODES = sdk.loads(Path(__file__).with_name("fixtures").joinpath("credit_codes.json").read_bytes())
VALID = [*CODES["valid_public"], *CODES["valid_worked_out"]]

MONEY = st.decimals(-(10**16) + 1, 10**16 - 1, places=2, allow_nan=False, allow_infinity=False)
QUANTITY = st.decimals(Decimal("0.0001"), 10**6, places=4)
PRICE = st.decimals(0, 10**7, places=4)


@given(MONEY)
def test_money_survives_as_decimal_as_text_and_with_more_zeros(amount: Decimal) -> None:
    text = f"{amount:f}"
    assert model.exact(amount, 2) == model.exact(text, 2) == model.exact(text + "00000000", 2) == amount
    assert model.exact(text, 2).as_tuple().exponent == -2


@given(MONEY, st.integers(1, 999))
def test_a_digit_behind_the_fen_is_refused_not_rounded(amount: Decimal, mills: int) -> None:
    behind = f"{amount:f}{mills:03d}"
    with pytest.raises(ValueError, match="places"):
        model.exact(behind, 2)


TEXTS = ("", "1e3", "1_000", "１２", "12,000.00", " 1", "+1", "1.", ".5", "NaN", "Infinity", "10000000000000000")
NUMBERS = (Decimal("NaN"), Decimal("Infinity"), Decimal("1e999999"), Decimal("0.001"), 10**16)


@pytest.mark.parametrize("wrong", [0.1, 628000.0, True, None, [], *TEXTS, *NUMBERS], ids=repr)
def test_what_is_not_exact_money_is_refused(wrong: object) -> None:
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff].* / "):
        model.exact(wrong, 2)


@pytest.mark.parametrize(("given_", "kept"), [(628000, "628000.00"), (Decimal("1E+3"), "1000.00"), ("-0.00", "0.00")])
def test_whole_numbers_get_their_fen(given_: object, kept: str) -> None:
    assert str(model.exact(given_, 2)) == kept


@given(QUANTITY, PRICE)
def test_a_line_is_quantity_times_price_to_the_nearest_fen_and_passes_its_own_check(q: Decimal, p: Decimal) -> None:
    amount = model.line_amount(q, p)
    assert abs(amount - q * p) <= Decimal("0.005")
    model.check_line_amount(q, p, amount)


@given(QUANTITY, st.decimals(0, 10**7, places=2))
def test_a_negotiated_line_total_passes_with_its_price_rounded_to_four_places(q: Decimal, amount: Decimal) -> None:
    price = (amount / q).quantize(Decimal("0.0001"))
    model.check_line_amount(q, price, amount)


@pytest.mark.parametrize("off", ["0.02", "-0.02", "1000.00"])
def test_a_line_amount_that_no_rounding_explains_is_refused(off: str) -> None:
    with pytest.raises(ValueError, match=r"49990\.00"):
        model.check_line_amount(Decimal(10), Decimal("4999.0000"), Decimal("49990.00") + Decimal(off))


def test_half_a_fen_rounds_up() -> None:
    assert model.line_amount(Decimal("0.5"), Decimal("0.01")) == Decimal("0.01")


def contract(amount: str | None, *lines: dict[str, str]) -> NewContract:
    basis = {"product": "主轴", "unit": "台", "quantity": "1", "unit_price": "0", "tax_rate": "13"}
    head = {
        "customer_id": "cus_1",
        "number": "HT-1",
        "title": "设备",
        "signed_on": "2026-11-20",
        "due_on": "2026-12-31",
    }
    return NewContract.model_validate({**head, "amount": amount, "lines": [{**basis, **line} for line in lines]})


@given(st.lists(st.decimals(0, 10**10, places=2), min_size=1, max_size=40))
def test_a_contract_is_the_sum_of_its_lines_to_the_fen(prices: list[Decimal]) -> None:
    due = sum(prices, Decimal(0))
    lines = [{"unit_price": f"{price:f}"} for price in prices]
    assert contract(None, *lines).total == contract(f"{due:.2f}", *lines).total == due
    with pytest.raises(ValidationError, match="add up"):
        contract(f"{due + Decimal('0.01'):.2f}", *lines)


def test_lines_too_large_to_sum_are_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="lines"):
        contract(None, {"quantity": "99999999999999", "unit_price": "99999999999999"})


@pytest.mark.parametrize("field", ["quantity", "unit_price", "tax_rate", "amount"])
def test_a_float_on_a_line_is_refused(field: str) -> None:
    with pytest.raises(ValidationError, match=f"(?s){field}.*decimal number"):
        NewContract.model_validate({"lines": [{field: 1.5}]})


def test_a_due_date_before_signing_is_refused_by_name() -> None:
    with pytest.raises(ValidationError, match="due_on"):
        NewContract.model_validate({**contract(None, {}).model_dump(), "due_on": "2026-11-19"})


def test_every_status_can_be_reached_and_only_booked_is_the_end() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert {s for s, after in TRANSITIONS.items() if not after} == {Status.BOOKED}
    reached = {Status.DRAFT}
    for _ in Status:
        reached |= {after for status in reached for after in TRANSITIONS[status]}
    assert reached == set(Status)


@pytest.mark.parametrize("code", VALID)
def test_valid_credit_codes_pass_unchanged(code: str) -> None:
    assert model.credit_code(code) == code


@pytest.mark.parametrize(("raw", "code"), CODES["folded"].items())
def test_credit_codes_are_folded_before_they_are_checked(raw: str, code: str) -> None:
    assert model.credit_code(raw) == code


@pytest.mark.parametrize("code", CODES["invalid"])
def test_invalid_credit_codes_are_refused_in_both_languages(code: str) -> None:
    with pytest.raises(ValueError, match=r"[\u4e00-\u9fff].* / "):
        model.credit_code(code)


@given(st.sampled_from(VALID), st.integers(0, 17), st.sampled_from(sdk.credit_code.ALPHABET))
def test_any_one_wrong_character_is_found(code: str, place: int, wrong: str) -> None:
    altered = code[:place] + wrong + code[place + 1 :]
    if altered == code:
        assert model.credit_code(altered) == code
    else:
        with pytest.raises(ValueError, match="check character"):
            model.credit_code(altered)


def test_a_customer_may_have_no_credit_code() -> None:
    assert model.credit_code("  ") == ""
