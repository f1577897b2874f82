"""What the home system declares of its events is what it tells: every field, and nothing else."""

from typing import Any

from pydantic import BaseModel

from core_crm import home, people
from core_crm.shapes import NewContact
from core_crm.told import EVENTS
from hub.mapping.checks.types import Type, of_model, type_of
from tests.core_crm.samples import approved, rows
from tests.core_crm.works import Works


def differences(told: Type, declared: Type, place: str = "") -> list[str]:
    """Where an event is not as its model says."""
    if "object" in told.kinds and told.fields.keys() != declared.fields.keys():
        return [f"{place}: {sorted(told.fields.keys() ^ declared.fields.keys())}"]
    odd = [] if told.kinds <= declared.kinds else [f"{place}: {set(told.kinds)}, not {set(declared.kinds)}"]
    for name, inner in told.fields.items():
        odd += differences(inner, declared.fields[name], f"{place}.{name}")
    if told.items is not None and declared.items is not None and told.items.kinds:
        odd += differences(told.items, declared.items, f"{place}[]")
    return odd


async def test_events_are_as_they_are_declared(works: Works) -> None:
    contract_id = await approved(works)
    async with works.begin("demo") as unit:
        customer_id = await unit.fetchval("SELECT customer_id FROM contracts WHERE id = $1", contract_id)
        await people.create_contact(unit, NewContact(customer_id=customer_id, name="李工"))
    again = await approved(works, "HT-2")
    told: list[Any] = await rows(works, "SELECT type, data FROM events WHERE connection = 'crm' ORDER BY id")
    assert {kind for kind, _ in told} == EVENTS.keys() - {"contract.rejected"}
    assert again != contract_id
    for kind, data in told:
        assert differences(type_of(data), of_model(EVENTS[kind], told=True)) == []


def test_every_event_is_declared() -> None:
    assert home.told.keys() == home.events
    assert all(issubclass(model, BaseModel) for model in home.told.values())
