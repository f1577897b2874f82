"""The home system's SQL: lists, contracts, money. Every statement runs in a unit of work, so row-level security
shows one tenant's rows. The SQL of people, of what was said and of registries stands with their commands."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from hub import sdk

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """A list, newest first: $1 the id it goes on after or NULL, $2 the limit, then one filter each ("id" first)."""

    kind: str
    sql: str
    filters: tuple[str, ...]


CUSTOMERS = Listing(
    "customer",
    """
    SELECT id, number, name, credit_code, created_at FROM customers
    WHERE ($1::text IS NULL OR id < $1) AND ($3::text IS NULL OR id = $3) AND ($4::text IS NULL OR number = $4)
    ORDER BY id DESC LIMIT $2
    """,
    ("id", "number"),
)
CONTACTS = Listing(
    "contact",
    """
    SELECT id, customer_id, name, title, mobile, email, company, source, created_at,
      (SELECT coalesce(jsonb_agg(jsonb_build_object('source', h.source, 'external_id', h.external_id,
         'owner', h.owner, 'remark', h.remark, 'removed_at', h.removed_at, 'changed_at', h.changed_at) ORDER BY h.id),
         '[]') FROM contact_handles h WHERE h.tenant_id = contacts.tenant_id AND h.contact_id = contacts.id) AS handles
    FROM contacts
    WHERE ($1::text IS NULL OR id < $1) AND ($3::text IS NULL OR id = $3) AND ($4::text IS NULL OR customer_id = $4)
    ORDER BY id DESC LIMIT $2
    """,
    ("id", "customer_id"),
)
CONTRACTS = Listing(
    "contract",
    """
    SELECT id, customer_id, number, title, currency, amount, signed_on, due_on, status, submission_no, reason,
      created_at, updated_at
    FROM contracts
    WHERE ($1::text IS NULL OR id < $1) AND ($3::text IS NULL OR id = $3) AND ($4::text IS NULL OR number = $4)
      AND ($5::text IS NULL OR customer_id = $5) AND ($6::text IS NULL OR status = $6)
    ORDER BY id DESC LIMIT $2
    """,
    ("id", "number", "customer_id", "status"),
)
RECEIVABLES = Listing(
    "receivable",
    """
    SELECT r.id, r.contract_id, c.customer_id, r.source, r.external_id, r.number, r.currency, r.amount, r.paid,
      r.outstanding, r.due_on, r.status, r.booked_at
    FROM receivables r JOIN contracts c ON c.tenant_id = r.tenant_id AND c.id = r.contract_id
    WHERE ($1::text IS NULL OR r.id < $1) AND ($3::text IS NULL OR r.id = $3) AND ($4::text IS NULL OR r.number = $4)
      AND ($5::text IS NULL OR c.customer_id = $5) AND ($6::text IS NULL OR r.status = $6)
      AND ($7::text IS NULL OR r.contract_id = $7)
    ORDER BY r.id DESC LIMIT $2
    """,
    ("id", "number", "customer_id", "status", "contract_id"),
)
PAYMENTS = Listing(
    "payment",
    """
    SELECT p.id, p.source, p.external_id, p.number, p.receivable_number, p.receivable_id, p.currency, p.amount,
      p.paid_on, CASE WHEN p.receivable_id IS NULL THEN 'unallocated' ELSE 'allocated' END AS status, p.modified_at,
      p.recorded_at
    FROM payments p LEFT JOIN receivables r ON r.tenant_id = p.tenant_id AND r.id = p.receivable_id
      LEFT JOIN contracts c ON c.tenant_id = r.tenant_id AND c.id = r.contract_id
    WHERE ($1::text IS NULL OR p.id < $1) AND ($3::text IS NULL OR p.id = $3) AND ($4::text IS NULL OR p.number = $4)
      AND ($5::text IS NULL OR c.customer_id = $5)
      AND ($6::text IS NULL OR (p.receivable_id IS NULL) = ($6 = 'unallocated'))
    ORDER BY p.id DESC LIMIT $2
    """,
    ("id", "number", "customer_id", "status"),
)
INTERACTIONS = Listing(
    "interaction",
    """
    SELECT id, customer_id, contract_id, contact_id, kind, direction, subject, text, thread, attachments, source,
      coalesce(external_id, '') AS external_id, consent, revoked_at, at, created_at,
      jsonb_build_object('name', counterpart_name, 'external_id', counterpart_id, 'email', counterpart_email)
        AS counterpart
    FROM interactions
    WHERE ($1::text IS NULL OR id < $1) AND ($3::text IS NULL OR id = $3) AND ($4::text IS NULL OR customer_id = $4)
      AND ($5::text IS NULL OR contact_id = $5) AND ($6::text IS NULL OR thread = $6)
    ORDER BY id DESC LIMIT $2
    """,
    ("id", "customer_id", "contact_id", "thread"),
)


async def page(unit: sdk.Unit, listing: Listing, limit: int, after: str | None = None, **filters: Any) -> list[Row]:
    """Up to `limit` rows of a list after the id `after`; a filter that is left out or None filters nothing."""
    values = [filters.pop(name, None) for name in listing.filters]
    if filters:
        raise TypeError(f"a list of {listing.kind} has no filter {sorted(filters)}")
    return [dict(row) for row in await unit.fetch(listing.sql, after, limit, *values)]


async def find(unit: sdk.Unit, listing: Listing, record_id: str) -> Row | None:
    """One row by its id, or None: another tenant's row is not there."""
    return next(iter(await page(unit, listing, 1, id=record_id)), None)


