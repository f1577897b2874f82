"""People in other systems, what registries say, what was said elsewhere, and bookings in further finance systems.

Names of companies are compared folded: full-width forms made half-width, white space gone, letters lower-cased.
Going back deletes what the older tables cannot hold: contacts and interactions without a customer, chats and mails.
"""

from alembic import op

revision = "crm_0002"
down_revision = "crm_0001"
branch_labels = None
depends_on = None

FOLDED = r"""
CREATE FUNCTION crm_folded(name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(regexp_replace(normalize(name, NFKC), '\s', '', 'g'))
"""

TABLES = {
    "contact_handles": """
        contact_id text,
        source text NOT NULL,
        external_id text NOT NULL,
        owner text NOT NULL DEFAULT '',
        remark text NOT NULL DEFAULT '',
        removed_at timestamptz,
        changed_at timestamptz NOT NULL,
        UNIQUE (tenant_id, source, external_id),
        FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)""",
    "customer_facts": """
        customer_id text NOT NULL,
        field text NOT NULL,
        value text NOT NULL CHECK (value <> ''),
        source text NOT NULL,
        fetched_at timestamptz NOT NULL,
        entered_by_person boolean NOT NULL,
        UNIQUE (tenant_id, customer_id, field, entered_by_person),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)""",
    "customer_registry": """
        customer_id text NOT NULL,
        status text NOT NULL CHECK (status IN ('found', 'ambiguous', 'none')),
        provider text NOT NULL,
        provider_id text NOT NULL DEFAULT '',
        fetched_at timestamptz NOT NULL,
        candidates jsonb NOT NULL,
        UNIQUE (tenant_id, customer_id),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)""",
    "postings": """
        contract_id text NOT NULL,
        source text NOT NULL,
        external_id text NOT NULL,
        number text NOT NULL,
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        amount numeric(18,2) NOT NULL,
        booked_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, source, external_id),
        UNIQUE (tenant_id, contract_id, source),
        FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)""",
}

CHANGES = (
    "ALTER TABLE contacts ALTER customer_id DROP NOT NULL",
    "ALTER TABLE contacts ADD company text NOT NULL DEFAULT '', ADD source text NOT NULL DEFAULT 'crm'",
    "ALTER TABLE interactions ALTER customer_id DROP NOT NULL, DROP CONSTRAINT interactions_kind_check",
    """
    ALTER TABLE interactions
      ADD CONSTRAINT interactions_kind_check
        CHECK (kind IN ('call', 'visit', 'message', 'note', 'chat', 'email')),
      ADD contact_id text,
      ADD source text NOT NULL DEFAULT 'crm',
      ADD external_id text CHECK (external_id <> ''),
      ADD direction text NOT NULL DEFAULT '' CHECK (direction IN ('in', 'out', '')),
      ADD subject text NOT NULL DEFAULT '',
      ADD thread text NOT NULL DEFAULT '',
      ADD counterpart_name text NOT NULL DEFAULT '',
      ADD counterpart_id text NOT NULL DEFAULT '',
      ADD counterpart_email text NOT NULL DEFAULT '',
      ADD attachments jsonb NOT NULL DEFAULT '[]',
      ADD revoked_at timestamptz,
      ADD consent boolean NOT NULL DEFAULT true,
      ADD UNIQUE (tenant_id, source, external_id),
      ADD FOREIGN KEY (tenant_id, contact_id) REFERENCES contacts (tenant_id, id)
    """,
)

INDEXES = (
    "CREATE INDEX customers_named ON customers (tenant_id, crm_folded(name))",
    "CREATE INDEX contacts_mailed ON contacts (tenant_id, lower(email)) WHERE email <> ''",
    "CREATE INDEX contacts_waiting ON contacts (tenant_id, crm_folded(company)) WHERE customer_id IS NULL",
    "CREATE INDEX contact_handles_contact ON contact_handles (tenant_id, contact_id, id)",
    "CREATE INDEX interactions_contact ON interactions (tenant_id, contact_id, id)",
    "CREATE INDEX interactions_thread ON interactions (tenant_id, thread, id) WHERE thread <> ''",
    "CREATE INDEX interactions_waiting_id ON interactions (tenant_id, source, counterpart_id) WHERE contact_id IS NULL",
    "CREATE INDEX interactions_waiting_mail ON interactions (tenant_id, counterpart_email) WHERE contact_id IS NULL",
)

BACK = (
    "ALTER TABLE interactions NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE contacts NO FORCE ROW LEVEL SECURITY",
    "DELETE FROM interactions WHERE customer_id IS NULL OR kind IN ('chat', 'email')",
    """
    ALTER TABLE interactions ALTER customer_id SET NOT NULL, DROP contact_id, DROP source, DROP external_id,
      DROP direction, DROP subject, DROP thread, DROP counterpart_name, DROP counterpart_id, DROP counterpart_email,
      DROP attachments, DROP revoked_at, DROP consent, DROP CONSTRAINT interactions_kind_check,
      ADD CONSTRAINT interactions_kind_check CHECK (kind IN ('call', 'visit', 'message', 'note'))
    """,
    "DROP INDEX customers_named, contacts_mailed, contacts_waiting",
    "DELETE FROM contacts WHERE customer_id IS NULL",
    "ALTER TABLE contacts ALTER customer_id SET NOT NULL, DROP company, DROP source",
    "ALTER TABLE interactions FORCE ROW LEVEL SECURITY",
    "ALTER TABLE contacts FORCE ROW LEVEL SECURITY",
    "DROP FUNCTION crm_folded(text)",
)


def upgrade() -> None:
    """Add the tables and columns; no row there is changed."""
    op.execute(FOLDED)
    for change in CHANGES:
        op.execute(change)
    for name, columns in TABLES.items():
        op.execute(
            f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants (id), id text NOT NULL, {columns}, "
            "PRIMARY KEY (tenant_id, id))"
        )
        op.execute(f"SELECT hub_protect('{name}')")
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    """Take them away, and the rows that the older tables cannot hold."""
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
    for change in BACK:
        op.execute(change)
