"""Polls: whose turn it is, and the checkpoint written with the events it covers."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.domain.event import Inbound
from hub.ledger.database import LedgerUnit
from hub.ledger.files import keep_files
from hub.ledger.look import Known
from hub.sdk.files import File
from hub.sdk.home import Unit

ENSURE = "INSERT INTO cursors (tenant_id, connection, event) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING"
ENSURE_ALL = """
INSERT INTO cursors (tenant_id, connection, event) SELECT $1, c.name, known.event FROM connections c
JOIN jsonb_to_recordset($2) AS known (connector text, event text) USING (connector) WHERE c.tenant_id = $1
ON CONFLICT DO NOTHING
"""
CLAIM = """
WITH due AS (
  SELECT connection, event FROM cursors k WHERE tenant_id = $1 AND due_at <= now()
    AND (lease_until IS NULL OR lease_until < now())
    AND NOT EXISTS (SELECT FROM connections c
      WHERE c.tenant_id = $1 AND c.name = k.connection AND c.held_at IS NOT NULL)
  FOR UPDATE SKIP LOCKED)
UPDATE cursors k SET fence = fence + 1, nudged = false, lease_until = now() + make_interval(secs => $2) FROM due
WHERE k.tenant_id = $1 AND k.connection = due.connection AND k.event = due.event
RETURNING k.connection, k.event, k.value, k.fence
"""
ADVANCE = """
UPDATE cursors SET value = $5, lease_until = NULL, polled_at = now(),
  due_at = now() + make_interval(secs => CASE WHEN nudged THEN 0 ELSE $6 END),
  failures = 0, error = ''
WHERE tenant_id = $1 AND connection = $2 AND event = $3 AND fence = $4 RETURNING 1
"""
MISS = """
UPDATE cursors SET lease_until = NULL, failures = failures + 1, error = $5,
  due_at = now() + make_interval(secs => least(300, 5 * 2 ^ least(failures, 6)))
WHERE tenant_id = $1 AND connection = $2 AND event = $3 AND fence = $4
"""
RENEW = """
UPDATE cursors SET lease_until = now() + make_interval(secs => $5)
WHERE tenant_id = $1 AND connection = $2 AND event = $3 AND fence = $4 RETURNING event
"""
NUDGE = """
UPDATE cursors SET nudged = true, due_at = now() WHERE tenant_id = $1 AND connection = $2 AND event = $3
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A poll that is ours to make; `value` is the cursor it continues from, "" at first."""

    connection: str
    event: str
    value: str
    fence: int


async def ensure(unit: Unit, connection: str, event: str) -> None:
    """Make sure the poll exists; safe to repeat."""
    await unit.execute(ENSURE, unit.tenant_id, connection, event)


async def ensure_all(unit: Unit, polls: Known) -> None:
    """The same for every poll that a connection can make; safe to repeat."""
    await unit.execute(ENSURE_ALL, unit.tenant_id, list(polls))


async def take_turns(unit: Unit, lease_s: float) -> list[Turn]:
    """Claim every poll that is due; two schedulers never get the same."""
    return [Turn(**dict(row.items())) for row in await unit.fetch(CLAIM, unit.tenant_id, lease_s)]


async def renew(unit: Unit, turn: Turn, lease_s: float) -> set[str]:
    """Hold on to a turn that takes long; the event's name when another has taken it over, else nothing."""
    place = (unit.tenant_id, turn.connection, turn.event, turn.fence)
    return set() if await unit.fetchval(RENEW, *place, lease_s) else {turn.event}


async def nudge(unit: Unit, connection: str, event: str) -> None:
    """The vendor says there is news: make this poll due, once more if it is being made just now."""
    await ensure(unit, connection, event)
    await unit.execute(NUDGE, unit.tenant_id, connection, event)


async def advance(
    unit: LedgerUnit, turn: Turn, facts: Sequence[Inbound], files: Sequence[File], cursor: str, wait_s: float
) -> bool:
    """Record what a page told and its checkpoint together. False: another has taken the turn over; nothing is kept."""
    place = (unit.tenant_id, turn.connection, turn.event, turn.fence)
    if await unit.fetchval(ADVANCE, *place, cursor, wait_s) is None:
        return False
    await keep_files(unit, turn.connection, files)
    await unit.record(turn.connection, facts)
    return True


async def miss(unit: Unit, turn: Turn, error: str) -> None:
    """A poll failed: say why, and wait longer each time, 5 minutes at most."""
    await unit.execute(MISS, unit.tenant_id, turn.connection, turn.event, turn.fence, error[:2000])
