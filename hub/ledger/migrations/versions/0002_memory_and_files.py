"""What connections remember, files that came with facts, and polls that were nudged while they ran."""

from alembic import op

revision = "ledger_0002"
down_revision = "ledger_0001"
branch_labels = None
depends_on = None

TABLES = {
    "memories": """
        connection text NOT NULL,
        name text NOT NULL,
        value text NOT NULL DEFAULT '',
        total numeric NOT NULL DEFAULT 0,
        until timestamptz,
        PRIMARY KEY (tenant_id, connection, name),
        FOREIGN KEY (tenant_id, connection) REFERENCES connections (tenant_id, name) ON DELETE CASCADE""",
    "files": """
        digest text NOT NULL,
        content bytea NOT NULL,
        content_type text NOT NULL,
        connection text NOT NULL,
        kept_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, digest)""",
}


def upgrade() -> None:
    """Make the tables, each with row-level security."""
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants, {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    op.execute("ALTER TABLE files ALTER COLUMN content SET STORAGE EXTERNAL")
    op.execute("ALTER TABLE cursors ADD COLUMN nudged boolean NOT NULL DEFAULT false")


def downgrade() -> None:
    """Drop them."""
    op.execute("ALTER TABLE cursors DROP COLUMN nudged")
    for name in TABLES:
        op.execute(f"DROP TABLE {name}")
