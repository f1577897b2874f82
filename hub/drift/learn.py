"""Read what came in, learn what each stream looks like, and tell where it drifts."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import structlog

from hub.drift.reading import Reading
from hub.ledger import streams
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.look import unread
from hub.ledger.streams import Found, Stream
from hub.mapping.shapes.drift import GONE, Difference, differences
from hub.mapping.shapes.shape import EMPTY, Shape, bounded, shape_of
from hub.sdk.exact import Json

BACK, PAGE = 10_000, 1_000
SOME = 100
"""Of a stream with at least twice as many events in a page about so many are looked at."""

BUDGET_S = 1.0
"""How long one step goes on; what is left waits for the next."""

SETTLED_S = 5.0
"""How old an event is when it is read: one that was begun earlier and committed later is not passed over."""

log = structlog.get_logger("hub.worker")


@dataclass(slots=True)
class Learned:
    """A stream while its events are read, one after the other."""

    stream: Stream
    shape: Shape
    runs: dict[str, int]
    found: list[tuple[Difference, str]] = field(default_factory=list)

    @classmethod
    def of(cls, stream: Stream) -> "Learned":
        """Go on with a stream."""
        return cls(stream, Shape.from_json(stream.shape), dict(stream.runs))

    def meet(self, event_id: str, data: Json) -> None:
        """One more event. What is out of the ordinary is told, and learned only where the stream accepts it."""
        now = shape_of(data)
        seen = list(differences(self.shape, now))
        self._count_runs(seen)
        told = [each for each in seen if self._is_told(each)]
        self.found += [(each, event_id) for each in told]
        if self.stream.policy == "accept" and told:
            self.shape = accepted(self.shape, [now], (each.what for each in told))
            self.runs = {} if GONE.intersection(each.what for each in told) else self.runs
        elif not any(each.usual for each in seen):
            self.shape = self.shape | now

    def _count_runs(self, seen: Iterable[Difference]) -> None:
        self.runs = {each.path: self.runs.get(each.path, 0) + 1 for each in seen if each.what in GONE}

    def _is_told(self, each: Difference) -> bool:
        """At once what holds a delivery; else what is gone only after a run of events without it."""
        if each.what not in GONE or (each.usual and self.stream.policy != "accept"):
            return True
        return self.runs[each.path] >= each.run

    def kept(self, more: int) -> Stream:
        """The stream with what was learned from so many more events."""
        shape = bounded(self.shape).to_json()
        return replace(self.stream, shape=shape, runs=self.runs, count=self.stream.count + more)


def accepted(known: Shape, shapes: Sequence[Shape], whats: Iterable[str]) -> Shape:
    """What a stream looks like once its drift is accepted: learned anew where something is gone, else one more case."""
    made = EMPTY if GONE.intersection(whats) else known
    for shape in shapes:
        made = made | shape
    return bounded(made)


@dataclass(frozen=True, slots=True)
class Learner:
    """Learns for one process; any number may run it, one at a time reads a tenant. `reading`: what mappings read."""

    database: Database
    reading: Reading
    settled_s: float = SETTLED_S

    async def step(self) -> int:
        """Read what came in since, for a second at most in each tenant; how many events."""
        return sum([await self.read(tenant) for tenant in await unread(self.database)])

    async def read(self, tenant: str) -> int:
        """The same for one tenant."""
        ends, total, page = time.monotonic() + BUDGET_S, 0, PAGE
        while page == PAGE and time.monotonic() < ends:
            async with self.database.unit(tenant) as unit:
                page = await self._page(unit)
            total += page
        return total

    async def _page(self, unit: LedgerUnit) -> int:
        after = await streams.take_turn(unit, BACK)
        if after is None:
            return 0
        events = await streams.newer(unit, after, self.settled_s, PAGE, SOME)
        if events:
            told = _by_stream(events)
            known = await streams.locked(unit, told.keys())
            for name, stream in known.items():
                learned = Learned.of(stream)
                await asyncio.to_thread(_meet, learned, told[name])
                await self._tell(unit, learned)
                await streams.keep(unit, learned.kept(len(told[name])))
            await streams.has_read(unit, events[-1]["id"])
        return len(events)

    async def _tell(self, unit: LedgerUnit, learned: Learned) -> None:
        stream = learned.stream
        for each, event_id in learned.found:
            mappings = self.reading.mappings(stream.connection, stream.type, each.place)
            found = Found(each.what, each.path, each.place, each.was, each.now, event_id, mappings)
            if await streams.note(unit, stream, found):
                where = {"tenant": unit.tenant_id, "connection": stream.connection, "type": stream.type}
                log.warning("a stream drifts", **where, what=each.what, path=each.path, now=each.now, mappings=mappings)


def _by_stream(events: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str], list[Mapping[str, Any]]]:
    told: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in events:
        told.setdefault((each["connection"], each["type"]), []).append(each)
    return told


def _meet(learned: Learned, events: Iterable[Mapping[str, Any]]) -> None:
    for each in events:
        if each["data"] is not None:
            learned.meet(each["id"], each["data"])