CONTRACT = """
INSERT INTO contracts (tenant_id, id, customer_id, number, title, currency, amount, signed_on, due_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (tenant_id, number) DO NOTHING RETURNING id
"""
LINE = """
INSERT INTO contract_lines
  (tenant_id, id, contract_id, line_no, product, spec, unit, quantity, unit_price, tax_rate, amount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) RETURNING id
"""
APPROVAL = """
INSERT INTO approvals (tenant_id, id, contract_id, source, instance_id, submission_no) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (tenant_id, source, instance_id) DO NOTHING RETURNING id
"""
RECEIVABLE = """
INSERT INTO receivables (tenant_id, id, contract_id, source, external_id, number, currency, amount, due_on)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET number = excluded.number, amount = excluded.amount,
  due_on = excluded.due_on
RETURNING id
"""
PAYMENT = """
INSERT INTO payments (tenant_id, id, source, external_id, number, receivable_number, receivable_id, currency, amount,
  paid_on, modified_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET number = excluded.number,
  receivable_number = excluded.receivable_number, receivable_id = excluded.receivable_id,
  currency = excluded.currency, amount = excluded.amount, paid_on = excluded.paid_on,
  modified_at = excluded.modified_at
WHERE payments.modified_at <= excluded.modified_at
RETURNING id
"""
POSTING = """
INSERT INTO postings (tenant_id, id, contract_id, source, external_id, number, currency, amount)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET number = excluded.number
WHERE postings.contract_id = excluded.contract_id
RETURNING id
"""


async def insert(unit: sdk.Unit, sql: str, prefix: str, *values: Any) -> str | None:
    """Insert one row under a new id; the id kept (an older one after an upsert), or None when nothing was written."""
    kept: str | None = await unit.fetchval(sql, unit.tenant_id, sdk.new_id(prefix), *values)
    return kept


LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


async def guard(unit: sdk.Unit, kind: str, key: str) -> None:
    """Wait until no other transaction works on this key of the unit's source; held until the transaction ends."""
    await unit.execute(LOCK, f"crm/{unit.tenant_id}/{unit.source}/{kind}/{key}")


async def lock_contract(unit: sdk.Unit, contract_id: str) -> Row | None:
    """The contract's row, ours alone until the transaction ends; None when there is none."""
    row = await unit.fetchrow(
        "SELECT id, number, status, submission_no FROM contracts WHERE id = $1 FOR UPDATE", contract_id
    )
    return dict(row) if row else None


async def set_status(unit: sdk.Unit, contract_id: str, status: str, submission_no: int, reason: str) -> None:
    """Write a locked contract's new status; an empty reason leaves the one there is."""
    await unit.execute(
        """UPDATE contracts SET status = $2, submission_no = $3, reason = CASE $4 WHEN '' THEN reason ELSE $4 END,
             updated_at = now() WHERE id = $1""",
        *(contract_id, status, submission_no, reason),
    )


