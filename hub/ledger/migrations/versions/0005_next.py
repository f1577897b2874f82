"""What is due next, in the order in which it is claimed."""

from alembic import op

revision = "ledger_0005"
down_revision = "ledger_0004"
branch_labels = None
depends_on = None

# Built beside work that goes on; one that was broken off is left behind invalid, and is built anew.
NEXT = (
    "DROP INDEX CONCURRENTLY IF EXISTS deliveries_next",
    "CREATE INDEX CONCURRENTLY deliveries_next ON deliveries (tenant_id, connection, backlog, seq) "
    "WHERE state IN ('pending', 'waiting')",
)


def upgrade() -> None:
    """Build the index."""
    with op.get_context().autocommit_block():
        for statement in NEXT:
            op.execute(statement)


def downgrade() -> None:
    """Drop it again."""
    op.execute("DROP INDEX deliveries_next")
