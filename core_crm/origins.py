"""Where the fields of records come from: which action writes which field out of which part of its input.

Fields are named as the API shows them, "*" for a place in a list. What is not named here only our own API writes.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pydantic import BaseModel

from core_crm import facts, model, shapes, store, whole
from core_crm.edits import edits_of
from core_crm.news import FIELDS
from core_crm.refuse import demand
from hub import sdk

PARTS = {
    "contract": """
        SELECT id FROM receivables WHERE contract_id = $1
        UNION ALL SELECT id FROM postings WHERE contract_id = $1""",
    "receivable": "SELECT id FROM payments WHERE receivable_id = $1 ORDER BY id DESC LIMIT 50",
    "payment": "SELECT receivable_id FROM payments WHERE id = $1 AND receivable_id IS NOT NULL",
    "contact": "SELECT id FROM contact_handles WHERE contact_id = $1",
    "interaction": "SELECT contact_id FROM interactions WHERE id = $1 AND contact_id IS NOT NULL",
}
"""Ids of what makes up a record beside itself: an action that wrote there may have answered with one of these."""


async def _seen(unit: sdk.Unit, kind: str, values: BaseModel, record_id: str) -> sdk.Seen:
    parts = [row[0] for row in await unit.fetch(PARTS[kind], record_id)] if kind in PARTS else []
    return sdk.Seen(values, [record_id, *parts], await edits_of(unit, record_id))


async def _contract(unit: sdk.Unit, record_id: str) -> sdk.Seen:
    return await _seen(unit, "contract", await whole.contract(unit, record_id), record_id)


async def _customer(unit: sdk.Unit, record_id: str) -> sdk.Seen:
    return await _seen(unit, "customer", await whole.customer(unit, record_id), record_id)


def _reader(listing: store.Listing, shape: type[BaseModel]) -> Callable[[sdk.Unit, str], Awaitable[sdk.Seen]]:
    async def read(unit: sdk.Unit, record_id: str) -> sdk.Seen:
        values = shape.model_validate(await demand(unit, listing, record_id))
        return await _seen(unit, listing.kind, values, record_id)

    return read


def _says(value: Any) -> Callable[[Any], Any]:
    return lambda _given: value


def _plain(action: str, *names: str, after: str = "") -> dict[str, Sequence[sdk.Origin]]:
    """Fields that are called alike in the input and in the record."""
    return {name: [sdk.Origin(action, (name,), after=after)] for name in names}


def _inside(place: str, action: str, item: str, *names: str, after: str = "") -> dict[str, Sequence[sdk.Origin]]:
    """Fields of a list's items that are called alike in the input."""
    return {f"{place}.*.{name}": [sdk.Origin(action, (name,), after=after, item=(item,))] for name in names}


def _of_contract() -> dict[str, Sequence[sdk.Origin]]:
    instance = ("instance_id",)
    decide = sdk.Origin("decide_approval", ("decision",), lambda given: model.AFTER_DECISION[given.decision])
    approve = sdk.Origin("approve_contract", value=_says("approved"))
    about = ("record_approval", "approve_contract", "book_receivable", "record_posting")
    return {
        "id": [sdk.Origin(action, ("contract_id",)) for action in about],
        "status": [decide, approve, sdk.Origin("book_receivable", value=_says("booked"))],
        "reason": [sdk.Origin("approve_contract", ("reason",))],
        "approvals.*.instance_id": [
            sdk.Origin(name, instance, item=instance) for name in ("record_approval", "decide_approval")
        ],
        "approvals.*.status": [
            sdk.Origin("decide_approval", ("decision",), item=instance),
            sdk.Origin("record_approval", value=_says("pending"), item=instance),
        ],
        "approvals.*.decided_at": [sdk.Origin("decide_approval", ("decided_at",), item=instance)],
        **_inside("postings", "record_posting", "external_id", "external_id", "number", "amount", "currency"),
    }


def _of_receivable() -> dict[str, Sequence[sdk.Origin]]:
    paid = sdk.Origin("record_payment", ("amount",), derived=True)
    booked = sdk.Origin("book_receivable", ("amount",), derived=True)
    names = ("contract_id", "external_id", "number", "amount", "currency", "due_on")
    either = [paid, booked]
    return {**_plain("book_receivable", *names), **dict.fromkeys(("paid", "outstanding", "status"), either)}


def _of_payment() -> dict[str, Sequence[sdk.Origin]]:
    names = ("external_id", "number", "receivable_number", "amount", "currency", "paid_on", "modified_at")
    found = [
        sdk.Origin("record_payment", ("receivable_number",), derived=True),
        sdk.Origin("book_receivable", ("number",), derived=True),
    ]
    return {**_plain("record_payment", *names, after="modified_at"), "receivable_id": found, "status": found}


