"""The ledger: receipts, events, deliveries, attempts, external refs, cursors, connections, versions, keys.

Every table but `tenants` carries a tenant; row-level security is on and forced; every key begins with the tenant.
The application is `hub_app`: not the owner, not a superuser, no BYPASSRLS.
"""

from alembic import op

revision = "ledger_0001"
down_revision = None
branch_labels = ("ledger",)
depends_on = None

PROTECT = """
CREATE FUNCTION hub_protect(target regclass) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
  EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
  EXECUTE format('CREATE POLICY own_tenant ON %s USING (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))
    WITH CHECK (tenant_id = nullif(current_setting(''app.tenant'', true), ''''))', target);
  EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO hub_app', target);
END $$
"""

TABLES = {
    "connections": """
        name text NOT NULL,
        id text NOT NULL,
        connector text NOT NULL,
        config jsonb NOT NULL,
        secrets jsonb NOT NULL DEFAULT '{}',
        held_at timestamptz,
        held_why text NOT NULL DEFAULT '',
        updated_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, name),
        UNIQUE (tenant_id, id)""",
    "receipts": """
        id text NOT NULL,
        connection text NOT NULL,
        received_at timestamptz NOT NULL DEFAULT now(),
        query text NOT NULL,
        headers jsonb NOT NULL,
        body bytea NOT NULL,
        digest text NOT NULL,
        verdict text NOT NULL CHECK (verdict IN ('read', 'nothing', 'unreadable')),
        error text NOT NULL DEFAULT '',
        seen int NOT NULL DEFAULT 1,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, connection, digest),
        FOREIGN KEY (tenant_id, connection) REFERENCES connections (tenant_id, name)""",
    "events": """
        id text NOT NULL,
        connection text NOT NULL,
        type text NOT NULL,
        subject text NOT NULL,
        dedupe_key text NOT NULL,
        occurred_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        data jsonb NOT NULL,
        receipt_id text,
        delivery_id text,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, connection, dedupe_key),
        FOREIGN KEY (tenant_id, receipt_id) REFERENCES receipts (tenant_id, id)""",
    "deliveries": """
        id text NOT NULL,
        seq bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
        event_id text NOT NULL,
        flow text NOT NULL,
        step int NOT NULL,
        connection text NOT NULL,
        action text NOT NULL,
        mapping text NOT NULL,
        lane text NOT NULL,
        record text NOT NULL,
        state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'claimed', 'sending', 'done', 'waiting',
          'uncertain', 'held', 'dead', 'skipped', 'cancelled')),
        due_at timestamptz NOT NULL DEFAULT now(),
        lease_until timestamptz,
        fence int NOT NULL DEFAULT 0,
        attempts int NOT NULL DEFAULT 0,
        spent int NOT NULL DEFAULT 0,
        snoozes int NOT NULL DEFAULT 0,
        replays int NOT NULL DEFAULT 0,
        look_first boolean NOT NULL DEFAULT false,
        payload jsonb,
        payload_hash text NOT NULL DEFAULT '',
        result jsonb,
        error_code text NOT NULL DEFAULT '',
        error text NOT NULL DEFAULT '',
        hint_zh text NOT NULL DEFAULT '',
        hint_en text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        done_at timestamptz,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, event_id, flow, step),
        FOREIGN KEY (tenant_id, event_id) REFERENCES events (tenant_id, id)""",
    "attempts": """
        id text NOT NULL,
        delivery_id text NOT NULL,
        number int NOT NULL,
        fence int NOT NULL,
        started_at timestamptz NOT NULL DEFAULT now(),
        ended_at timestamptz,
        outcome text NOT NULL DEFAULT '',
        error_code text NOT NULL DEFAULT '',
        error text NOT NULL DEFAULT '',
        hint_zh text NOT NULL DEFAULT '',
        hint_en text NOT NULL DEFAULT '',
        exchanges jsonb NOT NULL DEFAULT '[]',
        superseded boolean NOT NULL DEFAULT false,
        PRIMARY KEY (tenant_id, id),
        UNIQUE (tenant_id, delivery_id, number),
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id)""",
    "external_refs": """
        connection text NOT NULL,
        entity text NOT NULL,
        external_id text NOT NULL,
        number text NOT NULL DEFAULT '',
        record text NOT NULL,
        delivery_id text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, connection, entity, external_id),
        FOREIGN KEY (tenant_id, delivery_id) REFERENCES deliveries (tenant_id, id)""",
    "cursors": """
        connection text NOT NULL,
        event text NOT NULL,
        value text NOT NULL DEFAULT '',
        due_at timestamptz NOT NULL DEFAULT now(),
        lease_until timestamptz,
        fence int NOT NULL DEFAULT 0,
        polled_at timestamptz,
        failures int NOT NULL DEFAULT 0,
        error text NOT NULL DEFAULT '',
        PRIMARY KEY (tenant_id, connection, event),
        FOREIGN KEY (tenant_id, connection) REFERENCES connections (tenant_id, name)""",
    "flow_versions": """
        kind text NOT NULL CHECK (kind IN ('flow', 'mapping')),
        name text NOT NULL,
        hash text NOT NULL,
        pin text NOT NULL,
        text text NOT NULL,
        loaded_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, kind, name, hash)""",
    "api_keys": """
        id text NOT NULL,
        name text NOT NULL,
        hash bytea NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz NOT NULL,
        revoked_at timestamptz,
        PRIMARY KEY (tenant_id, id)""",
    "idempotency_keys": """
        key text NOT NULL,
        fingerprint text NOT NULL,
        status int NOT NULL DEFAULT 0,
        body jsonb,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (tenant_id, key)""",
}

