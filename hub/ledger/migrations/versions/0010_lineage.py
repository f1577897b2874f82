"""Which record of the home system a delivery wrote, and who edited its payload: found by index."""

from alembic import op
from sqlalchemy import text

revision = "ledger_0010"
down_revision = "ledger_0009"
branch_labels = None
depends_on = None

# Built beside work that goes on; one that was broken off is left behind invalid, and is built anew.
INDEXES = {
    "deliveries_wrote": "deliveries (tenant_id, wrote) WHERE wrote IS NOT NULL",
    "replayed_delivery": "replayed (tenant_id, delivery_id)",
}
PAGE = 5_000
# What stands done is touched by nobody, so that a page keeps no worker waiting.
FILL = text(
    """
    WITH page AS (SELECT id, seq FROM deliveries WHERE tenant_id = :tenant AND seq > :after ORDER BY seq LIMIT :page),
    filled AS (UPDATE deliveries d SET wrote = d.result ->> 'id' FROM page
      WHERE d.tenant_id = :tenant AND d.id = page.id AND d.state = 'done' AND d.wrote IS NULL
        AND d.action LIKE 'crm.%')
    SELECT max(seq) FROM page
    """
)


def upgrade() -> None:
    """Add the column, fill it page by page, and build the indexes."""
    with op.get_context().autocommit_block():
        op.execute("ALTER TABLE deliveries ADD COLUMN IF NOT EXISTS wrote text")
        connection = op.get_bind()
        for tenant in connection.execute(text("SELECT id FROM tenants")).scalars().all():
            connection.execute(text("SELECT set_config('app.tenant', :tenant, false)"), {"tenant": tenant})
            after: int | None = 0
            while after is not None:
                after = connection.execute(FILL, {"tenant": tenant, "after": after, "page": PAGE}).scalar()
        connection.execute(text("SELECT set_config('app.tenant', '', false)"))
        for name, columns in INDEXES.items():
            op.execute(f"DROP INDEX CONCURRENTLY IF EXISTS {name}")
            op.execute(f"CREATE INDEX CONCURRENTLY {name} ON {columns}")


def downgrade() -> None:
    """Drop them again."""
    for name in reversed(INDEXES):
        op.execute(f"DROP INDEX {name}")
    op.execute("ALTER TABLE deliveries DROP COLUMN wrote")
