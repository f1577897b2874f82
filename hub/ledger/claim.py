"""Take deliveries of a connection, one per lane, under a lease; write the intent; give back what was left lying."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from hub.domain.event import Event
from hub.domain.ids import new_id
from hub.ledger.presence import Orphan
from hub.sdk.exact import Json, dumps
from hub.sdk.home import Unit

PROBE_S = 30.0
CRASHES = 3

# One claimer of a connection at a time, so that all workers together keep to what the account bears.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('claim/' || $1 || '/' || $2, 0))"
# Live work before replays. What died with a worker goes alone, so that it can take nothing else down with it.
# While a circuit is open, one delivery at a time goes as a probe. OFFSET 0 has each lane looked up by its index:
# joined instead, and without statistics, everything that waits is compared with everything that waits.
CLAIM = """
WITH gate AS (SELECT opened_at, closed_until FROM gates WHERE tenant_id = $1 AND connection = $2),
due AS (
  SELECT d.id, d.seq, d.backlog, d.crashes FROM deliveries d
  WHERE d.tenant_id = $1 AND d.connection = $2 AND d.state IN ('pending', 'waiting') AND d.due_at <= now()
    AND NOT EXISTS (SELECT FROM connections c WHERE c.tenant_id = $1 AND c.name = $2 AND c.held_at IS NOT NULL)
    AND NOT EXISTS (SELECT FROM deliveries e WHERE e.tenant_id = d.tenant_id AND e.connection = d.connection
      AND e.lane = d.lane AND e.seq < d.seq AND e.state NOT IN ('done', 'skipped', 'cancelled') OFFSET 0)
  ORDER BY d.backlog, d.seq LIMIT (SELECT CASE
    WHEN EXISTS (SELECT FROM gate WHERE closed_until > now()) THEN 0
    WHEN EXISTS (SELECT FROM gate WHERE opened_at IS NOT NULL) THEN 1
    ELSE least($7, greatest($3 - (SELECT count(*) FROM deliveries r WHERE r.tenant_id = $1 AND r.connection = $2
      AND r.state IN ('claimed', 'sending')), 0)) END)
  FOR UPDATE SKIP LOCKED),
ranked AS (SELECT id, crashes, row_number() OVER (ORDER BY backlog, seq) AS place,
  first_value(crashes) OVER (ORDER BY backlog, seq) AS first FROM due),
chosen AS (SELECT id FROM ranked WHERE place = 1 OR (first = 0 AND crashes = 0)),
probing AS (UPDATE gates SET closed_until = now() + make_interval(secs => $5)
  WHERE tenant_id = $1 AND connection = $2 AND opened_at IS NOT NULL AND EXISTS (SELECT FROM chosen) RETURNING 1)
UPDATE deliveries d SET state = 'claimed', fence = d.fence + 1, lease_until = now() + make_interval(secs => $4),
  worker = nullif($6::int, 0), updated_at = now()
FROM chosen, events e
WHERE d.tenant_id = $1 AND d.id = chosen.id AND e.tenant_id = $1 AND e.id = d.event_id
RETURNING d.*, e.connection AS source, e.type, e.subject, e.occurred_at, e.data,
  EXISTS (SELECT FROM probing) AS probe
"""
INTEND = """
WITH ours AS (
  UPDATE deliveries d SET state = 'sending', payload = i.payload::jsonb, payload_hash = i.hash, settle_s = i.settle_s,
    attempts = d.attempts + 1, updated_at = now()
  FROM unnest($2::text[], $3::int[], $4::text[], $5::text[], $6::real[], $7::text[])
    AS i (id, fence, payload, hash, settle_s, attempt)
  WHERE d.tenant_id = $1 AND d.id = i.id AND d.fence = i.fence AND d.state = 'claimed'
  RETURNING d.id, d.attempts, d.fence, i.attempt)
INSERT INTO attempts (tenant_id, id, delivery_id, number, fence) SELECT $1, attempt, id, attempts, fence FROM ours
RETURNING delivery_id, id
"""
HEARTBEAT = """
UPDATE deliveries d SET lease_until = now() + make_interval(secs => $4)
FROM unnest($2::text[], $3::int[]) AS ours (id, fence)
WHERE d.tenant_id = $1 AND d.id = ours.id AND d.fence = ours.fence AND d.state IN ('claimed', 'sending') RETURNING d.id
"""
# What lay there without its worker before the intent sent nothing; after it, something may have happened: let it
# settle, then look.
# What was lost with its worker three times in a row is parked: it may be what kills the worker.
REAP = """
UPDATE deliveries SET
  state = CASE WHEN crashes + 1 >= $2 THEN 'held' WHEN state = 'claimed' THEN 'pending' ELSE 'waiting' END,
  error_code = CASE WHEN crashes + 1 >= $2 THEN 'crashes' ELSE error_code END,
  error = CASE WHEN crashes + 1 >= $2 THEN 'its worker died ' || $2 || ' times while at it' ELSE error END,
  hint_zh = CASE WHEN crashes + 1 >= $2 THEN $3 ELSE hint_zh END,
  hint_en = CASE WHEN crashes + 1 >= $2 THEN $4 ELSE hint_en END,
  look_first = look_first OR state = 'sending',
  due_at = now() + make_interval(secs => CASE state WHEN 'sending' THEN settle_s ELSE 0 END),
  crashes = crashes + 1, lease_until = NULL, fence = fence + 1, updated_at = now()
