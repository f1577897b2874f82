"""What would be sent now against what was sent, field by field. Pure; every digit counts."""

from dataclasses import dataclass
from decimal import Decimal
from itertools import zip_longest
from typing import Literal

from hub.domain.text import Text
from hub.sdk.exact import Json, dumps, loads

Kind = Literal["added", "removed", "changed"]
NOTHING = Text("没有", "nothing")
QUOTES = {
    ("number", "text"): Text("数字与文本不同，例子里加引号", "number, not text: quote it"),
    ("text", "number"): Text("文本与数字不同，例子里去掉引号", "text, not number: leave the quotes out"),
}
"""What to do about an example whose expectation is the one where the other is made."""

KINDS: dict[type, str] = {
    **{str: "text", bool: "boolean", dict: "object", list: "list", type(None): "null"},
    **{int: "number", Decimal: "number"},
}
MISSING: Json = object()
"""What is not there, where null may be."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `path`: "lines[0].amount", or "" for the whole; what is not there is None."""

    path: str
    change: Kind
    was: Json
    would_be: Json


def differences(was: Json, would_be: Json) -> list[Change]:
    """Every field that differs, in the order of the fields. 1.5 and 1.50 differ, 1.5 and "1.5" too; 1E+1 is 10."""
    return compared(loads(dumps(was)), loads(dumps(would_be)))


def disagreements(expected: Json, made: Json) -> list[str]:
    """Every field in which what was made is not what was expected, a line for each, as people read it."""
    return [_disagreement(each) for each in differences(expected, made)]


def _disagreement(each: Change) -> str:
    wanted = str(NOTHING) if each.change == "added" else dumps(each.was)
    got = str(NOTHING) if each.change == "removed" else dumps(each.would_be)
    advice = QUOTES.get((kind(each.was), kind(each.would_be)), "") if each.change == "changed" else ""
    return f"{each.path}: 应为 / expected {wanted}，得到 / got {got}{advice and f'（{advice}）'}"


def alike(was: Json, would_be: Json) -> bool:
    """Whether two values surely do not differ; quick where they share parts. False may yet be no difference."""
    if was is would_be:
        return True
    if was.__class__ is not would_be.__class__:
        return False
    if isinstance(was, dict):
        if was.keys() != would_be.keys():
            return False
        for name, value in was.items():
            if value is not (other := would_be[name]) and not alike(value, other):
                return False
    elif isinstance(was, list):
        if len(was) != len(would_be):
            return False
        for value, other in zip(was, would_be, strict=True):
            if value is not other and not alike(value, other):
                return False
    else:
        return str(was) == str(would_be)
    return True


def kind(value: Json) -> str:
    """What JSON calls it: "number" whether it has a point or not."""
    return KINDS[value.__class__]


def compared(was: Json, now: Json, path: str = "") -> list[Change]:
    """The same for what surely is JSON, such as what a mapping made; quick where the two share parts."""
    found: list[Change] = []
    _compare(was, now, path, found)
    return found


def _compare(was: Json, now: Json, path: str, found: list[Change]) -> None:
    if isinstance(was, dict) and isinstance(now, dict):
        for name, value in was.items():
            if value is not (other := now.get(name, MISSING)):
                _compare(value, other, f"{path}.{name}" if path else name, found)
        for name in now:
            if name not in was:
                _compare(MISSING, now[name], f"{path}.{name}" if path else name, found)
    elif isinstance(was, list) and isinstance(now, list):
        for index, (value, other) in enumerate(zip_longest(was, now, fillvalue=MISSING)):
            if value is not other:
                _compare(value, other, f"{path}[{index}]", found)
    elif was is MISSING:
        found.append(Change(path, "added", None, now))
    elif now is MISSING:
        found.append(Change(path, "removed", was, None))
    elif was != now or _written(was) != _written(now):
        found.append(Change(path, "changed", was, now))


def _written(value: Json) -> tuple[str, Json]:
    """A value as PostgreSQL keeps it: numbers by their digits, so that 1E+1 and 10 are one, and -0 is 0."""
    if (name := kind(value)) == "number":
        return name, f"{Decimal(value) if value else Decimal(value).copy_abs():f}"
    return name, value