async def lines(unit: sdk.Unit, contract_id: str) -> list[Row]:
    """A contract's lines in order."""
    rows = await unit.fetch(
        """SELECT line_no, product, spec, unit, quantity, unit_price, tax_rate, amount FROM contract_lines
           WHERE contract_id = $1 ORDER BY line_no""",
        contract_id,
    )
    return [dict(row) for row in rows]


async def people(unit: sdk.Unit, customer_id: str) -> list[Row]:
    """A customer's contacts, oldest first."""
    rows = await unit.fetch(
        "SELECT id, name, title, mobile, email FROM contacts WHERE customer_id = $1 ORDER BY id", customer_id
    )
    return [dict(row) for row in rows]


async def postings(unit: sdk.Unit, contract_id: str) -> list[Row]:
    """A contract's bookings in further finance systems, oldest first."""
    rows = await unit.fetch(
        """SELECT source, external_id, number, amount, currency, booked_at FROM postings
           WHERE contract_id = $1 ORDER BY id""",
        contract_id,
    )
    return [dict(row) for row in rows]


async def approvals(unit: sdk.Unit, contract_id: str) -> list[Row]:
    """A contract's approvals, oldest first."""
    rows = await unit.fetch(
        """SELECT id, source, instance_id, submission_no, status, started_at, decided_at FROM approvals
           WHERE contract_id = $1 ORDER BY id""",
        contract_id,
    )
    return [dict(row) for row in rows]


async def find_approval(unit: sdk.Unit, instance_id: str) -> Row | None:
    """The approval under the source's instance id, or None."""
    row = await unit.fetchrow(
        """SELECT id, contract_id, submission_no, status FROM approvals WHERE source = $1 AND instance_id = $2""",
        *(unit.source, instance_id),
    )
    return dict(row) if row else None


async def decide(unit: sdk.Unit, approval_id: str, decision: str, decided_at: datetime) -> None:
    """Write how a pending approval ended."""
    await unit.execute(
        "UPDATE approvals SET status = $2, decided_at = $3 WHERE id = $1", approval_id, decision, decided_at
    )


async def rivals(unit: sdk.Unit, contract_id: str, external_id: str, number: str, currency: str) -> list[Row]:
    """Receivables that stand in the way of this one: its contract, number or external id used for something else."""
    rows = await unit.fetch(
        """SELECT number, external_id, contract_id FROM receivables
           WHERE (contract_id = $1 OR (source = $2 AND (external_id = $3 OR number = $4)))
             AND NOT (contract_id = $1 AND source = $2 AND external_id = $3 AND currency = $5)""",
        *(contract_id, unit.source, external_id, number, currency),
    )
    return [dict(row) for row in rows]


async def allocate_waiting(unit: sdk.Unit, receivable_id: str, number: str, currency: str) -> None:
    """Give a receivable the payments that came before it."""
    await unit.execute(
        """UPDATE payments SET receivable_id = $1
           WHERE source = $2 AND receivable_number = $3 AND currency = $4 AND receivable_id IS NULL""",
        *(receivable_id, unit.source, number, currency),
    )


async def receivable_of(unit: sdk.Unit, number: str, currency: str) -> str | None:
    """Id of the source's receivable of this number and currency, or None."""
    found: str | None = await unit.fetchval(
        "SELECT id FROM receivables WHERE source = $1 AND number = $2 AND currency = $3", unit.source, number, currency
    )
    return found


async def find_payment(unit: sdk.Unit, external_id: str) -> Row | None:
    """The source's payment, or None."""
    row = await unit.fetchrow(
        "SELECT id, receivable_number, receivable_id FROM payments WHERE source = $1 AND external_id = $2",
        *(unit.source, external_id),
    )
    return dict(row) if row else None


async def sum_up(unit: sdk.Unit, receivable_id: str) -> Decimal:
    """Recompute what is paid and outstanding from the payments; what is outstanding. Safe to repeat."""
    outstanding: Decimal = await unit.fetchval(
        """UPDATE receivables r SET paid = s.paid, status = CASE WHEN r.amount > s.paid THEN 'open' ELSE 'settled' END
           FROM (SELECT coalesce(sum(amount), 0) AS paid FROM payments WHERE receivable_id = $1) s
           WHERE r.id = $1 RETURNING r.outstanding""",
        receivable_id,
    )
    return outstanding
