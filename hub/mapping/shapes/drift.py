"""How an event differs from what its stream usually is: something gone, of another kind, a new value, longer."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import ceil, log
from typing import Literal

from hub.mapping.shapes.shape import EMPTY, NUMBERS, OFTEN, Shape
from hub.mapping.shapes.uses import TOP, Place, spelled

What = Literal["absent", "empty", "kind", "value", "length"]
GONE = frozenset({"absent", "empty"})

USUAL = 99
"""Percent of the values seen that were something: then it is usual, and missed when it is gone."""

RUN = 3
"""So many events in a row without something usual are no accident."""

UNLIKELY = 1_000_000
"""A run of events without something less usual is told when chance makes one of so many such runs."""

SELDOM = 5
"""Percent below which nobody misses it."""

LONGER, MUCH = 2, 20
"""A text is too long that has more than twice the characters of the longest before, and 20 more than it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One way in which an event is unlike its stream. `run`: how many events in a row must show it to be told."""

    what: What
    place: Place
    was: str
    now: str
    run: int = 1

    @property
    def usual(self) -> bool:
        """Whether one event alone is out of the ordinary."""
        return self.run <= RUN

    @property
    def path(self) -> str:
        """The place as people write it."""
        return spelled(self.place)


def differences(known: Shape, now: Shape, place: Place = TOP) -> Iterator[Difference]:
    """All differences of a value from what was seen, outermost first; none before 50 values were seen there."""
    if known.cut or known.some < OFTEN or not now.some:
        return
    if odd := _odd_kinds(known, now):
        yield Difference("kind", place, _words(known.kinds), _words(odd))
        return
    yield from _texts(known, now, place)
    yield from _fields(known, now, place)
    for step, inner in known.inside():
        if (found := now.child(step)) is not None:
            yield from differences(inner, found, (*place, step))


def _odd_kinds(known: Shape, now: Shape) -> set[str]:
    odd = {kind for kind in now.kinds if kind != "null" and kind not in known.kinds}
    return odd - NUMBERS if NUMBERS & known.kinds.keys() else odd


def _texts(known: Shape, now: Shape, place: Place) -> Iterator[Difference]:
    """New values of an enumeration; elsewhere a text far longer than any before."""
    usual = known.enum
    new = set(now.values) - usual - {""} if now.values is not None else {f"{now.longest} characters"}
    if usual and new:
        yield Difference("value", place, _words(usual), _words(new))
    elif not usual and now.longest > max(LONGER * known.longest, known.longest + MUCH) and "text" in known.kinds:
        yield Difference("length", place, str(known.longest), str(now.longest))


def _fields(known: Shape, now: Shape, place: Place) -> Iterator[Difference]:
    objects = now.kinds.get("object", 0)
    new = sorted(now.fields.keys() - known.fields.keys())
    for key, usual in known.fields.items():
        found = now.fields.get(key, EMPTY)
        if found.some >= objects:
            continue
        there, absent = known.kinds.get("object", 0), found.count < objects
        if run := _run(usual.some, there):
            beside = f"; new beside it: {', '.join(new[:5])}" if absent and new else ""
            what: What = "absent" if absent else "empty"
            yield Difference(what, (*place, key), f"{100 * usual.some // there} %", f"{what}{beside}", run)


def _run(some: int, there: int) -> int:
    """How many in a row without it cannot be chance; 0: never said."""
    if some * 100 >= USUAL * there:
        return RUN
    if some * 100 < SELDOM * there:
        return 0
    return max(RUN, ceil(log(UNLIKELY) / -log((there - some) / there)))


def _words(texts: Iterable[str]) -> str:
    return ", ".join(sorted(texts))
