"""Rows without the parent they were made of: the ledger's statements promise that there is none (decision 0009)."""

from hub.ledger.database import Database

ORPHANS = """
SELECT 'receipts' AS child, c.id FROM receipts c LEFT JOIN connections p ON (p.tenant_id, p.name) = ($1, c.connection)
WHERE c.tenant_id = $1 AND p.name IS NULL
UNION ALL SELECT 'events', c.id FROM events c LEFT JOIN receipts p ON (p.tenant_id, p.id) = ($1, c.receipt_id)
WHERE c.tenant_id = $1 AND c.receipt_id IS NOT NULL AND p.id IS NULL
UNION ALL SELECT 'outcomes', c.id FROM events c LEFT JOIN deliveries p ON (p.tenant_id, p.id) = ($1, c.delivery_id)
WHERE c.tenant_id = $1 AND c.delivery_id IS NOT NULL AND p.id IS NULL
UNION ALL SELECT 'deliveries', c.id FROM deliveries c LEFT JOIN events p ON (p.tenant_id, p.id) = ($1, c.event_id)
WHERE c.tenant_id = $1 AND p.id IS NULL
UNION ALL SELECT 'attempts', c.id FROM attempts c LEFT JOIN deliveries p ON (p.tenant_id, p.id) = ($1, c.delivery_id)
WHERE c.tenant_id = $1 AND p.id IS NULL
UNION ALL SELECT 'refs', c.external_id FROM external_refs c LEFT JOIN deliveries p
  ON (p.tenant_id, p.id) = ($1, c.delivery_id) WHERE c.tenant_id = $1 AND p.id IS NULL
"""


async def orphans(database: Database, tenant: str) -> list[tuple[str, str]]:
    """(what, id) of a tenant's rows that name a parent which is not there."""
    async with database.unit(tenant) as unit:
        return [(row["child"], row["id"]) for row in await unit.fetch(ORPHANS, tenant)]
