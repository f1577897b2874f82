"""Before a delivery is first sent: is its event as its stream usually is? Asked where the stream's policy says so."""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.domain.errors import Drifted
from hub.domain.event import Event
from hub.domain.text import Text
from hub.drift.reading import Reading
from hub.ledger import streams
from hub.ledger.database import Database
from hub.ledger.streams import Policy, Stream
from hub.mapping.shapes.drift import Difference, differences
from hub.mapping.shapes.shape import Shape, shape_of

FRESH_S = 5.0
"""How long a process goes by what it knows of the policies; a new one is in force everywhere after that."""

WORDS = {
    "absent": Text("不见了", "is absent"),
    "empty": Text("变空了", "is empty"),
    "kind": Text("换了类型", "is of another kind"),
    "value": Text("出现了新的值", "has a new value"),
    "length": Text("比以往长得多", "is far longer than before"),
}


@dataclass(frozen=True, slots=True)
class Watched:
    """A stream that holds what drifts, and what it usually looks like."""

    policy: Policy
    usual: Shape

    @classmethod
    def of(cls, stream: Stream) -> "Watched":
        """The same as the ledger keeps it."""
        return cls(stream.policy, Shape.from_json(stream.shape))


@dataclass(slots=True)
class Tenant:
    """The watched streams of a tenant, as they were read last."""

    read_at: float
    watched: Mapping[tuple[str, str], Watched]


@dataclass(frozen=True, slots=True)
class Guard:
    """Guards the deliveries of one process. `reading`: what mappings read."""

    database: Database
    reading: Reading
    fresh_s: float = FRESH_S
    _tenants: dict[str, Tenant] = field(default_factory=dict)

    async def check(self, tenant: str, event: Event, pin: str) -> None:
        """Raises Drifted when this event must not go through this mapping unseen. Safe to repeat.

        `hold`: when a place that the mapping reads is unusual; `quarantine`: when any is.
        """
        known = (await self._known(tenant)).get((event.connection, event.type))
        if known is None or not self._unusual(known, event, pin):
            return
        async with self.database.unit(tenant) as unit:  # it may have been released meanwhile
            stream = await streams.find(unit, event.connection, event.type)
        if stream and (unusual := self._unusual(Watched.of(stream), event, pin)):
            raise drifted(event, unusual)

    def _unusual(self, known: Watched, event: Event, pin: str) -> list[Difference]:
        if known.policy == "accept":
            return []
        every = known.policy == "quarantine"
        found = (each for each in differences(known.usual, shape_of(dict(event.data))) if each.usual)
        return [each for each in found if every or self.reading.reads(pin, each.place)]

    async def _known(self, tenant: str) -> Mapping[tuple[str, str], Watched]:
        known = self._tenants.get(tenant)
        if known is None or time.monotonic() > known.read_at + self.fresh_s:
            now = time.monotonic()
            async with self.database.unit(tenant) as unit:
                found = await streams.watched(unit)
            known = Tenant(now, {(each.connection, each.type): Watched.of(each) for each in found})
            self._tenants[tenant] = known
        return known.watched


def drifted(event: Event, unusual: Iterable[Difference]) -> Drifted:
    """Why a delivery of this event is held."""
    unusual = list(unusual)
    zh = "；".join(f"{each.path} {WORDS[each.what].zh}（{each.now}）" for each in unusual)
    en = "; ".join(f"{each.path} {WORDS[each.what].en} ({each.now})" for each in unusual)
    release = f"hub streams release {event.connection} {event.type}"
    hint = Text(
        f"来源变了：{zh}。改好映射后运行 {release}。", f"The source changed: {en}. Correct the mapping, then {release}."
    )
    return Drifted(f"{event.connection} {event.type}: {en}", code="drift", hint=hint)