WHERE tenant_id = $1 AND state IN ('claimed', 'sending')
  AND (lease_until < now() OR (id, lease_until) IN (SELECT * FROM unnest($5::text[], $6::timestamptz[])))
RETURNING connection
"""
# What died may have been the probe of an open circuit.
PROBE_AGAIN = """
UPDATE gates SET closed_until = now() WHERE tenant_id = $1 AND connection = ANY($2::text[]) AND opened_at IS NOT NULL
"""
DIED_ZH = "工作进程处理它时连续异常退出：查看日志里的原因，修好后重放。"
DIED_EN = "Its worker died again and again while at it: read the log, mend the cause, then replay."


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery in our hands until the lease lapses. `fence` proves at settling that it is still ours.

    `override`: a payload a person wrote, sent instead of what the mapping makes.
    `probe`: the connection's circuit is open, and this one finds out whether the vendor is well again.
    """

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
    probe: bool = False
    override: Json = None
    effect_no: int = 0

    @property
    def key(self) -> str:
        """The idempotency key: the same over attempts and replays, another one for each effect a person forced."""
        return f"{self.id}.{self.effect_no}" if self.effect_no else self.id


async def claim(
    unit: Unit, connection: str, most: int, lease_s: float, worker: int = 0, share: int | None = None
) -> list[Claimed]:
    """Claim due deliveries of a connection, the first of each lane. Two claimers never get the same.

    Args:
        most: how many may be under way at once, those of other workers counted.
        worker: the number of who claims, by which he is missed when he dies; 0: the lease alone decides.
        share: how many this claim may take, where that is less.
    """
    await unit.execute(ALONE, unit.tenant_id, connection)
    rows = await unit.fetch(
        CLAIM, unit.tenant_id, connection, most, lease_s, PROBE_S, worker, most if share is None else share
    )
    return [_claimed(unit.tenant_id, row) for row in rows]


def _claimed(tenant: str, row: Any) -> Claimed:
    event = Event(row["event_id"], tenant, row["source"], row["type"], row["subject"], row["occurred_at"], row["data"])
    kept = ("id", "fence", "flow", "action", "connection", "mapping", "record", "spent", "snoozes", "look_first")
    return Claimed(**{name: row[name] for name in (*kept, "probe", "payload", "override", "effect_no")}, event=event)


@dataclass(frozen=True, slots=True)
class Intent:
    """What is about to be sent. `settle_s`: how long to wait, should we fall silent from here on, before one looks."""

    delivery: Claimed
    payload: Json
    settle_s: float = 0.0


async def intend(unit: Unit, intents: Sequence[Intent]) -> dict[str, str]:
    """Write down that we are about to send. The attempt's id by delivery id, for those that are still ours."""
    columns = (list(column) for column in zip(*map(_row, intents), strict=True))
    return {row["delivery_id"]: row["id"] for row in await unit.fetch(INTEND, unit.tenant_id, *columns)}


def _row(intent: Intent) -> tuple[object, ...]:
    payload = dumps(intent.payload)
    digest = sha256(payload.encode()).hexdigest()
    return intent.delivery.id, intent.delivery.fence, payload, digest, intent.settle_s, new_id("att")


async def heartbeat(unit: Unit, claimed: Sequence[Claimed], lease_s: float) -> set[str]:
    """Keep our leases; ids of those that are no longer ours."""
    ours = [[each.id for each in claimed], [each.fence for each in claimed]]
    kept = {row["id"] for row in await unit.fetch(HEARTBEAT, unit.tenant_id, *ours, lease_s)}
    return {each.id for each in claimed} - kept


async def reap(unit: Unit, orphans: Sequence[Orphan] = ()) -> set[str]:
    """Free deliveries whose worker fell silent, or is gone; the connections that have work again."""
    alone = [[name for name, _ in orphans], [lease for _, lease in orphans]]
    rows = await unit.fetch(REAP, unit.tenant_id, CRASHES, DIED_ZH, DIED_EN, *alone)
    freed = {row["connection"] for row in rows}
    if freed:
        await unit.execute(PROBE_AGAIN, unit.tenant_id, list(freed))
    return freed
