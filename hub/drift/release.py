"""After the fix: the stream as it is now is the usual one, and what was held is chosen for a replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.domain.delivery import State
from hub.domain.text import Text
from hub.drift.learn import accepted
from hub.drift.reading import Reading
from hub.ledger import streams
from hub.ledger.selection import Selection
from hub.ledger.streams import Drift
from hub.mapping.shapes.drift import GONE
from hub.mapping.shapes.shape import Shape, shape_of
from hub.sdk.home import Problem, Unit

ENOUGH = 500
"""Events since the drift from which the stream is learned anew."""

UNKNOWN = Text("用 hub streams list 查看有哪些流。", "See the streams with `hub streams list`.")
STILL = Text(
    "先改映射；确实要照现在的样子发，加 --as-it-is。", "Correct the mapping first; to send it as it is, add --as-it-is."
)


@dataclass(frozen=True, slots=True)
class Release:
    """What a release closed, how many deliveries wait for their replay, and which these are; None when none."""

    drifts: Sequence[Drift]
    held: int
    selection: Selection | None


async def release(unit: Unit, reading: Reading, place: tuple[str, str], who: str, as_it_is: bool = False) -> Release:
    """Accept what drifted in the stream (connection, type): acknowledge it, and learn it as it is since then.

    Safe to repeat. Raises Problem 404 for an unknown stream, and 409 while today's mappings still read what is gone,
    unless `as_it_is`.
    """
    if await streams.find(unit, *place) is None:
        raise unknown(*place)
    stream = (await streams.locked(unit, [place]))[place]
    drifts = [each for each in await streams.drifts_of(unit, *place) if each.acknowledged_at is None]
    if not as_it_is:
        _check_fixed(reading, place, drifts)
    if drifts:
        first = min(each.event_id for each in drifts)
        shapes = [shape_of(data) for data in await streams.data_since(unit, stream, first, ENOUGH)]
        shape = accepted(Shape.from_json(stream.shape), shapes, (each.what for each in drifts))
        await streams.renew(unit, stream, shape.to_json())
        await streams.acknowledge(unit, stream, who)
    held, since = await streams.held(unit, *place)
    return Release(drifts, held, _selection(*place, since) if held else None)


def unknown(connection: str, kind: str) -> Problem:
    """No event of such a stream was read."""
    return Problem(404, "stream-not-found", f"{connection} {kind}: 没有这个流 / no such stream", hint=UNKNOWN)


def _check_fixed(reading: Reading, place: tuple[str, str], drifts: Sequence[Drift]) -> None:
    for each in drifts:
        if each.what in GONE and (still := reading.mappings(*place, tuple(each.place))):
            what = f"{', '.join(still)}: 还在读 / still reads {each.path}"
            raise Problem(409, "mapping-not-fixed", what, hint=STILL)


def _selection(connection: str, kind: str, since: datetime | None) -> Selection:
    """What the guard held, by the words it told."""
    where = f"error.code == 'drift' && starts_with(error.message, '{connection} {kind}: ')"
    return Selection(since=since, states=(State.HELD,), where=where)
