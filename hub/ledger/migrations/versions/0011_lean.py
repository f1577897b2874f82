"""Rows that the ledger's own statements make of their parents are no longer looked up again one by one."""

from alembic import op

revision = "ledger_0011"
down_revision = "ledger_0010"
branch_labels = None
depends_on = None

PARENTS = {
    "receipts": {"connection": "connections (tenant_id, name)"},
    "events": {"receipt_id": "receipts (tenant_id, id)"},
    "deliveries": {"event_id": "events (tenant_id, id)"},
    "attempts": {"delivery_id": "deliveries (tenant_id, id)"},
    "external_refs": {"delivery_id": "deliveries (tenant_id, id)"},
}


def upgrade() -> None:
    """Drop the checks; the columns stay as they are."""
    for table, parents in PARENTS.items():
        op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_tenant_id_fkey")
        for column in parents:
            op.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_tenant_id_{column}_fkey")


def downgrade() -> None:
    """Check them again, from the next row on: what is there was made under the same statements."""
    for table, parents in PARENTS.items():
        op.execute(f"ALTER TABLE {table} ADD FOREIGN KEY (tenant_id) REFERENCES tenants (id) NOT VALID")
        for column, parent in parents.items():
            op.execute(f"ALTER TABLE {table} ADD FOREIGN KEY (tenant_id, {column}) REFERENCES {parent} NOT VALID")
