"""An operator puts a delivery back, or lets its lane go on without it. The idempotency key stays the same."""

from hub.domain.delivery import State
from hub.ledger.database import LedgerUnit

REPLAYABLE = frozenset({State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD, State.SKIPPED, State.CANCELLED})

# What is in doubt must settle at the vendor before anybody looks, however soon a person asks.
AGAIN = """
UPDATE deliveries d SET state = 'pending', spent = 0, snoozes = 0, crashes = 0, replays = replays + 1,
  due_at = CASE WHEN look_first THEN greatest(now(), updated_at + make_interval(secs => settle_s)) ELSE now() END,
  fence = fence + 1, updated_at = now(),
"""
REPLAY = f"""{AGAIN} backlog = false
WHERE tenant_id = $1 AND id = $2 AND state IN ('waiting', 'uncertain', 'held', 'dead', 'skipped', 'cancelled')
RETURNING connection
"""
CANCEL = """
UPDATE deliveries SET state = 'cancelled', fence = fence + 1, updated_at = now()
WHERE tenant_id = $1 AND id = $2 AND state IN ('pending', 'waiting', 'uncertain', 'held', 'dead') RETURNING connection
"""


async def replay(unit: LedgerUnit, delivery_id: str) -> str | None:
    """Make it due now; the connection, which is woken, or None: unknown, under way or done. Twice is once."""
    return await _move(unit, REPLAY, delivery_id)


async def cancel(unit: LedgerUnit, delivery_id: str) -> str | None:
    """Give it up for good, so that its lane goes on; the connection, which is woken, or None."""
    return await _move(unit, CANCEL, delivery_id)


async def _move(unit: LedgerUnit, sql: str, delivery_id: str) -> str | None:
    connection: str | None = await unit.fetchval(sql, unit.tenant_id, delivery_id)
    if connection is not None:
        unit.owed_to.add(connection)
    return connection
