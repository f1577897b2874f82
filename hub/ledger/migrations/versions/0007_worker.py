"""Which worker holds a delivery: freed as soon as its session is gone, and not only when its lease lapses."""

from alembic import op

revision = "ledger_0007"
down_revision = "ledger_0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add it; what is under way has none, and waits for its lease."""
    op.execute("ALTER TABLE deliveries ADD COLUMN worker int")


def downgrade() -> None:
    """Drop it again."""
    op.execute("ALTER TABLE deliveries DROP COLUMN worker")
