"""Exact numbers as text and back. Pure; nothing is ever rounded, and no float comes in or out."""

import re
from decimal import Decimal

WRITTEN = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
MOST_DIGITS = 40
MOST = 10**MOST_DIGITS

Number = int | Decimal


def read_number(text: str) -> Number | None:
    """ "12" → 12, "0.10" → Decimal("0.10"); None for anything else, such as "1e3", "1_000" or full-width digits."""
    if not WRITTEN.fullmatch(text) or len(text) > MOST_DIGITS:
        return None
    return Decimal(text) if "." in text else int(text)


def plain(number: Number) -> str:
    """Every digit and no exponent: Decimal("628000.00") → "628000.00". ValueError beyond 40 places."""
    written = str(number)
    if WRITTEN.fullmatch(written) and len(written) <= MOST_DIGITS:
        return written
    exact = Decimal(number)
    exponent = exact.as_tuple().exponent
    if not isinstance(exponent, int) or exact.adjusted() > MOST_DIGITS or exponent < -MOST_DIGITS:
        raise ValueError(f"a number of more than {MOST_DIGITS} places")
    return f"{exact:f}"


def money(value: object) -> str:
    """Yuan as text with two decimals: 628000 → "628000.00". ValueError for a part of a fen or what is no number."""
    if type(value) is Decimal and (written := str(value))[-3:-2] == "." and len(written) <= MOST_DIGITS:
        return written
    if type(value) is int and -MOST < value < MOST:
        return f"{value}.00"
    number = read_number(value) if isinstance(value, str) else value
    if isinstance(number, bool) or not isinstance(number, int | Decimal):
        raise ValueError(f"{str(value)[:40]!r} is no amount")
    whole, _, part = plain(number).partition(".")
    fen = part.rstrip("0")
    if len(fen) > 2:
        raise ValueError(f"{str(value)[:40]} has a part of a fen")
    return f"{whole}.{fen:0<2}"
