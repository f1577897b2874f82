"""What would be sent now against what was sent, field by field. Pure; every digit counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
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

KINDS = {str: "text", bool: "boolean", dict: "object", list: "list", type(None): "null"}


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `path`: "lines[0].amount", or "" for the whole; what is not there is None."""

    path: str
    change: Kind
    was: Json
    would_be: Json


def differences(was: Json, would_be: Json) -> list[Change]:
    """Every field that differs, in the order of the fields. 1.5 and 1.50 differ, 1.5 and "1.5" too; 1E+1 is 10."""
    return list(compared(loads(dumps(was)), loads(dumps(would_be))))


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
    return "number" if isinstance(value, int | Decimal) and not isinstance(value, bool) else KINDS[type(value)]


def compared(was: Json, now: Json, path: str = "") -> Iterator[Change]:
    """The same for what surely is JSON, such as what a mapping made; quick where the two share parts."""
    if alike(was, now):
        return
    if isinstance(was, dict) and isinstance(now, dict):
        names = [*was, *(name for name in now if name not in was)]
        yield from _parts(((f"{path}.{name}" if path else name, name) for name in names), was, now)
    elif isinstance(was, list) and isinstance(now, list):
        indexed = dict(enumerate(was)), dict(enumerate(now))
        yield from _parts(((f"{path}[{n}]", n) for n in range(max(len(was), len(now)))), *indexed)
    elif _written(was) != _written(now):
        yield Change(path, "changed", was, now)


def _parts(places: Iterator[tuple[str, Json]], was: dict[Json, Json], now: dict[Json, Json]) -> Iterator[Change]:
    for path, name in places:
        if name not in was:
            yield Change(path, "added", None, now[name])
        elif name not in now:
            yield Change(path, "removed", was[name], None)
        else:
            yield from compared(was[name], now[name], path)


def _written(value: Json) -> tuple[str, str]:
    """A value as PostgreSQL keeps it: numbers by their digits, so that 1E+1 and 10 are one, and -0 is 0."""
    if kind(value) == "number":
        return "number", f"{Decimal(value) if value else Decimal(value).copy_abs():f}"
    return kind(value), dumps(value)
