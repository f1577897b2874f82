"""A mapping finds the id that another system gave a record of ours; so do the dry run and the explanation."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub import sdk
from hub.api.explain import Explainer
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.refs import known
from hub.ledger.selection import Selection
from hub.mapping import parse_mapping
from tests.hub.delivery.test_deliver import AT, Bill, Vendor, World, home, opened

CUSTOMER = parse_mapping(
    """mapping: crm.customer__acme.bill
version: 1
from: crm.customer.created
to: acme.book
fields:
  number: { take: number, required: true }
examples:
  - { name: one, given: { number: C-1 }, expect: { number: C-1 } }
""",
    "customer.yaml",
)
CONTRACT = parse_mapping(
    """mapping: crm.contract__acme.bill
version: 1
from: crm.contract.approved
to: acme.book
refs:
  customer: { kind: acme.bill, record: customer.id }
fields:
  number: { take: "refs.customer.id && join('.', [refs.customer.id, number])", required: true }
examples:
  - name: one
    given: { number: HT-1, refs: { customer: { id: "7" } } }
    expect: { number: 7.HT-1 }
  - name: not there yet
    given: { number: HT-1 }
    error: number is required
""",
    "contract.yaml",
)
MAPPINGS = {each.pin: each for each in (CUSTOMER, CONTRACT)}


def plan(event: Event) -> list[Owed]:
    """Every event is booked; a contract for itself, a customer for its id."""
    pin = {"customer.created": CUSTOMER.pin, "contract.approved": CONTRACT.pin}.get(event.type)
    return [Owed("f", 0, "acme", "acme.book", pin, event.subject, event.subject)] if pin else []


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    async with opened(migrated, Vendor(), plan=plan) as made:
        registry, heart = made.deliverer.registry, made.deliverer.heart
        preparer = Preparer(made.database, registry, MAPPINGS.__getitem__)
        made.deliverer = Deliverer(made.database, registry, preparer, 15, heart)
        yield made


async def tell(world: World, kind: str, subject: str, data: dict[str, Any]) -> None:
    """It happens, and is delivered."""
    async with world.database.unit("demo") as unit:
        await unit.emit(sdk.Inbound(kind, subject, f"{kind}{subject}", AT, data))
    await world.deliverer.drain("demo", "acme")


async def approve(world: World, number: str, customer: str | None = "cus_1") -> None:
    await tell(world, "contract.approved", number, {"number": number, "customer": {"id": customer}})


async def make_anew(world: World) -> None:
    """The customer was lost there, and made once more."""
    async with world.database.unit("demo") as unit:
        await unit.execute(
            """INSERT INTO external_refs (tenant_id, connection, entity, external_id, number, record, delivery_id)
            SELECT tenant_id, connection, entity, 'id-C-2', 'C-2', record, delivery_id FROM external_refs LIMIT 1"""
        )


async def test_a_mapping_finds_what_an_earlier_delivery_made(world: World) -> None:
    await approve(world, "HT-1")
    assert await world.rows("SELECT state, error FROM deliveries") == [("dead", "number is required")]
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    await approve(world, "HT-2")
    await approve(world, "HT-3", customer=None)
    assert sorted(world.vendor.bills) == ["C-1", "id-C-1.HT-2"]
    states = await world.rows("SELECT state FROM deliveries ORDER BY seq")
    assert [state for (state,) in states] == ["dead", "done", "done", "dead"]


async def test_many_are_looked_up_in_one_question(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(12):
        await tell(world, "customer.created", f"cus_{number}", {"number": f"C-{number}"})
    asked: list[int] = []

    async def counted(unit: Any, wanted: Any, before: Any = None) -> Any:
        asked.append(len(wanted))
        return await known(unit, wanted, before)

    monkeypatch.setattr("hub.delivery.prepare.known", counted)
    async with world.database.unit("demo") as unit:
        for number in range(12):
            data = {"number": f"HT-{number}", "customer": {"id": f"cus_{number}"}}
            await unit.emit(sdk.Inbound("contract.approved", f"HT-{number}", f"HT-{number}", AT, data))
    await world.deliverer.drain("demo", "acme")
    assert {f"id-C-{number}.HT-{number}" for number in range(12)} <= set(world.vendor.bills)
    assert sum(asked) == 12
    assert len(asked) < 12
    asked.clear()
    await tell(world, "customer.created", "cus_99", {"number": "C-99"})
    assert asked == []


async def test_what_was_made_anew_stands_for_what_was_lost(world: World) -> None:
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    await make_anew(world)
    await approve(world, "HT-1")
    assert "id-C-2.HT-1" in world.vendor.bills


async def test_what_may_have_been_sent_is_looked_for_as_it_was(world: World) -> None:
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    world.vendor.mood = "silent"
    await approve(world, "HT-1")
    await make_anew(world)
    world.vendor.mood = "yes"
    await world.make_due()
    await world.deliverer.drain("demo", "acme")
    assert await world.rows("SELECT state FROM deliveries WHERE record = 'HT-1'") == [("done",)]
    assert sorted(world.vendor.bills) == ["C-1", "id-C-1.HT-1"]


async def test_a_record_that_is_no_id_is_refused_with_its_place(world: World) -> None:
    await tell(world, "contract.approved", "HT-1", {"number": "HT-1", "customer": {"id": {"a": 1}}})
    ((state, error, hint),) = await world.rows("SELECT state, error, hint_zh FROM deliveries")
    assert (state, error) == ("dead", "refs.customer 'customer.id': gives no id")
    assert hint == "检查 refs 里的表达式：customer。"


async def test_a_dry_run_finds_it_too(world: World) -> None:
    await approve(world, "HT-1")
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    lab = Lab(world.database, Planner(world.deliverer.registry.actions, plan), MAPPINGS.__getitem__)
    (found,) = (await lab.dry_run("demo", Selection(record="HT-1"), "pinned", "", 10, 5)).items
    assert (found.payload, found.error) == ({"number": "id-C-1.HT-1"}, "")


async def test_an_explanation_shows_what_was_found_then(world: World) -> None:
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    await approve(world, "HT-1")
    await make_anew(world)
    ((delivery,),) = await world.rows("SELECT id FROM deliveries WHERE record = 'HT-1'")
    explainer = Explainer(world.database, home, {"acme.book": Bill}, lambda: MAPPINGS)
    mapping = (await explainer.explain("demo", "delivery", delivery, "number"))["written"]["mapping"]
    seen = {each["path"]: each["value"] for each in mapping["inputs"]}
    assert seen == {"number": "HT-1", "refs.customer.id": "id-C-1"}


async def test_one_tenant_knows_nothing_of_the_ids_of_another(world: World) -> None:
    await tell(world, "customer.created", "cus_1", {"number": "C-1"})
    wanted = ("acme", "bill", "cus_1")
    seen = []
    for tenant in ("demo", "other"):
        async with world.database.unit(tenant) as unit:
            seen.append(await known(unit, [wanted]))
    assert seen == [{wanted: {"id": "id-C-1", "number": "C-1"}}, {}]
