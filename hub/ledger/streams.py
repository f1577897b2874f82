"""Streams: what the events of one type of one connection look like, and the drifts that were found in them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from hub.domain.ids import new_id
from hub.sdk.exact import Json
from hub.sdk.home import Unit

Policy = Literal["accept", "hold", "quarantine"]
"""What becomes of deliveries whose event drifted: sent; held where their mapping reads the place; all held."""

# A hub that has run for long begins with its newest events.
BEGIN = """
INSERT INTO readers (tenant_id, after) SELECT $1, coalesce((SELECT id FROM events WHERE tenant_id = $1
  ORDER BY id DESC OFFSET $2 LIMIT 1), '')
WHERE NOT EXISTS (SELECT FROM readers WHERE tenant_id = $1) ON CONFLICT DO NOTHING
"""
TURN = "SELECT after FROM readers WHERE tenant_id = $1 FOR UPDATE SKIP LOCKED"
# An id is made before its event is committed: what is younger than a moment may still have elder siblings to come.
# Of many events of one stream some are looked at, chosen by chance: a page costs the same however much comes in.
NEWER = """
SELECT id, connection, type, CASE WHEN (hashtext(id) & 2147483647) % greatest(1, of / $5) = 0 THEN data END AS data
FROM (SELECT id, connection, type, data, count(*) OVER (PARTITION BY connection, type) AS of
  FROM (SELECT id, connection, type, data FROM events WHERE tenant_id = $1 AND id > $2 AND id < 'evt_' || lpad(to_hex(
    (1000 * extract(epoch FROM clock_timestamp() - make_interval(secs => $3)))::bigint), 12, '0')
    ORDER BY id LIMIT $4) AS page) AS counted
ORDER BY id
"""
READ = "UPDATE readers SET after = $2 WHERE tenant_id = $1"
STREAMS = "SELECT connection, type, shape, runs, count, policy, since FROM streams WHERE tenant_id = $1"
ADD = """
INSERT INTO streams (tenant_id, connection, type) SELECT $1, s.* FROM unnest($2::text[], $3::text[]) AS s
ON CONFLICT DO NOTHING
"""
LOCKED = f"{STREAMS} AND connection = ANY($2::text[]) AND type = ANY($3::text[]) ORDER BY connection, type FOR UPDATE"
WATCHED = f"{STREAMS} AND policy <> 'accept'"
ALL = f"{STREAMS} ORDER BY connection, type"
ONE = f"{STREAMS} AND connection = $2 AND type = $3"
KEEP = """
UPDATE streams SET shape = $4, runs = $5, count = $6 WHERE tenant_id = $1 AND connection = $2 AND type = $3
"""
RENEW = """
UPDATE streams SET shape = $4, runs = '{}', since = now() WHERE tenant_id = $1 AND connection = $2 AND type = $3
"""
POLICY = """
INSERT INTO streams (tenant_id, connection, type, policy) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, connection, type) DO UPDATE SET policy = excluded.policy
"""
FOUND = """
INSERT INTO drifts AS d (tenant_id, id, connection, type, what, path, place, was, now, event_id, mappings)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, connection, type, what, path) WHERE acknowledged_at IS NULL
  DO UPDATE SET seen = d.seen + 1, now = excluded.now RETURNING seen
"""
DRIFTS = """
SELECT id, connection, type, what, path, place, was, now, event_id, mappings, seen, since, acknowledged_at,
  acknowledged_by FROM drifts WHERE tenant_id = $1
