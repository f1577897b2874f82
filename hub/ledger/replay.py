"""An operator puts a delivery back, or lets its lane go on without it. The idempotency key stays the same."""

from hub.ledger.database import LedgerUnit

REPLAY = """
UPDATE deliveries SET state = 'pending', due_at = now(), spent = 0, snoozes = 0, replays = replays + 1,
  look_first = attempts > 0, fence = fence + 1, updated_at = now()
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
