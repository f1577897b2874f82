"""Records as the API shows them, whole. Each raises Problem 404 for one that is not there."""

from core_crm import facts, shapes, store
from core_crm.refuse import demand
from hub import sdk


async def contract(unit: sdk.Unit, contract_id: str) -> shapes.OpenContract:
    """A contract with its customer, lines, approvals, receivable and postings."""
    found = await demand(unit, store.CONTRACTS, contract_id)
    booked = await store.page(unit, store.RECEIVABLES, 1, contract_id=contract_id)
    inner = {
        "customer": await demand(unit, store.CUSTOMERS, found["customer_id"]),
        "lines": await store.lines(unit, contract_id),
        "approvals": await store.approvals(unit, contract_id),
        "receivable": booked[0] if booked else None,
        "postings": await store.postings(unit, contract_id),
    }
    return shapes.OpenContract.model_validate({**found, **inner})


async def customer(unit: sdk.Unit, customer_id: str) -> shapes.OpenCustomer:
    """A customer with its contacts, facts and registry."""
    found = await demand(unit, store.CUSTOMERS, customer_id)
    inner = {
        "contacts": await store.people(unit, customer_id),
        "facts": await facts.facts_of(unit, found),
        "registry": await facts.registry_of(unit, customer_id),
    }
    return shapes.OpenCustomer.model_validate({**found, **inner})
