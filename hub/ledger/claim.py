"""Take deliveries of a connection, one per lane, under a lease; write the intent; give back what was left lying."""

from dataclasses import dataclass
from typing import Any

from hub.domain.event import Event
from hub.domain.ids import new_id
from hub.sdk.exact import Json
from hub.sdk.home import Unit

CLAIM = """
WITH due AS (
  SELECT d.id FROM deliveries d
  WHERE d.tenant_id = $1 AND d.connection = $2 AND d.state IN ('pending', 'waiting') AND d.due_at <= now()
    AND NOT EXISTS (SELECT FROM connections c WHERE c.tenant_id = $1 AND c.name = $2 AND c.held_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM deliveries e WHERE e.tenant_id = d.tenant_id AND e.connection = d.connection
      AND e.lane = d.lane AND e.seq < d.seq AND e.state NOT IN ('done', 'skipped', 'cancelled'))
  ORDER BY d.seq LIMIT $3 FOR UPDATE SKIP LOCKED)
UPDATE deliveries d SET state = 'claimed', fence = d.fence + 1, lease_until = now() + make_interval(secs => $4),
  updated_at = now()
FROM due, events e
WHERE d.tenant_id = $1 AND d.id = due.id AND e.tenant_id = $1 AND e.id = d.event_id
RETURNING d.*, e.connection AS source, e.type, e.subject, e.occurred_at, e.data
"""
INTEND = """
UPDATE deliveries SET state = 'sending', payload = $4, payload_hash = $5, attempts = attempts + 1, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND state = 'claimed' RETURNING attempts
"""
ATTEMPT = "INSERT INTO attempts (tenant_id, id, delivery_id, number, fence) VALUES ($1, $2, $3, $4, $5)"
HEARTBEAT = """
UPDATE deliveries SET lease_until = now() + make_interval(secs => $3)
WHERE tenant_id = $1 AND id = ANY($2::text[]) AND state IN ('claimed', 'sending')
"""
# A lapsed lease before the intent sent nothing; after it, something may have happened: look first.
REAP = """
UPDATE deliveries SET state = CASE state WHEN 'claimed' THEN 'pending' ELSE 'waiting' END,
  look_first = look_first OR state = 'sending', due_at = now(), lease_until = NULL, fence = fence + 1,
  updated_at = now()
WHERE tenant_id = $1 AND state IN ('claimed', 'sending') AND lease_until < now() RETURNING connection
"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in our hands until the lease lapses. `fence` proves at settling that it is still ours."""

    id: str
    fence: int
    flow: str
    action: str
    connection: str
    mapping: str
    record: str
    spent: int
    snoozes: int
    look_first: bool
    payload: Json
    event: Event


async def claim(unit: Unit, connection: str, most: int, lease_s: float) -> list[Claimed]:
    """Claim up to `most` due deliveries of a connection, the first of each lane. Two claimers never get the same."""
    rows = await unit.fetch(CLAIM, unit.tenant_id, connection, most, lease_s)
    return [_claimed(unit.tenant_id, row) for row in rows]


def _claimed(tenant: str, row: Any) -> Claimed:
    event = Event(row["event_id"], tenant, row["source"], row["type"], row["subject"], row["occurred_at"], row["data"])
    kept = ("id", "fence", "flow", "action", "connection", "mapping", "record", "spent", "snoozes", "look_first")
    return Claimed(**{name: row[name] for name in kept}, payload=row["payload"], event=event)


async def intend(unit: Unit, delivery: Claimed, payload: Json, payload_hash: str) -> str | None:
    """Write down that we are about to send. Returns the attempt's id, or None when the delivery is no longer ours."""
    number = await unit.fetchval(INTEND, unit.tenant_id, delivery.id, delivery.fence, payload, payload_hash)
    if number is None:
        return None
    attempt = new_id("att")
    await unit.execute(ATTEMPT, unit.tenant_id, attempt, delivery.id, number, delivery.fence)
    return attempt


async def heartbeat(unit: Unit, ids: list[str], lease_s: float) -> None:
    """Keep our leases."""
    await unit.execute(HEARTBEAT, unit.tenant_id, ids, lease_s)


async def reap(unit: Unit) -> set[str]:
    """Free deliveries whose worker fell silent; the connections that have work again."""
    return {row["connection"] for row in await unit.fetch(REAP, unit.tenant_id)}
