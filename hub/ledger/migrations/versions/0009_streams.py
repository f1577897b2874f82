"""What the events of each stream look like, how far they were read, and where they drifted."""

from alembic import op

revision = "ledger_0009"
down_revision = "ledger_0008"
branch_labels = None
depends_on = None

TABLES = {
    "readers": """
        after text NOT NULL,
        PRIMARY KEY (tenant_id)""",
    "streams": """
        connection text NOT NULL,
        type text NOT NULL,
        shape jsonb NOT NULL DEFAULT '{}',
        runs jsonb NOT NULL DEFAULT '{}',
        count bigint NOT NULL DEFAULT 0,
        policy text NOT NULL DEFAULT 'accept' CHECK (policy IN ('accept', 'hold', 'quarantine')),
        since timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, connection, type)""",
    "drifts": """
        id text NOT NULL,
        connection text NOT NULL,
        type text NOT NULL,
        what text NOT NULL CHECK (what IN ('absent', 'empty', 'kind', 'value', 'length')),
        path text NOT NULL,
        place jsonb NOT NULL,
        was text NOT NULL,
        now text NOT NULL,
        event_id text NOT NULL,
        mappings text[] NOT NULL,
        seen int NOT NULL DEFAULT 1,
        since timestamptz NOT NULL DEFAULT now(),
        acknowledged_at timestamptz,
        acknowledged_by text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, connection, type) REFERENCES streams""",
}
OPEN = """
CREATE UNIQUE INDEX drifts_open ON drifts (tenant_id, connection, type, what, path) WHERE acknowledged_at IS NULL
"""


def upgrade() -> None:
    """Make the tables; every stream accepts what comes, as before."""
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants, {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    op.execute(OPEN)


def downgrade() -> None:
    """Drop them again."""
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
