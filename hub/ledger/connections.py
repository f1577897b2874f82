"""Connections: an account at a vendor, its plain config and its sealed secrets; held while a person must act."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.domain.ids import new_id
from hub.sdk.exact import Json
from hub.sdk.home import Unit

SAVE = """
INSERT INTO connections (tenant_id, name, id, connector, config, secrets) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, name) DO UPDATE SET connector = excluded.connector, config = excluded.config,
  secrets = excluded.secrets, updated_at = clock_timestamp()
"""
HOLD = """
UPDATE connections SET held_at = coalesce(held_at, now()), held_why = $3 WHERE tenant_id = $1 AND name = $2
"""
RELEASE = """
WITH freed AS (UPDATE connections SET held_at = NULL, held_why = '' WHERE tenant_id = $1 AND name = $2)
UPDATE deliveries SET state = 'pending', due_at = now(), updated_at = now()
WHERE tenant_id = $1 AND connection = $2 AND state = 'held'
"""
COLUMNS = "SELECT tenant_id, name, connector, config, secrets, held_at, held_why, updated_at FROM connections"


@dataclass(frozen=True, slots=True)
class Stored:
    """A connection as it lies in the ledger; `secrets` are sealed."""

    tenant_id: str
    name: str
    connector: str
    config: Mapping[str, Json]
    secrets: Mapping[str, str]
    held_at: datetime | None
    held_why: str
    updated_at: datetime


async def save(unit: Unit, name: str, connector: str, config: Mapping[str, Json], secrets: Mapping[str, str]) -> None:
    """Add a connection or change the one of this name; a change ends a hold."""
    await unit.execute(SAVE, unit.tenant_id, name, new_id("con"), connector, dict(config), dict(secrets))
    await release(unit, name)


async def find(unit: Unit, name: str) -> Stored | None:
    """The connection of this name, or None."""
    row = await unit.fetchrow(f"{COLUMNS} WHERE name = $1", name)
    return _stored(row) if row else None


async def everyone(unit: Unit) -> list[Stored]:
    """All connections of the tenant, by name."""
    return [_stored(row) for row in await unit.fetch(f"{COLUMNS} ORDER BY name")]


async def hold(unit: Unit, name: str, why: str) -> None:
    """Stop all lanes of a connection until a person acts."""
    await unit.execute(HOLD, unit.tenant_id, name, why[:500])


async def release(unit: Unit, name: str) -> None:
    """Let the lanes of a connection go on, held deliveries first."""
    await unit.execute(RELEASE, unit.tenant_id, name)


def _stored(row: Any) -> Stored:
    return Stored(**dict(row.items()))
