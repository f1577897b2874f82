"""One look over all tenants: a statement is asked of each in turn, in one round trip."""

from alembic import op

revision = "ledger_0012"
down_revision = "ledger_0011"
branch_labels = None
depends_on = None

# `hub_due` stays for workers of the version before, until they are gone.
# It runs as the caller and enters each tenant in turn, so row-level security holds inside it as everywhere.
EVERYWHERE = """
CREATE FUNCTION hub_everywhere(ask text, given jsonb) RETURNS TABLE (tenant text, what text, name text)
LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
  FOR t IN SELECT id FROM tenants ORDER BY id LOOP
    PERFORM set_config('app.tenant', t, true);
    RETURN QUERY EXECUTE 'SELECT $1, found.* FROM (' || ask || ') AS found (what, name)' USING t, given;
  END LOOP;
  PERFORM set_config('app.tenant', '', true);
END $$
"""


def upgrade() -> None:
    """Make the function."""
    op.execute(EVERYWHERE)


def downgrade() -> None:
    """Drop it again."""
    op.execute("DROP FUNCTION hub_everywhere(text, jsonb)")
