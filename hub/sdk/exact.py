"""Exact JSON: a number with a point is a Decimal on the way in and on the way out, so a fen survives.

One reader for everything that comes from outside, one writer for everything that leaves.
"""

from decimal import Clamped, Context, Decimal, Overflow, Rounded, Subnormal
from typing import Any

import simplejson

from hub.domain.errors import Unreadable
from hub.domain.text import Text

Json = Any
"""A JSON value: dict, list, str, int, Decimal, bool or None."""

MAX_DIGITS = 34
MAX_EXPONENT = 400
TOO_LONG = f"a number of more than {MAX_DIGITS} digits, or beyond 1e{MAX_EXPONENT}"


def loads(raw: bytes | str) -> Json:
    """Read JSON text (UTF-8 when bytes); repeating is safe.

    Raises:
        Unreadable: bad UTF-8, bad syntax, NaN or Infinity, a key twice in one object, too deep,
            a number of more than 34 digits or beyond 1e400, a NUL or half a surrogate pair (PostgreSQL keeps neither).
    """
    try:
        text = raw.decode("utf-8") if isinstance(raw, bytes) else raw
        value = READER.decode(text)
        _check_text(text, value)
    except (UnicodeError, ValueError, ArithmeticError, RecursionError) as error:
        reason = TOO_LONG if isinstance(error, ArithmeticError) else str(error)[:200] or type(error).__name__
        raise Unreadable(
            f"not JSON we can keep: {reason}",
            hint=Text("请让发送方发送合法的 UTF-8 JSON。", "Have the sender send valid UTF-8 JSON."),
        ) from error
    return value


def dumps(value: Json) -> str:
    """Write compact JSON, Decimals as exact numbers, text as raw UTF-8; a float is refused (TypeError)."""
    _refuse_floats(value)
    return WRITER.encode(value)


# Asking each value whether it is a named tuple would take more than half of the time.
WRITER = simplejson.JSONEncoder(
    use_decimal=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False, namedtuple_as_object=False
)
PLAIN = frozenset({str, int, Decimal, bool, type(None)})


def _refuse_floats(value: Json) -> None:
    if isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            if type(item) not in PLAIN:
                _refuse_floats(item)
    elif isinstance(value, float):
        raise TypeError(f"float {value!r} has no place in exact JSON; use Decimal")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _whole(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(TOO_LONG)
    return int(digits)


def _unique_keys(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return made


# A context refuses what is too long faster than we could look at the digits.
FRACTIONS = Context(
    prec=MAX_DIGITS, Emax=MAX_EXPONENT, Emin=-MAX_EXPONENT, traps=[Rounded, Overflow, Subnormal, Clamped]
)
READER = simplejson.JSONDecoder(
    parse_float=FRACTIONS.create_decimal,
    parse_constant=_refuse_constant,
    parse_int=_whole,
    object_pairs_hook=_unique_keys,
)


def _check_text(text: str, value: Json) -> None:
    if "\\u" in text or "\x00" in text:
        _check_strings(value)


def _check_strings(value: Json) -> None:
    if isinstance(value, str):
        if "\x00" in value:
            raise ValueError("a NUL character")
        value.encode("utf-8")
    elif isinstance(value, dict):
        for key, item in value.items():
            _check_strings(key)
            _check_strings(item)
    elif isinstance(value, list):
        for item in value:
            _check_strings(item)
