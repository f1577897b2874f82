"""The home system's tables. Every row carries its tenant; row-level security is on and forced.

Money is numeric(18,2) in the row's currency; prices and quantities keep four places. What is outstanding is
computed by PostgreSQL, so it cannot disagree with what was paid; below zero it says how much too much was paid.
"""

from alembic import op

revision = "crm_0001"
down_revision = None
branch_labels = ("crm",)
depends_on = ("ledger_0001",)

TABLES = {
    "customers": """
        number text NOT NULL,
        name text NOT NULL,
        credit_code text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, number)""",
    "contacts": """
        customer_id text NOT NULL,
        name text NOT NULL,
        title text NOT NULL DEFAULT '',
        mobile text NOT NULL DEFAULT '',
        email text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)""",
    "contracts": """
        customer_id text NOT NULL,
        number text NOT NULL,
        title text NOT NULL,
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        amount numeric(18,2) NOT NULL CHECK (amount >= 0),
        signed_on date NOT NULL,
        due_on date NOT NULL,
        status text NOT NULL DEFAULT 'draft'
          CHECK (status IN ('draft', 'submitted', 'approved', 'rejected', 'booked')),
        submission_no int NOT NULL DEFAULT 0,
        reason text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL DEFAULT now(),
        updated_at timestamptz NOT NULL DEFAULT now(),
        CHECK (due_on >= signed_on),
        UNIQUE (tenant_id, number),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id)""",
    "contract_lines": """
        contract_id text NOT NULL,
        line_no int NOT NULL CHECK (line_no > 0),
        product text NOT NULL,
        spec text NOT NULL DEFAULT '',
        unit text NOT NULL,
        quantity numeric(18,4) NOT NULL CHECK (quantity > 0),
        unit_price numeric(18,4) NOT NULL CHECK (unit_price >= 0),
        tax_rate numeric(5,2) NOT NULL CHECK (tax_rate BETWEEN 0 AND 100),
        amount numeric(18,2) NOT NULL CHECK (amount >= 0),
        UNIQUE (tenant_id, contract_id, line_no),
        FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)""",
    "approvals": """
        contract_id text NOT NULL,
        source text NOT NULL,
        instance_id text NOT NULL,
        submission_no int NOT NULL,
        status text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'approved', 'rejected', 'cancelled')),
        started_at timestamptz NOT NULL DEFAULT now(),
        decided_at timestamptz,
        CHECK ((status = 'pending') = (decided_at IS NULL)),
        UNIQUE (tenant_id, source, instance_id),
        FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)""",
    "receivables": """
        contract_id text NOT NULL,
        source text NOT NULL,
        external_id text NOT NULL,
        number text NOT NULL,
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        amount numeric(18,2) NOT NULL,
        paid numeric(18,2) NOT NULL DEFAULT 0,
        outstanding numeric(18,2) NOT NULL GENERATED ALWAYS AS (amount - paid) STORED,
        due_on date NOT NULL,
        status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'settled')),
        booked_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, contract_id),
        UNIQUE (tenant_id, source, external_id),
        UNIQUE (tenant_id, source, number),
        FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)""",
    "payments": """
        source text NOT NULL,
        external_id text NOT NULL,
        number text NOT NULL,
        receivable_number text NOT NULL DEFAULT '',
        receivable_id text,
        currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
        amount numeric(18,2) NOT NULL,
        paid_on date NOT NULL,
        modified_at timestamptz NOT NULL,
        recorded_at timestamptz NOT NULL DEFAULT now(),
        UNIQUE (tenant_id, source, external_id),
        FOREIGN KEY (tenant_id, receivable_id) REFERENCES receivables (tenant_id, id)""",
    "interactions": """
        customer_id text NOT NULL,
        contract_id text,
        kind text NOT NULL CHECK (kind IN ('call', 'visit', 'message', 'note')),
        text text NOT NULL,
        at timestamptz NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        FOREIGN KEY (tenant_id, customer_id) REFERENCES customers (tenant_id, id),
        FOREIGN KEY (tenant_id, contract_id) REFERENCES contracts (tenant_id, id)""",
}

INDEXES = (
    "CREATE INDEX contacts_customer ON contacts (tenant_id, customer_id, id)",
    "CREATE INDEX contracts_customer ON contracts (tenant_id, customer_id, id)",
    "CREATE INDEX approvals_contract ON approvals (tenant_id, contract_id, id)",
    "CREATE INDEX payments_receivable ON payments (tenant_id, receivable_id, id)",
    "CREATE INDEX payments_waiting ON payments (tenant_id, source, receivable_number) WHERE receivable_id IS NULL",
    "CREATE INDEX interactions_customer ON interactions (tenant_id, customer_id, id)",
)


def upgrade() -> None:
    for name, columns in TABLES.items():
        op.execute(
            f"CREATE TABLE {name} (tenant_id text NOT NULL REFERENCES tenants (id), id text NOT NULL, {columns}, "
            "PRIMARY KEY (tenant_id, id))"
        )
        op.execute(f"SELECT hub_protect('{name}')")
    for index in INDEXES:
        op.execute(index)


def downgrade() -> None:
    for name in reversed(TABLES):
        op.execute(f"DROP TABLE {name}")