INDEXES = (
    "CREATE INDEX deliveries_due ON deliveries (tenant_id, connection, due_at) WHERE state IN ('pending', 'waiting')",
    "CREATE INDEX deliveries_lane ON deliveries (tenant_id, connection, lane, seq) "
    "WHERE state NOT IN ('done', 'skipped', 'cancelled')",
    "CREATE INDEX deliveries_lease ON deliveries (tenant_id, lease_until) WHERE state IN ('claimed', 'sending')",
    "CREATE INDEX deliveries_newest ON deliveries (tenant_id, seq DESC)",
    "CREATE INDEX deliveries_state ON deliveries (tenant_id, state, seq DESC) WHERE state <> 'done'",
    "CREATE INDEX deliveries_record ON deliveries (tenant_id, record, seq DESC)",
    "CREATE INDEX external_refs_record ON external_refs (tenant_id, record)",
)

# What is due, over all tenants, in one round trip. It runs as the caller and enters each tenant in turn,
# so row-level security holds inside it as everywhere.
DUE = """
CREATE FUNCTION hub_due() RETURNS TABLE (tenant text, connection text) LANGUAGE plpgsql AS $$
DECLARE t text;
BEGIN
  FOR t IN SELECT id FROM tenants LOOP
    PERFORM set_config('app.tenant', t, true);
    RETURN QUERY SELECT DISTINCT t, d.connection FROM deliveries d
      WHERE d.tenant_id = t AND d.state IN ('pending', 'waiting') AND d.due_at <= now();
  END LOOP;
  PERFORM set_config('app.tenant', '', true);
END $$
"""


def upgrade() -> None:
    op.execute("CREATE TABLE tenants (id text PRIMARY KEY CHECK (id ~ '^[a-z][a-z0-9-]{1,30}$'), name text NOT NULL)")
    op.execute("GRANT SELECT ON tenants TO hub_app")
    op.execute(PROTECT)
    for name, columns in TABLES.items():
        op.execute(f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants (id), {columns})")
        op.execute(f"SELECT hub_protect('{name}')")
    op.execute("ALTER TABLE deliveries SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02)")
    for index in INDEXES:
        op.execute(index)
    op.execute(DUE)


def downgrade() -> None:
    op.execute("DROP FUNCTION hub_due()")
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
    op.execute("DROP FUNCTION hub_protect(regclass)")
    op.execute("DROP TABLE tenants")