"""
OPEN = f"{DRIFTS} AND acknowledged_at IS NULL ORDER BY connection, type, since, id"
OF_STREAM = f"{DRIFTS} AND connection = $2 AND type = $3 ORDER BY since DESC, id LIMIT 100"
ACKNOWLEDGE = """
UPDATE drifts SET acknowledged_at = now(), acknowledged_by = $4
WHERE tenant_id = $1 AND connection = $2 AND type = $3 AND acknowledged_at IS NULL
"""
SINCE = """
SELECT data FROM events WHERE tenant_id = $1 AND connection = $2 AND type = $3 AND id >= $4 AND id <= $5
ORDER BY id DESC LIMIT $6
"""
HELD = """
SELECT count(*) AS count, min(d.created_at) AS since FROM deliveries d
JOIN events e ON e.tenant_id = $1 AND e.id = d.event_id
WHERE d.tenant_id = $1 AND d.state = 'held' AND d.error_code = 'drift' AND e.connection = $2 AND e.type = $3
"""

FAILING = """
SELECT connection, event AS type, failures, error, polled_at AS went_well_at FROM cursors
WHERE tenant_id = $1 AND failures > 0 ORDER BY connection, event
"""


@dataclass(frozen=True, slots=True)
class Failing:
    """A poll that fails: how often in a row, why, and when it last went well (None: never). It is tried again."""

    connection: str
    type: str
    failures: int
    error: str
    went_well_at: datetime | None


@dataclass(frozen=True, slots=True)
class Stream:
    """A stream as it is known. `shape`: learned, as JSON. `runs`: how many of its last events lacked a place.

    `count`: all events that were read; `since`: when learning began, or began anew after a release.
    """

    connection: str
    type: str
    shape: Mapping[str, Json] = field(default_factory=dict)
    runs: Mapping[str, int] = field(default_factory=dict)
    count: int = 0
    policy: Policy = "accept"
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Drift:
    """A way in which a stream changed. `event_id`: the first event that showed it; `mappings`: those that read it."""

    id: str
    connection: str
    type: str
    what: str
    path: str
    place: Sequence[str]
    was: str
    now: str
    event_id: str
    mappings: Sequence[str]
    seen: int
    since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str


@dataclass(frozen=True, slots=True)
class Found:
    """A drift to keep."""

    what: str
    path: str
    place: Sequence[str]
    was: str
    now: str
    event_id: str
    mappings: Sequence[str]


async def take_turn(unit: Unit, back: int) -> str | None:
    """The id after which events are to be read, ours alone until the transaction ends; None while another reads."""
    await unit.execute(BEGIN, unit.tenant_id, back)
    after: str | None = await unit.fetchval(TURN, unit.tenant_id)
    return after


async def newer(unit: Unit, after: str, younger_s: float, limit: int, some: int) -> list[Mapping[str, Any]]:
    """Events after an id, oldest first: id, connection, type, data; none younger than that.

    Of a stream with at least twice `some` events among them about `some` have their data, the others None.
    """
    return [dict(row.items()) for row in await unit.fetch(NEWER, unit.tenant_id, after, younger_s, limit, some)]


async def has_read(unit: Unit, upto: str) -> None:
    """Everything up to this id was read."""
    await unit.execute(READ, unit.tenant_id, upto)


async def locked(unit: Unit, names: Collection[tuple[str, str]]) -> dict[tuple[str, str], Stream]:
    """Streams by (connection, type), made where there was none, ours alone until the transaction ends."""
    columns = [[connection for connection, _ in names], [kind for _, kind in names]]
    await unit.execute(ADD, unit.tenant_id, *columns)
    rows = await unit.fetch(LOCKED, unit.tenant_id, *columns)
    return {name: _stream(row) for row in rows if (name := (row["connection"], row["type"])) in names}


async def everyone(unit: Unit) -> list[Stream]:
    """All streams."""
    return [_stream(row) for row in await unit.fetch(ALL, unit.tenant_id)]


async def failing(unit: Unit) -> list[Failing]:
    """The polls that fail: of their streams nothing more comes in, and nothing drifts."""
    return [Failing(**dict(row.items())) for row in await unit.fetch(FAILING, unit.tenant_id)]


async def watched(unit: Unit) -> list[Stream]:
    """The streams that do not accept whatever comes."""
    return [_stream(row) for row in await unit.fetch(WATCHED, unit.tenant_id)]


async def find(unit: Unit, connection: str, kind: str) -> Stream | None:
    """One stream, or None while no event of it was read."""
    row = await unit.fetchrow(ONE, unit.tenant_id, connection, kind)
    return _stream(row) if row else None


async def keep(unit: Unit, stream: Stream) -> None:
    """Keep what was learned."""
    values = (stream.connection, stream.type, stream.shape, stream.runs, stream.count)
    await unit.execute(KEEP, unit.tenant_id, *values)


async def renew(unit: Unit, stream: Stream, shape: Mapping[str, Json]) -> None:
    """From now on the stream looks like this."""
    await unit.execute(RENEW, unit.tenant_id, stream.connection, stream.type, shape)


async def set_policy(unit: Unit, connection: str, kind: str, policy: Policy) -> None:
    """Say what becomes of deliveries whose event drifted. Safe to repeat."""
    await unit.execute(POLICY, unit.tenant_id, connection, kind, policy)


async def note(unit: Unit, stream: Stream, found: Found) -> bool:
    """Keep a drift; whether it is news. One that is open already is only counted."""
    values = (found.what, found.path, found.place, found.was[:500], found.now[:500], found.event_id, found.mappings)
    place = (unit.tenant_id, new_id("dft"), stream.connection, stream.type)
    return bool(await unit.fetchval(FOUND, *place, *values) == 1)


async def open_drifts(unit: Unit) -> list[Drift]:
    """Drifts that nobody has acknowledged, the oldest of a stream first."""
    return [Drift(**dict(row.items())) for row in await unit.fetch(OPEN, unit.tenant_id)]


async def drifts_of(unit: Unit, connection: str, kind: str) -> list[Drift]:
    """The newest 100 drifts of a stream, acknowledged or not."""
    return [Drift(**dict(row.items())) for row in await unit.fetch(OF_STREAM, unit.tenant_id, connection, kind)]


async def acknowledge(unit: Unit, stream: Stream, who: str) -> None:
    """Close the open drifts of a stream. Safe to repeat."""
    await unit.execute(ACKNOWLEDGE, unit.tenant_id, stream.connection, stream.type, who)


async def data_since(unit: Unit, stream: Stream, event_id: str, limit: int) -> list[Json]:
    """The data of the events from this one on that were read, the newest ones."""
    upto = await unit.fetchval("SELECT after FROM readers WHERE tenant_id = $1", unit.tenant_id)
    rows = await unit.fetch(SINCE, unit.tenant_id, stream.connection, stream.type, event_id, upto or "", limit)
    return [row["data"] for row in rows]


async def held(unit: Unit, connection: str, kind: str) -> tuple[int, datetime | None]:
    """How many deliveries of a stream are held for drift, and when the oldest was recorded."""
    row = await unit.fetchrow(HELD, unit.tenant_id, connection, kind)
    return (row["count"], row["since"]) if row else (0, None)


def _stream(row: Any) -> Stream:
    return Stream(**dict(row.items()))
