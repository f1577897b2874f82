"""What was said and done, here and in other systems. Each command is one transaction, safe to repeat."""

from datetime import datetime

from core_crm import people, store
from core_crm.news import NotedInteraction
from core_crm.refuse import conflict, demand
from core_crm.shapes import NewInteraction
from hub import sdk

WRITTEN = """
INSERT INTO interactions (tenant_id, id, customer_id, contract_id, contact_id, kind, text, at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id
"""
NOTED = """
INSERT INTO interactions (tenant_id, id, source, external_id, customer_id, contact_id, kind, direction, at, subject,
  text, thread, counterpart_name, counterpart_id, counterpart_email, attachments, consent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
ON CONFLICT (tenant_id, source, external_id) DO NOTHING RETURNING id
"""
REVOKED = """
UPDATE interactions SET subject = '', text = '', attachments = '[]', revoked_at = coalesce(revoked_at, $3)
WHERE source = $1 AND external_id = $2 RETURNING id
"""
INTERACTION_UNKNOWN = sdk.Text(
    "被撤回的消息尚未登记：稍后自动再试；若一直如此，它早于开始存档的时间，可以放弃。",
    "The revoked message is not recorded yet: it is tried again; if that lasts, it is older than the archive.",
)


async def create_interaction(unit: sdk.Unit, given: NewInteraction) -> str:
    """Note what was said or done with a customer; its id.

    Problem 409 when the contract or the contact is another customer's.
    """
    await demand(unit, store.CUSTOMERS, given.customer_id)
    for listing, record_id in ((store.CONTRACTS, given.contract_id), (store.CONTACTS, given.contact_id)):
        if record_id:
            record = await demand(unit, listing, record_id)
            if record["customer_id"] != given.customer_id:
                raise conflict(
                    f"{listing.kind}-of-another-customer", f"{listing.kind} {record_id} is another customer's"
                )
    what = (given.kind, given.text, given.at or unit.now)
    made = await store.insert(unit, WRITTEN, "int", given.customer_id, given.contract_id, given.contact_id, *what)
    return str(made)


async def note_interaction(unit: sdk.Unit, given: NotedInteraction) -> str:
    """Keep what was said in another system, on the timeline of whom it was said with; its id.

    Safe to repeat: the first telling of an external id stands. Somebody unknown is kept by name and address, and
    gets the interaction when a contact with that address comes. Without consent no words are kept.
    """
    await people.share_directory(unit)
    who = given.contact
    person = await people.who(unit, who.external_id, who.email)
    ids = (person.customer_id, person.contact_id) if person else (None, None)
    subject, text = (given.subject, given.text) if given.consent else ("", "")
    files = [each.model_dump() for each in given.attachments] if given.consent else []
    head = (unit.source, given.external_id, *ids, given.kind, given.direction, given.at, subject, text, given.thread)
    address = (who.name, who.external_id, who.email.lower())
    made = await store.insert(unit, NOTED, "int", *head, *address, files, given.consent)
    return made or str(await _find(unit, given.external_id))


async def revoke_interaction(unit: sdk.Unit, external_id: str, revoked_at: datetime) -> str:
    """Forget the words of something said; that it was said stays. Its id.

    Safe to repeat; the first instant stands. NotReady while it is not recorded.
    """
    found: str | None = await unit.fetchval(REVOKED, unit.source, external_id, revoked_at)
    if found is None:
        raise sdk.NotReady(f"{external_id} is unknown", code="interaction-unknown", hint=INTERACTION_UNKNOWN)
    return found


async def _find(unit: sdk.Unit, external_id: str) -> str | None:
    sql = "SELECT id FROM interactions WHERE source = $1 AND external_id = $2"
    found: str | None = await unit.fetchval(sql, unit.source, external_id)
    return found
