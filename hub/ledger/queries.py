"""What the API and the console read: deliveries newest first, one delivery whole, counts, held connections."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.ledger.database import Database
from hub.sdk.exact import Json
from hub.sdk.home import Unit

NEWEST = """
SELECT d.id, d.seq, d.flow, d.step, d.connection, d.action, d.mapping, d.record, d.state, d.attempts, d.replays,
  d.error_code, d.error, d.hint_zh, d.hint_en, d.result, d.due_at, d.created_at, d.updated_at,
  e.type AS event_type, e.connection AS source, e.subject,
  (SELECT round(1000 * extract(epoch FROM a.ended_at - a.started_at))::int FROM attempts a
    WHERE a.tenant_id = d.tenant_id AND a.delivery_id = d.id AND a.ended_at IS NOT NULL
    ORDER BY a.number DESC LIMIT 1) AS ms
FROM deliveries d JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
WHERE d.tenant_id = $1
"""
WHOLE = """
SELECT e.id AS event_id, e.dedupe_key, e.occurred_at, e.recorded_at, e.data, e.delivery_id AS caused_by,
  d.payload, d.lane, d.look_first, (SELECT count(*) FROM deliveries b
    WHERE b.tenant_id = d.tenant_id AND b.connection = d.connection AND b.lane = d.lane AND b.seq > d.seq
      AND b.state IN ('pending', 'waiting') AND d.state NOT IN ('done', 'skipped', 'cancelled')) AS behind
FROM deliveries d JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
WHERE d.tenant_id = $1 AND d.id = $2
"""
ATTEMPTS = """
SELECT id, number, started_at, ended_at, outcome, error_code, error, hint_zh, hint_en, exchanges, superseded,
  round(1000 * extract(epoch FROM ended_at - started_at))::int AS ms
FROM attempts WHERE tenant_id = $1 AND delivery_id = $2 ORDER BY number
"""
REFS = """
SELECT connection, entity, external_id, number, record FROM external_refs
WHERE tenant_id = $1 AND record = $2 ORDER BY created_at, connection, entity LIMIT 100
"""
STATE = "SELECT state FROM deliveries WHERE tenant_id = $1 AND id = $2"
HELD = """
SELECT name, held_at, held_why FROM connections WHERE tenant_id = $1 AND held_at IS NOT NULL ORDER BY name
"""
COUNTS = {
    "deliveries": "SELECT state, count(*) FROM deliveries WHERE tenant_id = $1 GROUP BY 1",
    "attempts": "SELECT outcome, count(*) FROM attempts WHERE tenant_id = $1 AND ended_at IS NOT NULL GROUP BY 1",
    "receipts": "SELECT verdict, count(*) FROM receipts WHERE tenant_id = $1 GROUP BY 1",
    "drifts": "SELECT what, count(*) FROM drifts WHERE tenant_id = $1 GROUP BY 1",
}
MIGRATED = "SELECT to_regclass('deliveries') IS NOT NULL AND to_regclass('idempotency_keys') IS NOT NULL"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which deliveries to list; what is empty does not narrow. `before` is the `seq` the page ends before."""

    states: Collection[str] = ()
    flow: str = ""
    record: str = ""
    connection: str = ""
    before: int | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Listed:
    """A delivery in a list. `ms` is how long its last finished attempt took; `result` what the vendor made."""

    id: str
    seq: int
    flow: str
    step: int
    connection: str
    action: str
    mapping: str
    record: str
    state: str
    attempts: int
    replays: int
    error_code: str
    error: str
    hint_zh: str
    hint_en: str
    result: Json
    due_at: datetime
    created_at: datetime
    updated_at: datetime
    event_type: str
    source: str
    subject: str
    ms: int | None


@dataclass(frozen=True, slots=True)
class Whole:
    """One delivery with everything on its straight line: the event, the payload, the attempts, the refs.

    `behind`: how many later deliveries of its lane wait for it.
    """

    listed: Listed
    event_id: str
    dedupe_key: str
    occurred_at: datetime
    recorded_at: datetime
    data: Json
    caused_by: str | None
    payload: Json
    lane: str
    look_first: bool
    behind: int
    attempts: Sequence[Mapping[str, Any]] = ()
    refs: Sequence[Mapping[str, Any]] = ()


async def newest(unit: Unit, wanted: Wanted) -> list[Listed]:
    """Deliveries, newest first, at most `wanted.limit`; the last one's `seq` is `before` of the next page."""
    narrow = {
        "d.state = ANY(${}::text[])": list(wanted.states) or None,
        "d.flow = ${}": wanted.flow or None,
        "d.record = ${}": wanted.record or None,
        "d.connection = ${}": wanted.connection or None,
        "d.seq < ${}": wanted.before,
    }
    values: list[Any] = [unit.tenant_id]
    sql = NEWEST
    for condition, value in narrow.items():
        if value is not None:
            values.append(value)
            sql += " AND " + condition.format(len(values))
    values.append(wanted.limit)
    rows = await unit.fetch(f"{sql} ORDER BY d.seq DESC LIMIT ${len(values)}", *values)
    return [_listed(row) for row in rows]


async def whole(unit: Unit, delivery_id: str) -> Whole | None:
    """One delivery, or None when this tenant has none of this id. The refs are those of its record."""
    listed = await unit.fetchrow(NEWEST + " AND d.id = $2", unit.tenant_id, delivery_id)
    row = await unit.fetchrow(WHOLE, unit.tenant_id, delivery_id)
    if listed is None or row is None:
        return None
    attempts = [dict(a.items()) for a in await unit.fetch(ATTEMPTS, unit.tenant_id, delivery_id)]
    refs = [dict(r.items()) for r in await unit.fetch(REFS, unit.tenant_id, listed["record"])]
    return Whole(_listed(listed), **dict(row.items()), attempts=attempts, refs=refs)


async def state_of(unit: Unit, delivery_id: str) -> str | None:
    """Where a delivery stands; None when unknown."""
    found: str | None = await unit.fetchval(STATE, unit.tenant_id, delivery_id)
    return found


async def held(unit: Unit) -> list[Mapping[str, Any]]:
    """Connections that wait for a person: name, held_at, held_why."""
    return [dict(row.items()) for row in await unit.fetch(HELD, unit.tenant_id)]


async def count_everything(database: Database) -> dict[str, dict[str, int]]:
    """Deliveries by state, finished attempts by outcome, receipts by verdict, drifts by kind, over all tenants."""
    total: dict[str, dict[str, int]] = {name: {} for name in COUNTS}
    for tenant in await database.tenants():
        async with database.unit(tenant) as unit:
            for name, sql in COUNTS.items():
                for kind, count in await unit.fetch(sql, tenant):
                    total[name][kind] = total[name].get(kind, 0) + count
    return total


async def is_migrated(database: Database) -> bool:
    """Whether the tables are there. Raises Unavailable when PostgreSQL is not."""
    async with database.unit("") as unit:
        return bool(await unit.fetchval(MIGRATED))


async def clock_s(database: Database) -> float:
    """PostgreSQL's clock, in seconds since 1970. Raises Unavailable."""
    async with database.unit("") as unit:
        now_s: float = await unit.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    return now_s


def _listed(row: Any) -> Listed:
    return Listed(**dict(row.items()))