def _of_customer() -> dict[str, Sequence[sdk.Origin]]:
    def enriched(name: str, value: Callable[[Any], Any] | None = None) -> list[sdk.Origin]:
        return [sdk.Origin("enrich_customer", (name,), value, after="fetched_at")]

    def fact(name: str) -> Callable[[Any], Any]:
        return lambda given: given.facts.get(name) if given.status == "found" else None

    look = ("status", "provider", "provider_id", "fetched_at", "candidates")
    return {
        "id": [sdk.Origin("enrich_customer", ("customer_id",))],
        "credit_code": enriched("credit_code", lambda given: facts.valid_code(given.credit_code) or None),
        **{f"facts.{name}.value": enriched(name, fact(name)) for name in FIELDS},
        **{f"facts.{name}.source": enriched("provider") for name in FIELDS},
        **{f"facts.{name}.fetched_at": enriched("fetched_at") for name in FIELDS},
        **{f"facts.{name}.suggestion.value": enriched(name, fact(name)) for name in FIELDS},
        **{f"registry.{name}": enriched(name) for name in look},
        "registry.candidates": enriched("candidates", lambda given: [each.model_dump() for each in given.candidates]),
    }


def _of_contact() -> dict[str, Sequence[sdk.Origin]]:
    def called(given: Any) -> str:
        return str(given.name or given.email or given.mobile or given.external_id)

    after, handle = "changed_at", ("external_id",)
    saved = ("title", "mobile", "email", "company")
    removed = [sdk.Origin("remove_contact", ("removed_at",), after="removed_at", item=handle)]
    return {
        "name": [sdk.Origin("save_contact", ("name", "email", "mobile", "external_id"), called, after=after)],
        **{name: [sdk.Origin("save_contact", (name,), _filled(name), after=after)] for name in saved},
        "customer_id": [sdk.Origin("save_contact", ("company",), derived=True, after=after)],
        **_inside("handles", "save_contact", "external_id", "owner", "remark", "changed_at", after=after),
        "handles.*.external_id": [
            sdk.Origin("save_contact", handle, item=handle),
            sdk.Origin("remove_contact", handle, item=handle),
        ],
        "handles.*.removed_at": removed,
    }


def _filled(name: str) -> Callable[[Any], Any]:
    return lambda given: getattr(given, name) or None


def _of_interaction() -> dict[str, Sequence[sdk.Origin]]:
    def words(name: str, none: Any) -> list[sdk.Origin]:
        return [
            sdk.Origin("note_interaction", (name,), lambda given: getattr(given, name) if given.consent else none),
            sdk.Origin("revoke_interaction", ("revoked_at",), _says(none)),
        ]

    def files(given: Any) -> list[Any]:
        return [each.model_dump() for each in given.attachments] if given.consent else []

    def mail(given: Any) -> str:
        return str(given.contact.email.lower())

    linked = [sdk.Origin("note_interaction", ("contact.external_id", "contact.email"), derived=True)]
    revoked = sdk.Origin("revoke_interaction", ("revoked_at",))
    return {
        **_plain("note_interaction", "kind", "direction", "at", "thread", "consent"),
        "external_id": [sdk.Origin(name, ("external_id",)) for name in ("note_interaction", "revoke_interaction")],
        "subject": words("subject", ""),
        "text": words("text", ""),
        "attachments": [sdk.Origin("note_interaction", ("attachments",), files), words("", [])[1]],
        "counterpart.external_id": [sdk.Origin("note_interaction", ("contact.external_id",))],
        "counterpart.name": [sdk.Origin("note_interaction", ("contact.name",))],
        "counterpart.email": [sdk.Origin("note_interaction", ("contact.email",), mail)],
        "contact_id": linked,
        "customer_id": linked,
        "revoked_at": [revoked],
    }


KINDS = {
    "contract": sdk.Kind(_contract, _of_contract()),
    "receivable": sdk.Kind(_reader(store.RECEIVABLES, shapes.Receivable), _of_receivable()),
    "payment": sdk.Kind(_reader(store.PAYMENTS, shapes.Payment), _of_payment()),
    "customer": sdk.Kind(_customer, _of_customer()),
    "contact": sdk.Kind(_reader(store.CONTACTS, shapes.Contact), _of_contact()),
    "interaction": sdk.Kind(_reader(store.INTERACTIONS, shapes.Interaction), _of_interaction()),
}
