"""The rules of the CRM: exact money, contract lines, statuses, credit codes. Pure; wrong input is a ValueError."""

import re
import unicodedata
from collections.abc import Iterable
from decimal import ROUND_HALF_UP, Context, Decimal, InvalidOperation
from enum import StrEnum

from hub import sdk

FEN = Decimal("0.01")
WIDE = Context(prec=60)
"""Room for the product of two numeric(18,4)."""

NUMBER = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


class Status(StrEnum):
    """Where a contract stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    APPROVED = "approved"
    REJECTED = "rejected"
    BOOKED = "booked"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.SUBMITTED}),
    Status.SUBMITTED: frozenset({Status.APPROVED, Status.REJECTED, Status.DRAFT}),
    Status.REJECTED: frozenset({Status.SUBMITTED}),
    Status.APPROVED: frozenset({Status.BOOKED}),
    Status.BOOKED: frozenset(),
}
"""From each status, the ones it may turn into. submitted → draft: the approval was withdrawn."""


class Decision(StrEnum):
    """How an approval ended."""

    APPROVED = "approved"
    REJECTED = "rejected"
    CANCELLED = "cancelled"


AFTER_DECISION = {
    Decision.APPROVED: Status.APPROVED,
    Decision.REJECTED: Status.REJECTED,
    Decision.CANCELLED: Status.DRAFT,
}


def exact(value: object, places: int, digits: int = 18) -> Decimal:
    """Read a number (Decimal, int or plain decimal text, never float) with at most `places` decimal places.

    Zeros behind the last place are fine ("200000.0000000000"); a digit that would be lost is not.
    Returns a Decimal of exactly `places` places that fits numeric(digits, places).
    """
    if isinstance(value, str) and NUMBER.fullmatch(value):
        value = Decimal(value)
    if isinstance(value, int) and not isinstance(value, bool):
        value = Decimal(value)
    if not isinstance(value, Decimal):
        raise ValueError(_say("须为十进制数或数字文本", "must be a decimal number or its text"))
    try:
        kept = value.quantize(Decimal(1).scaleb(-places), context=WIDE)
    except InvalidOperation:
        kept = Decimal("NaN")
    if kept != value or abs(kept) >= Decimal(10) ** (digits - places):
        raise ValueError(_say(f"最多 {places} 位小数、共 {digits} 位", f"at most {places} places, {digits} digits"))
    return abs(kept) if kept == 0 else kept


def line_amount(quantity: Decimal, unit_price: Decimal) -> Decimal:
    """Quantity times price in yuan, rounded half up to the fen."""
    return WIDE.multiply(quantity, unit_price).quantize(FEN, ROUND_HALF_UP, WIDE)


def check_line_amount(quantity: Decimal, unit_price: Decimal, stated: Decimal) -> None:
    """Refuse a stated line amount that is off by more than rounding the price to four places can explain."""
    slack = WIDE.add(WIDE.multiply(quantity, Decimal("0.00005")), Decimal("0.005"))
    if abs(stated - WIDE.multiply(quantity, unit_price)) > slack:
        due = line_amount(quantity, unit_price)
        raise ValueError(_say(f"数量 × 含税单价 = {due}，与金额不符", f"quantity × price is {due}, not this amount"))


def total(amounts: Iterable[Decimal]) -> Decimal:
    """The sum of line amounts, to the fen; ValueError when it does not fit numeric(18,2)."""
    return exact(sum(amounts, Decimal("0.00")), 2)


def check_total(amounts: Iterable[Decimal], stated: Decimal) -> None:
    """Refuse a contract amount that its lines do not add up to."""
    due = total(amounts)
    if stated != due:
        raise ValueError(_say(f"明细合计 {due}，与合同金额不符", f"the lines add up to {due}, not to this amount"))


def credit_code(raw: str) -> str:
    """Normalise and check a 统一社会信用代码 (GB 32100-2015): 18 characters, the last one checks the others.

    Full-width characters are folded, white space and hyphens dropped, letters upper-cased. "" stays "".
    """
    code = sdk.credit_code.fold(raw)
    if not code:
        return ""
    if len(code) != 18 or not set(code) <= set(sdk.credit_code.ALPHABET):
        raise ValueError(_say("统一社会信用代码须为 18 位，不含 I O S V Z", "18 characters without I O S V Z"))
    if code[17] != sdk.credit_code.check_character(code[:17]):
        raise ValueError(_say("统一社会信用代码校验位不对", "the check character does not fit"))
    return code


def mobile(raw: str) -> str:
    """A mobile number to compare by: full-width forms folded, digits only, without the country code of China."""
    digits = "".join(re.findall(r"[0-9]", unicodedata.normalize("NFKC", raw)))
    return re.sub(r"^(0086|86)(?=1[0-9]{10}$)", "", digits)


def _say(zh: str, en: str) -> str:
    return str(sdk.Text(zh, en))
