"""What connections remember between calls (see `hub.sdk.Memory`); values come and go sealed."""

from datetime import timedelta
from decimal import Decimal

from hub.sdk.home import Unit

RECALL = """
SELECT value FROM memories
WHERE tenant_id = $1 AND connection = $2 AND name = $3 AND value <> '' AND (until IS NULL OR until > clock_timestamp())
"""
KEEP = """
INSERT INTO memories (tenant_id, connection, name, value, until) VALUES ($1, $2, $3, $4, clock_timestamp() + $5)
ON CONFLICT (tenant_id, connection, name) DO UPDATE SET value = excluded.value, until = excluded.until
"""
CLAIM = KEEP + "WHERE memories.until <= clock_timestamp() OR memories.value = '' RETURNING 1"
SPEND = """
INSERT INTO memories (tenant_id, connection, name, total) SELECT $1, $2, $3, $4 WHERE $4 <= $5::numeric
ON CONFLICT (tenant_id, connection, name) DO UPDATE SET total = memories.total + excluded.total
WHERE memories.total + excluded.total <= $5 RETURNING 1
"""
FORGET = "DELETE FROM memories WHERE tenant_id = $1 AND connection = $2 AND name = $3"


async def recall(unit: Unit, connection: str, name: str) -> str | None:
    """The sealed value, or None when there is none or its time is over."""
    found: str | None = await unit.fetchval(RECALL, unit.tenant_id, connection, name)
    return found


async def keep(unit: Unit, connection: str, name: str, sealed: str, lasts: timedelta | None) -> None:
    """Keep a sealed value over whatever was there."""
    await unit.execute(KEEP, unit.tenant_id, connection, name, sealed, lasts)


async def claim(unit: Unit, connection: str, name: str, sealed: str, lasts: timedelta) -> bool:
    """Keep it unless one is there whose time is not over; whether it was kept."""
    return await unit.fetchval(CLAIM, unit.tenant_id, connection, name, sealed, lasts) is not None


async def forget(unit: Unit, connection: str, name: str) -> None:
    """Forget it; safe to repeat."""
    await unit.execute(FORGET, unit.tenant_id, connection, name)


async def spend(unit: Unit, connection: str, name: str, amount: Decimal, limit: Decimal) -> bool:
    """Add to a sum unless that would pass the limit; whether it was added."""
    return await unit.fetchval(SPEND, unit.tenant_id, connection, name, amount, limit) is not None
