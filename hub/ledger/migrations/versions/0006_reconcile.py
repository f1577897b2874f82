"""What reconciliation found last, and what gates need for a retry budget and for circuits that do not flap."""

from alembic import op

revision = "ledger_0006"
down_revision = "ledger_0005"
branch_labels = None
depends_on = None

TABLES = {
    "reconciliations": """
        connection text NOT NULL,
        entity text NOT NULL,
        due_at timestamptz NOT NULL,
        lease_until timestamptz,
        fence int NOT NULL DEFAULT 0,
        since timestamptz,
        until timestamptz,
        ended_at timestamptz,
        ours int NOT NULL DEFAULT 0,
        theirs int,
        error text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, connection, entity),
        FOREIGN KEY (tenant_id, connection) REFERENCES connections (tenant_id, name)""",
    "findings": """
        connection text NOT NULL,
        entity text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('missing', 'unknown')),
        external_id text NOT NULL,
        number text NOT NULL,
        record text NOT NULL DEFAULT '',
        delivery_id text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, connection, entity, kind, external_id),
        FOREIGN KEY (tenant_id, connection, entity) REFERENCES reconciliations""",
}

# When accounts are quiet: half past two in China.
NIGHT = """
CREATE FUNCTION hub_next_night() RETURNS timestamptz LANGUAGE sql STABLE AS $$
  SELECT (date_trunc('day', now() AT TIME ZONE 'Asia/Shanghai' + interval '21 h 30 min') + interval '2 h 30 min')
    AT TIME ZONE 'Asia/Shanghai'
$$
"""

COLUMNS = ("retry_at timestamptz NOT NULL DEFAULT '-infinity'", "last_opened_at timestamptz")


def upgrade() -> None:
    """Make the tables and columns; gates that are there behave as before."""
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants, {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE gates ADD COLUMN {column}")
    op.execute(NIGHT)


def downgrade() -> None:
    """Drop them again."""
    op.execute("DROP FUNCTION hub_next_night()")
    for column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE gates DROP COLUMN {column.split()[0]}")
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
