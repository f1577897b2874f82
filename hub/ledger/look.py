"""Who has something to do: one statement over all tenants, so that a hub at rest asks PostgreSQL little."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hub.ledger.database import Database
from hub.sdk.exact import Json

Known = Sequence[Mapping[str, str]]
"""What connectors can do: {connector, event} of each poll, {connector, entity} of each list."""

LOOK = "SELECT tenant, what, name FROM hub_everywhere($1, $2)"
# A connection that is held, or whose gate is shut, would be asked in vain. A poll that was never made is due.
WORK = """
SELECT DISTINCT 'due', d.connection FROM deliveries d
WHERE d.tenant_id = $1 AND d.state IN ('pending', 'waiting') AND d.due_at <= now()
  AND NOT EXISTS (SELECT FROM connections c
    WHERE c.tenant_id = $1 AND c.name = d.connection AND c.held_at IS NOT NULL)
  AND NOT EXISTS (SELECT FROM gates g
    WHERE g.tenant_id = $1 AND g.connection = d.connection AND g.closed_until > now())
UNION ALL SELECT 'left', '' WHERE EXISTS (SELECT FROM deliveries
  WHERE tenant_id = $1 AND state IN ('claimed', 'sending'))
UNION ALL SELECT 'poll', '' WHERE EXISTS (SELECT FROM connections c
  JOIN jsonb_to_recordset($2) AS known (connector text, event text) USING (connector)
  LEFT JOIN cursors k ON k.tenant_id = $1 AND k.connection = c.name AND k.event = known.event
  WHERE c.tenant_id = $1 AND c.held_at IS NULL
    AND (k.event IS NULL OR (k.due_at <= now() AND (k.lease_until IS NULL OR k.lease_until < now()))))
"""
COMPARISONS = """
SELECT 'compare', '' WHERE EXISTS (SELECT FROM connections c
  JOIN jsonb_to_recordset($2) AS known (connector text, entity text) USING (connector)
  LEFT JOIN reconciliations r ON r.tenant_id = $1 AND r.connection = c.name AND r.entity = known.entity
  WHERE c.tenant_id = $1 AND c.held_at IS NULL
    AND (r.entity IS NULL OR (r.due_at <= now() AND (r.lease_until IS NULL OR r.lease_until < now()))))
"""
UNREAD = """
SELECT 'read', '' WHERE (SELECT id FROM events WHERE tenant_id = $1 ORDER BY id DESC LIMIT 1)
  > coalesce((SELECT after FROM readers WHERE tenant_id = $1), '')
"""


@dataclass(frozen=True, slots=True)
class Work:
    """What a worker finds.

    Attributes:
        due: every (tenant, connection) that has a delivery due now.
        left: tenants with deliveries under way, which a worker may have left lying.
        polls: tenants with a poll to make.
    """

    due: Sequence[tuple[str, str]]
    left: Sequence[str]
    polls: Sequence[str]


async def work(database: Database, polls: Known) -> Work:
    """Look for everything a worker does at once."""
    found: dict[str, list[tuple[str, str]]] = {"due": [], "left": [], "poll": []}
    for tenant, what, name in await _look(database, WORK, list(polls)):
        found[what].append((tenant, name))
    return Work(found["due"], *([tenant for tenant, _ in found[what]] for what in ("left", "poll")))


async def comparisons(database: Database, lists: Known) -> list[str]:
    """Tenants with something to compare, or with a list that was never compared."""
    return [tenant for tenant, _, _ in await _look(database, COMPARISONS, list(lists))]


async def unread(database: Database) -> list[str]:
    """Tenants with events that nobody has learned from."""
    return [tenant for tenant, _, _ in await _look(database, UNREAD, None)]


async def _look(database: Database, ask: str, given: Json) -> list[tuple[str, str, str]]:
    async with database.unit("") as unit:
        return [tuple(row) for row in await unit.fetch(LOOK, ask, given)]
