"""What the promise needs: settle windows, crash counts, live work first, gates before vendors, conflicts of hooks."""

from alembic import op

revision = "ledger_0003"
down_revision = "ledger_0002"
branch_labels = None
depends_on = None

TABLES = {
    "gates": """
        connection text NOT NULL,
        next_at timestamptz NOT NULL DEFAULT now(),
        closed_until timestamptz,
        opened_at timestamptz,
        since timestamptz NOT NULL DEFAULT now(),
        good int NOT NULL DEFAULT 0,
        bad int NOT NULL DEFAULT 0,
        in_a_row int NOT NULL DEFAULT 0,
        why text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, connection)""",
    "conflicts": """
        id text NOT NULL,
        connection text NOT NULL,
        dedupe_key text NOT NULL,
        event_id text NOT NULL,
        receipt_id text,
        data jsonb NOT NULL,
        seen_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)""",
}

COLUMNS = (
    "settle_s real NOT NULL DEFAULT 0",
    "crashes int NOT NULL DEFAULT 0",
    "backlog boolean NOT NULL DEFAULT false",
)

# Built beside work that goes on; one that was broken off is left behind invalid, and is built anew.
RUNNING = (
    "DROP INDEX CONCURRENTLY IF EXISTS deliveries_running",
    "CREATE INDEX CONCURRENTLY deliveries_running ON deliveries (tenant_id, connection) "
    "WHERE state IN ('claimed', 'sending')",
)

DUE = """
CREATE OR REPLACE FUNCTION hub_due() RETURNS TABLE (tenant text, connection text) LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
  FOR t IN SELECT id FROM tenants LOOP
    PERFORM set_config('app.tenant', t, true);
    RETURN QUERY SELECT DISTINCT t, d.connection FROM deliveries d
      WHERE d.tenant_id = t AND d.state IN ('pending', 'waiting') AND d.due_at <= now() {also};
  END LOOP;
  PERFORM set_config('app.tenant', '', true);
END $$
"""
# A connection that is held, or whose gate is shut, would be asked in vain.
OPEN = """
        AND NOT EXISTS (SELECT FROM connections c WHERE c.tenant_id = t AND c.name = d.connection
          AND c.held_at IS NOT NULL)
        AND NOT EXISTS (SELECT FROM gates g WHERE g.tenant_id = t AND g.connection = d.connection
          AND g.closed_until > now())"""


def upgrade() -> None:
    """Add what is new; deliveries that are there behave as before."""
    with op.get_context().autocommit_block():
        for statement in RUNNING:
            op.execute(statement)
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants, {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE deliveries ADD COLUMN {column}")
    op.execute(DUE.format(also=OPEN))


def downgrade() -> None:
    """Drop it again."""
    op.execute(DUE.format(also=""))
    op.execute("DROP INDEX deliveries_running")
    for column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE deliveries DROP COLUMN {column.split()[0]}")
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
