"""Customers and contacts: who is who, here and in other systems. Each command is one transaction, safe to repeat.

The directory is who is known by which name, mail and outside id. Who changes it holds it alone; who looks somebody
up to write it down shares it. So two can never miss each other, in whatever order the news come.
"""

from dataclasses import dataclass
from datetime import datetime

from core_crm import model, store
from core_crm.news import SavedContact
from core_crm.refuse import demand, unless_taken
from core_crm.shapes import NewContact, NewCustomer
from core_crm.store import Row
from hub import sdk

CUSTOMER = """
INSERT INTO customers (tenant_id, id, number, name, credit_code) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (tenant_id, number) DO NOTHING RETURNING id
"""
CONTACT = """
INSERT INTO contacts (tenant_id, id, source, customer_id, name, title, mobile, email, company)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id
"""
REFRESHED = """
UPDATE contacts SET customer_id = coalesce(customer_id, $2),
  name = CASE WHEN $4 <> '' AND (source = $3 OR name = '') THEN $4 ELSE name END,
  title = CASE WHEN $5 <> '' AND (source = $3 OR title = '') THEN $5 ELSE title END,
  mobile = CASE WHEN $6 <> '' AND (source = $3 OR mobile = '') THEN $6 ELSE mobile END,
  email = CASE WHEN $7 <> '' AND (source = $3 OR email = '') THEN $7 ELSE email END,
  company = CASE WHEN $8 <> '' AND (source = $3 OR company = '') THEN $8 ELSE company END
WHERE id = $1
"""
HANDLE = """
INSERT INTO contact_handles AS h (tenant_id, id, contact_id, source, external_id, owner, remark, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET contact_id = excluded.contact_id, owner = excluded.owner,
  remark = excluded.remark, removed_at = CASE WHEN h.removed_at >= excluded.changed_at THEN h.removed_at END,
  changed_at = greatest(h.changed_at, excluded.changed_at)
RETURNING id
"""
REMOVED = """
INSERT INTO contact_handles AS h (tenant_id, id, source, external_id, removed_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $5)
ON CONFLICT (tenant_id, source, external_id) DO UPDATE SET
  removed_at = CASE WHEN h.changed_at <= excluded.changed_at THEN excluded.changed_at ELSE h.removed_at END,
  changed_at = greatest(h.changed_at, excluded.changed_at)
RETURNING coalesce(contact_id, id)
"""


@dataclass(frozen=True, slots=True)
class Person:
    """A contact that was found, and the customer it belongs to, if any."""

    contact_id: str
    customer_id: str | None


async def create_customer(unit: sdk.Unit, given: NewCustomer) -> str:
    """Create a customer, tell it, give it the contacts that named its company before; its id.

    Problem 409 when the number is taken.
    """
    await hold_directory(unit)
    made = await store.insert(unit, CUSTOMER, "cus", given.number, given.name, given.credit_code)
    made = unless_taken(made, "customer", given.number)
    if await customer_named(unit, given.name) == made:
        await _take_in(unit, made, given.name)
    told: sdk.Json = {"id": made, "number": given.number, "name": given.name, "credit_code": given.credit_code}
    told["contacts"] = await store.people(unit, made)
    await unit.emit(sdk.Inbound("customer.created", made, f"customer.created:{made}", unit.now, {"customer": told}))
    return made


async def create_contact(unit: sdk.Unit, given: NewContact) -> str:
    """Create a contact of a customer, with the mails that came before; its id."""
    await hold_directory(unit)
    await demand(unit, store.CUSTOMERS, given.customer_id)
    values = ("crm", given.customer_id, given.name, given.title, given.mobile, given.email, "")
    made = str(await store.insert(unit, CONTACT, "cnt", *values))
    await _claim_waiting(unit, made, "", given.email)
    return made


async def save_contact(unit: sdk.Unit, given: SavedContact) -> str:
    """Keep a person of another system; the contact's id.

    The person is found by the source's own id, else by e-mail or mobile among the contacts of the customer whose
    name is the company's, else made, without a customer when no single one has that name. Older news than what is
    kept change nothing. What our people or another source wrote is only completed, never overwritten.
    """
    await hold_directory(unit)
    known = await _handle(unit, given.external_id)
    if known and known["contact_id"] and given.changed_at < known["changed_at"]:
        return str(known["contact_id"])
    customer_id = await customer_named(unit, given.company)
    name = given.name or given.email or given.mobile or given.external_id
    what = (given.title, given.mobile, given.email, given.company)
    made = (known and known["contact_id"]) or await _same_person(unit, customer_id, given)
    if made:
        await unit.execute(REFRESHED, made, customer_id, unit.source, given.name, *what)
    else:
        made = str(await store.insert(unit, CONTACT, "cnt", unit.source, customer_id, name, *what))
    handle = (made, unit.source, given.external_id, given.owner, given.remark, given.changed_at)
    await store.insert(unit, HANDLE, "hdl", *handle)
    await _claim_waiting(unit, made, given.external_id, given.email)
    return str(made)


