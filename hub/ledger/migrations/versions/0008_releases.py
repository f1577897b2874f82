"""What runs, as it was applied: releases, the files of each with every text kept once, the connections declared."""

from alembic import op

revision = "ledger_0008"
down_revision = "ledger_0007"
branch_labels = None
depends_on = None

# A release is the installation's: mappings and flows are the same for all its tenants. It is never changed.
SHARED = {
    "releases": """
        number int PRIMARY KEY CHECK (number > 0),
        hash text NOT NULL,
        made_at timestamptz NOT NULL DEFAULT now(),
        who text NOT NULL,
        note text NOT NULL,
        restores int REFERENCES releases""",
    "release_texts": """
        hash text PRIMARY KEY,
        text text NOT NULL""",
    "release_files": """
        number int NOT NULL REFERENCES releases,
        path text NOT NULL,
        hash text NOT NULL REFERENCES release_texts,
        pin text NOT NULL,
        PRIMARY KEY (number, path)""",
}

# Connections are a tenant's own. A secret stands here only as the place it is read from.
DECLARED = """
CREATE TABLE release_connections (
  tenant_id text NOT NULL REFERENCES tenants,
  number int NOT NULL REFERENCES releases,
  name text NOT NULL,
  connector text NOT NULL,
  config jsonb NOT NULL,
  PRIMARY KEY (tenant_id, number, name))
"""


def upgrade() -> None:
    """Make the tables; with no release in them every process uses its own files, as before."""
    for name, columns in SHARED.items():
        op.execute(f"CREATE TABLE {name} ({columns})")
        op.execute(f"GRANT SELECT, INSERT ON {name} TO hub_app")
    op.execute("CREATE INDEX release_files_pin ON release_files (pin)")
    op.execute(DECLARED)
    op.execute("SELECT hub_protect('release_connections')")


def downgrade() -> None:
    """Drop them again."""
    op.execute("DROP TABLE release_connections")
    for name in reversed(SHARED):
        op.execute(f"DROP TABLE {name}")
