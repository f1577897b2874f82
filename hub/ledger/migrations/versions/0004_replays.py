"""What the replay lab needs: batches and their deliveries, edited payloads, new effects and who asked for them."""

from alembic import op

revision = "ledger_0004"
down_revision = "ledger_0003"
branch_labels = None
depends_on = None

TABLES = {
    "replays": """
        id text NOT NULL,
        kind text NOT NULL CHECK (kind IN ('range', 'edit')),
        who text NOT NULL,
        why text NOT NULL CHECK (why <> ''),
        selection jsonb NOT NULL,
        mapping text NOT NULL CHECK (mapping IN ('pinned', 'current')),
        after text NOT NULL DEFAULT '',
        upto text NOT NULL,
        scanned int NOT NULL DEFAULT 0,
        unanswerable int NOT NULL DEFAULT 0,
        chosen int NOT NULL DEFAULT 0,
        refused int NOT NULL DEFAULT 0,
        created_at timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz,
        PRIMARY KEY (tenant_id, id)""",
    "replayed": """
        replay_id text NOT NULL,
        delivery_id text NOT NULL,
        was text NOT NULL,
        old_pin text NOT NULL,
        new_pin text NOT NULL,
        old_payload jsonb,
        new_payload jsonb,
        outcome text NOT NULL DEFAULT '',
        error_code text NOT NULL DEFAULT '',
        error text NOT NULL DEFAULT '',
        hint_zh text NOT NULL DEFAULT '',
        hint_en text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, replay_id, delivery_id),
        FOREIGN KEY (tenant_id, replay_id) REFERENCES replays (tenant_id, id),
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id)""",
    "forces": """
        id text NOT NULL,
        delivery_id text NOT NULL,
        asked_by text NOT NULL,
        asked_at timestamptz NOT NULL DEFAULT now(),
        why text NOT NULL CHECK (why <> ''),
        state text NOT NULL,
        attempts int NOT NULL,
        result jsonb,
        confirmed_by text CHECK (confirmed_by <> asked_by),
        confirmed_at timestamptz,
        effect_no int,
        PRIMARY KEY (tenant_id, id),
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id)""",
}

COLUMNS = ("override jsonb", "effect_no int NOT NULL DEFAULT 0")

INDEXES = (
    "CREATE INDEX replayed_open ON replayed (tenant_id, delivery_id) WHERE outcome = ''",
    "CREATE INDEX forces_delivery ON forces (tenant_id, delivery_id, id)",
)

# A delivery stands as it is now, or as it was when a later batch took it.
NOW = """
CREATE VIEW replayed_now WITH (security_invoker = true) AS
SELECT r.tenant_id, r.replay_id, r.delivery_id, r.was, r.old_pin, r.new_pin, r.old_payload, r.new_payload,
  d.flow, d.record, d.connection,
  CASE r.outcome WHEN '' THEN d.state ELSE r.outcome END AS state,
  CASE r.outcome WHEN '' THEN d.error_code ELSE r.error_code END AS error_code,
  CASE r.outcome WHEN '' THEN d.error ELSE r.error END AS error,
  CASE r.outcome WHEN '' THEN d.hint_zh ELSE r.hint_zh END AS hint_zh,
  CASE r.outcome WHEN '' THEN d.hint_en ELSE r.hint_en END AS hint_en
FROM replayed r JOIN deliveries d ON d.tenant_id = r.tenant_id AND d.id = r.delivery_id
"""


def upgrade() -> None:
    """Make the tables and columns; deliveries that are there behave as before."""
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants, {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    for column in COLUMNS:
        op.execute(f"ALTER TABLE deliveries ADD COLUMN {column}")
    for index in INDEXES:
        op.execute(index)
    op.execute(NOW)
    op.execute("GRANT SELECT ON replayed_now TO hub_app")


def downgrade() -> None:
    """Drop them again."""
    op.execute("DROP VIEW replayed_now")
    for column in reversed(COLUMNS):
        op.execute(f"ALTER TABLE deliveries DROP COLUMN {column.split()[0]}")
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
