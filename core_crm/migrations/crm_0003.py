"""Who wrote what through the API."""

from alembic import op

revision = "crm_0003"
down_revision = "crm_0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table; what was written before has no author."""
    op.execute(
        """CREATE TABLE edits (
             tenant_id text NOT NULL REFERENCES tenants (id),
             id text NOT NULL,
             record_id text NOT NULL,
             key_id text NOT NULL,
             prints jsonb NOT NULL,
             made_at timestamptz NOT NULL,
             PRIMARY KEY (tenant_id, id))"""
    )
    op.execute("SELECT hub_protect('edits')")
    op.execute("CREATE INDEX edits_record ON edits (tenant_id, record_id, made_at)")


def downgrade() -> None:
    """Drop it again."""
    op.execute("DROP TABLE edits")
