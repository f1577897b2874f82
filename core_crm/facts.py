"""What registries and people say of a customer's company: each field with its source; a person's word stands."""

from typing import Any

from core_crm import model, store
from core_crm.news import EnrichedCustomer
from core_crm.refuse import missing
from core_crm.store import Row
from hub import sdk

FACT = """
INSERT INTO customer_facts AS f (tenant_id, id, customer_id, field, value, source, fetched_at, entered_by_person)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, customer_id, field, entered_by_person) DO UPDATE SET value = excluded.value,
  source = excluded.source, fetched_at = excluded.fetched_at
WHERE f.fetched_at <= excluded.fetched_at
RETURNING id
"""
REGISTRY = """
INSERT INTO customer_registry AS r (tenant_id, id, customer_id, status, provider, provider_id, fetched_at, candidates)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (tenant_id, customer_id) DO UPDATE SET status = excluded.status, provider = excluded.provider,
  provider_id = excluded.provider_id, fetched_at = excluded.fetched_at, candidates = excluded.candidates
WHERE r.fetched_at <= excluded.fetched_at
RETURNING id
"""
CANDIDATES_MAX = 50


async def enrich_customer(unit: sdk.Unit, given: EnrichedCustomer) -> Row:
    """Keep what a registry says of a customer; the customer.

    Safe to repeat; older news than what is kept change nothing. Facts are kept only when the company was found. An
    empty credit code is filled when the registry's is a valid one; a person's word is never overwritten.
    """
    customer = await _locked(unit, given.customer_id)
    look = (given.status, given.provider, given.provider_id, given.fetched_at)
    candidates = [each.model_dump() for each in given.candidates[:CANDIDATES_MAX]]
    await store.insert(unit, REGISTRY, "reg", customer["id"], *look, candidates)
    if given.status == "found":
        for field, value in given.facts.items():
            told = (field, value, given.provider, given.fetched_at, False)
            await store.insert(unit, FACT, "fct", customer["id"], *told)
        if not customer["credit_code"] and (code := valid_code(given.credit_code)):
            await unit.execute("UPDATE customers SET credit_code = $2 WHERE id = $1", customer["id"], code)
    return customer


async def state_fact(unit: sdk.Unit, customer_id: str, field: str, value: str) -> None:
    """A person's word on a field, or its withdrawal by "". Safe to repeat; the last one stands."""
    await _locked(unit, customer_id)
    if value:
        await store.insert(unit, FACT, "fct", customer_id, field, value, "crm", unit.now, True)
    else:
        sql = "DELETE FROM customer_facts WHERE customer_id = $1 AND field = $2 AND entered_by_person"
        await unit.execute(sql, customer_id, field)


async def facts_of(unit: sdk.Unit, customer: Row) -> dict[str, Row]:
    """Field → what stands, and as its suggestion what a registry says instead of a person's word.

    The name and the code a customer was created with are a person's word too.
    """
    sql = """SELECT field, value, source, fetched_at, entered_by_person FROM customer_facts
             WHERE customer_id = $1 ORDER BY field"""
    told = [dict(row) for row in await unit.fetch(sql, customer["id"])]
    registry = {row["field"]: row for row in told if not row["entered_by_person"]}
    person = {row["field"]: row for row in told if row["entered_by_person"]}
    for field in registry.keys() & {"name", "credit_code"}:
        if customer[field]:
            word: dict[str, Any] = {"value": customer[field], "source": "crm", "fetched_at": customer["created_at"]}
            person[field] = word
    return {field: _stands(person.get(field), registry.get(field)) for field in sorted(registry | person)}


async def registry_of(unit: sdk.Unit, customer_id: str) -> Row | None:
    """How the last look into a registry ended, or None when nobody looked."""
    sql = """SELECT status, provider, provider_id, fetched_at, candidates FROM customer_registry
             WHERE customer_id = $1"""
    row = await unit.fetchrow(sql, customer_id)
    return dict(row) if row else None


def _stands(person: Row | None, registry: Row | None) -> Row:
    """A person's word stands; a registry that says the same is named as the source."""
    if person and registry and person["value"] != registry["value"]:
        return {**person, "suggestion": registry}
    return {**(registry or person or {}), "suggestion": None}


def valid_code(code: str) -> str:
    """The normal form of a credit code, or "" for one that is not valid."""
    try:
        return model.credit_code(code)
    except ValueError:
        return ""


async def _locked(unit: sdk.Unit, customer_id: str) -> Row:
    sql = "SELECT id, number, name, credit_code FROM customers WHERE id = $1 FOR UPDATE"
    row = await unit.fetchrow(sql, customer_id)
    if row is None:
        raise missing("customer")
    return dict(row)
