"""Record facts, each once, together with the deliveries they owe: one statement, however many they are."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.domain.ids import new_id
from hub.sdk.home import Unit

RECORD = """
WITH new AS (
  INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data, receipt_id, delivery_id)
  SELECT $1, t.id, t.connection, t.type, t.subject, t.dedupe_key, t.occurred_at, t.data, t.receipt_id, t.delivery_id
  FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::jsonb[],
    $9::text[], $10::text[]) WITH ORDINALITY
    AS t (id, connection, type, subject, dedupe_key, occurred_at, data, receipt_id, delivery_id, place)
  ORDER BY t.place ON CONFLICT (tenant_id, connection, dedupe_key) DO NOTHING RETURNING id),
owed AS (
  INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record)
  SELECT $1, o.id, o.event_id, o.flow, o.step, o.connection, o.action, o.mapping, o.lane, o.record
  FROM unnest($11::text[], $12::text[], $13::text[], $14::int[], $15::text[], $16::text[], $17::text[], $18::text[],
    $19::text[], $20::boolean[]) WITH ORDINALITY
    AS o (id, event_id, flow, step, connection, action, mapping, lane, record, optional, place)
  JOIN new ON new.id = o.event_id
  WHERE NOT o.optional OR EXISTS (SELECT FROM connections c WHERE c.tenant_id = $1 AND c.name = o.connection)
  ORDER BY o.place RETURNING id, seq, connection)
SELECT (SELECT coalesce(array_agg(id), '{}') FROM new) AS events,
  (SELECT coalesce(array_agg(id), '{}') FROM owed) AS deliveries,
  (SELECT coalesce(array_agg(DISTINCT connection), '{}') FROM owed) AS connections
"""
CONFLICT = """
INSERT INTO conflicts (tenant_id, id, connection, dedupe_key, event_id, receipt_id, data)
SELECT $1, $2, $3, $4, e.id, $6, $5 FROM events e
WHERE e.tenant_id = $1 AND e.connection = $3 AND e.dedupe_key = $4 AND e.data <> $5 RETURNING 1
"""
# Newest wins, by the source's own time: what was not sent yet gives way, and what comes late is not sent at all.
OUTDATED = """
UPDATE deliveries d SET state = 'skipped', updated_at = now(),
  error_code = CASE WHEN d.id = ANY($2::text[]) THEN 'stale' ELSE 'superseded' END,
  error = 'what happened later to the same record is sent instead'
FROM deliveries n, events de
WHERE n.tenant_id = $1 AND n.id = ANY($2::text[]) AND de.tenant_id = $1 AND de.id = d.event_id
  AND d.tenant_id = $1 AND d.record = n.record AND d.connection = n.connection AND d.lane = n.lane AND d.flow = n.flow
  AND d.step = n.step AND d.state IN ('pending', 'waiting') AND NOT d.look_first
  AND EXISTS (SELECT FROM deliveries l JOIN events le ON le.tenant_id = $1 AND le.id = l.event_id
    WHERE l.tenant_id = $1 AND l.record = n.record AND l.connection = n.connection AND l.lane = n.lane
      AND l.flow = n.flow AND l.step = n.step AND l.state <> 'cancelled'
      AND (le.occurred_at, l.seq) > (de.occurred_at, d.seq))
"""

Plan = Callable[[Event], Sequence[Owed]]


@dataclass(frozen=True, slots=True)
class Told:
    """A fact, who told it, and the receipt or the delivery it came by."""

    connection: str
    fact: Inbound
    receipt_id: str | None = None
    delivery_id: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many facts were new, the connections that now owe a delivery, ids that came again with other words."""

    events: int
    connections: frozenset[str]
    conflicts: tuple[str, ...] = ()


async def record(unit: Unit, told: Sequence[Told], plan: Plan) -> Recorded:
    """Write facts in order. Safe to repeat: a known dedupe key changes nothing and owes nothing."""
    if not told:
        return Recorded(0, frozenset())
    events = [_event(unit.tenant_id, each) for each in told]
    owed = [(new_id("dlv"), event.id, each) for event in events for each in plan(event)]
    row = await unit.fetchrow(RECORD, unit.tenant_id, *_columns(events, told), *_owing(owed))
    assert row is not None
    new, kept = set(row["events"]), set(row["deliveries"])
    if newest := [delivery_id for delivery_id, _, each in owed if each.newest and delivery_id in kept]:
        await unit.execute(OUTDATED, unit.tenant_id, newest)
    again = [each for event, each in zip(events, told, strict=True) if event.id not in new and each.receipt_id]
    conflicts = [each.fact.dedupe_key for each in again if await _keep_conflict(unit, each)]
    return Recorded(len(new), frozenset(row["connections"]), tuple(conflicts))


def _event(tenant: str, told: Told) -> Event:
    fact = told.fact
    return Event(new_id("evt"), tenant, told.connection, fact.type, fact.subject, fact.occurred_at, dict(fact.data))


def _columns(events: Sequence[Event], told: Sequence[Told]) -> Sequence[list[object]]:
    rows = (
        (e.id, e.connection, e.type, e.subject, t.fact.dedupe_key, e.occurred_at, e.data, t.receipt_id, t.delivery_id)
        for e, t in zip(events, told, strict=True)
    )
    return [list(column) for column in zip(*rows, strict=True)]


def _owing(owed: Sequence[tuple[str, str, Owed]]) -> Sequence[list[object]]:
    rows = [
        (i, event, o.flow, o.step, o.connection, o.action, o.mapping, o.lane, o.record, o.optional)
        for i, event, o in owed
    ]
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(10)]


async def _keep_conflict(unit: Unit, told: Told) -> bool:
    """Whether a vendor said something else under an id it had used: the first stands, the second is kept beside it."""
    place = (unit.tenant_id, new_id("cfl"), told.connection, told.fact.dedupe_key)
    return await unit.fetchval(CONFLICT, *place, dict(told.fact.data), told.receipt_id) is not None
