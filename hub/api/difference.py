"""What would be sent now against what was sent, field by field. Pure; every digit counts."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from hub.sdk.exact import Json, dumps, loads

Kind = Literal["added", "removed", "changed"]


@dataclass(frozen=True, slots=True)
class Change:
    """One field that differs. `path`: "lines[0].amount", or "" for the whole; what is not there is None."""

    path: str
    change: Kind
    was: Json
    would_be: Json


def differences(was: Json, would_be: Json) -> list[Change]:
    """Every field that differs, in the order of the fields. 1.5 and 1.50 differ, 1.5 and "1.5" too; 1E+1 is 10."""
    return list(_compare("", loads(dumps(was)), loads(dumps(would_be))))


def _compare(path: str, was: Json, now: Json) -> Iterator[Change]:
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
            yield from _compare(path, was[name], now[name])


def _written(value: Json) -> tuple[str, str]:
    """A value as PostgreSQL keeps it: numbers by their digits, so that 1E+1 and 10 are one, and -0 is 0."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return "number", f"{Decimal(value) if value else Decimal(value).copy_abs():f}"
    return type(value).__name__, dumps(value)