async def remove_contact(unit: sdk.Unit, external_id: str, removed_at: datetime) -> str:
    """Mark that the source has this person no longer; the contact's id, or the mark's while nobody is known.

    Safe to repeat. Older news than what is kept change nothing; the contact and what was said stay.
    """
    await hold_directory(unit)
    return str(await store.insert(unit, REMOVED, "hdl", unit.source, external_id, removed_at))


async def hold_directory(unit: sdk.Unit) -> None:
    """Be the only one who changes who is known, until the transaction ends."""
    await unit.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", _directory(unit))


async def share_directory(unit: sdk.Unit) -> None:
    """Let nobody change who is known, until the transaction ends."""
    await unit.execute("SELECT pg_advisory_xact_lock_shared(hashtextextended($1, 0))", _directory(unit))


async def who(unit: sdk.Unit, external_id: str, email: str) -> Person | None:
    """The contact with this id at the source, else the oldest with this e-mail (case aside).

    None for nobody, and for an e-mail that contacts of several customers share.
    """
    sql = """SELECT c.id, c.customer_id FROM contact_handles h
               JOIN contacts c ON c.tenant_id = h.tenant_id AND c.id = h.contact_id
             WHERE h.source = $1 AND h.external_id = $2 AND $2 <> ''"""
    found = await unit.fetch(sql, unit.source, external_id)
    if not found and email:
        sql = "SELECT id, customer_id FROM contacts WHERE lower(email) = lower($1) AND email <> '' ORDER BY id"
        found = await unit.fetch(sql, email)
    if not found or len({row["customer_id"] for row in found} - {None}) > 1:
        return None
    first = next((row for row in found if row["customer_id"]), found[0])
    return Person(first["id"], first["customer_id"])


async def customer_named(unit: sdk.Unit, company: str) -> str | None:
    """The one customer of this name, full-width forms and blanks aside; None for none or several."""
    sql = "SELECT id FROM customers WHERE crm_folded(name) = crm_folded($1) AND $1 <> '' LIMIT 2"
    found = await unit.fetch(sql, company)
    return str(found[0]["id"]) if len(found) == 1 else None


def _directory(unit: sdk.Unit) -> str:
    return f"crm/{unit.tenant_id}/directory"


async def _handle(unit: sdk.Unit, external_id: str) -> Row | None:
    sql = "SELECT contact_id, changed_at FROM contact_handles WHERE source = $1 AND external_id = $2"
    row = await unit.fetchrow(sql, unit.source, external_id)
    return dict(row) if row else None


async def _same_person(unit: sdk.Unit, customer_id: str | None, given: SavedContact) -> str | None:
    """The customer's contact with the same e-mail or, failing that, mobile."""
    there = await store.people(unit, customer_id) if customer_id else []
    mailed = [each["id"] for each in there if given.email and each["email"].lower() == given.email.lower()]
    mobile = model.mobile(given.mobile)
    called = [each["id"] for each in there if mobile and model.mobile(each["mobile"]) == mobile]
    return next(iter(mailed + called), None)


async def _take_in(unit: sdk.Unit, customer_id: str, name: str) -> None:
    """Give a customer the contacts that named its company, and what was said with them."""
    sql = """UPDATE contacts SET customer_id = $1
             WHERE customer_id IS NULL AND company <> '' AND crm_folded(company) = crm_folded($2) RETURNING id"""
    for row in await unit.fetch(sql, customer_id, name):
        await _follow(unit, row["id"])


async def _claim_waiting(unit: sdk.Unit, contact_id: str, external_id: str, email: str) -> None:
    """Give a contact what was said before it was known."""
    sql = """UPDATE interactions SET contact_id = $1 WHERE contact_id IS NULL AND source = $2
               AND counterpart_id = $3 AND $3 <> ''"""
    await unit.execute(sql, contact_id, unit.source, external_id)
    if (found := await who(unit, "", email)) and found.contact_id == contact_id:
        sql = "UPDATE interactions SET contact_id = $1 WHERE contact_id IS NULL AND counterpart_email = lower($2)"
        await unit.execute(sql, contact_id, email)
    await _follow(unit, contact_id)


async def _follow(unit: sdk.Unit, contact_id: str) -> None:
    """Put what was said with a contact on its customer's timeline."""
    sql = """UPDATE interactions i SET customer_id = c.customer_id FROM contacts c
             WHERE c.tenant_id = i.tenant_id AND c.id = $1 AND i.contact_id = $1 AND i.customer_id IS NULL
               AND c.customer_id IS NOT NULL"""
    await unit.execute(sql, contact_id)
