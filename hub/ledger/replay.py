"""An operator puts a delivery back, or lets its lane go on without it. The idempotency key stays the same."""

from hub.sdk.home import Unit

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


async def replay(unit: Unit, delivery_id: str) -> str | None:
    """Make it due now; the connection to wake, or None when unknown, under way or done. Twice is once."""
    found: str | None = await unit.fetchval(REPLAY, unit.tenant_id, delivery_id)
    return found


async def cancel(unit: Unit, delivery_id: str) -> str | None:
    """Give it up for good, so that its lane goes on; the connection to wake, or None."""
    found: str | None = await unit.fetchval(CANCEL, unit.tenant_id, delivery_id)
    return found
