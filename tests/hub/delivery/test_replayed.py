"""What a person changed reaches the vendor: an edited payload, a new effect under a new key, an answer to a doubt."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from hub import sdk
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.forces import ask, confirm
from hub.ledger.leases import Heart
from hub.ledger.replay import replay
from hub.registry import Registry
from hub.sdk.client import make_client
from hub.sdk.http import Egress

AT = datetime(2026, 11, 28, tzinfo=UTC)


class Config(BaseModel):
    """Nothing to configure."""


class Bill(BaseModel):
    """What is booked."""

    number: str
    amount: Decimal


class Asis:
    """A mapping that changes nothing."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        return data


@dataclass
class World:
    """A vendor that notes (key, number, amount) of each effect; `doubt`: it falls silent after that."""

    booked: list[tuple[str, str, str]] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    error: sdk.VendorError | None = None
    database: Database = field(init=False)
    deliverer: Deliverer = field(init=False)
    lab: Lab = field(init=False)

    async def book(self, ctx: sdk.Context[Config], bill: Bill) -> sdk.Made:
        if isinstance(self.error, sdk.Rejected):
            raise self.error
        self.booked.append((ctx.key, bill.number, str(bill.amount)))
        if self.error:
            raise self.error
        return sdk.Made(id=f"id-{len(self.booked)}", number=bill.number)

    async def note(self, _unit: sdk.Unit, given: BaseModel) -> sdk.Made:
        self.told.append(str(getattr(given, "number", "")))
        return sdk.Made(id="note")

    async def drain(self) -> None:
        await self.deliverer.drain("demo", "acme")
        await self.deliverer.drain("demo", "crm")

    async def approve(self) -> str:
        """A contract is approved and its bill attempted; the id of the delivery."""
        async with self.database.unit("demo") as unit:
            data = {"number": "AR-1", "amount": Decimal("100.50")}
            await unit.emit(sdk.Inbound("contract.approved", "c1", "c1", AT, data))
        await self.drain()
        return str(await self.value("SELECT id FROM deliveries WHERE connection = 'acme'"))

    async def value(self, sql: str) -> Any:
        async with self.database.unit("demo") as unit:
            return await unit.fetchval(sql)


class Written(BaseModel):
    """What is written back."""

    number: str


class Back:
    """The mapping of what was made to what is noted."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"number": data["result"]["id"]}


def plan(event: Event) -> list[Owed]:
    if event.type == "contract.approved":
        return [Owed("f", 0, "acme", "acme.book", "asis", event.subject, event.subject)]
    return [Owed("g", 0, "crm", "crm.note", "back", event.subject, str(event.data["record"]))]


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    made = World()
    acme: sdk.Connector[Config] = sdk.Connector("acme", sdk.Text("", ""), Config, sdk.ErrorTable(lambda _: None, {}))
    home = sdk.HomeSystem("crm", sdk.Text("", ""), frozenset({"contract.approved"}))

    @acme.action("book", effect=sdk.Effect.D, title=sdk.Text("", ""), emits="bill.booked", entity="bill")
    async def book(ctx: sdk.Context[Config], bill: Bill) -> sdk.Made:
        return await made.book(ctx, bill)

    @home.action("note", title=sdk.Text("", ""))
    async def note(unit: sdk.Unit, given: Written) -> sdk.Made:
        return await made.note(unit, given)

    registry = Registry({"acme": acme}, home, Vault(Vault.new_key()), Egress(), make_client)
    made.database = database = await Database.open(migrated.app, size=8, plan=plan)
    async with database.unit("demo") as unit:
        await save(unit, "acme", "acme", {}, {})

    def mapping(pin: str) -> Asis | Back:
        return Asis() if pin == "asis" else Back()

    preparer = Preparer(database, registry, mapping)
    made.deliverer = Deliverer(database, registry, preparer, 15, Heart(migrated.app, 15))
    made.lab = Lab(database, Planner(registry.actions, plan), mapping)
    yield made
    await registry.close()
    await database.close()


async def test_an_edited_payload_is_what_is_sent_under_the_same_key(world: World) -> None:
    world.error = sdk.Rejected("no", code="9", hint=sdk.Text("", ""))
    dead = await world.approve()
    world.error = None
    await world.lab.edit("demo", "one", "why", dead, {"number": "AR-2", "amount": Decimal("99.99")})
    await world.drain()
    assert world.booked == [(dead, "AR-2", "99.99")], "a clear refusal leaves no doubt, also in class D"
    assert str((await world.value("SELECT payload FROM deliveries WHERE connection = 'acme'"))["amount"]) == "99.99"


async def test_a_forced_effect_has_a_key_of_its_own_and_is_written_back_too(world: World) -> None:
    done = await world.approve()
    async with world.database.unit("demo") as unit:
        await ask(unit, done, "one", "deleted there")
        assert await confirm(unit, done, "two") == 1
    await world.drain()
    assert [key for key, *_ in world.booked] == [done, f"{done}.1"]
    assert world.told == ["id-1", "id-2"]


async def test_a_replay_after_a_forced_effect_keeps_its_key(world: World) -> None:
    done = await world.approve()
    world.error = sdk.Ambiguous("silence", code="timeout", hint=sdk.Text("", ""))
    async with world.database.unit("demo") as unit:
        await ask(unit, done, "one", "deleted there")
        await confirm(unit, done, "two")
    await world.drain()
    world.error = None
    async with world.database.unit("demo") as unit:
        assert await replay(unit, done) == "acme"
    await world.drain()
    assert len(world.booked) == 2, "class D is never sent again by itself"
    async with world.database.unit("demo") as unit:
        await world.lab.answer(unit, done, False, None, ("one", "not there"))
    await world.drain()
    assert [key for key, *_ in world.booked] == [done, f"{done}.1", f"{done}.1"]


async def test_an_answered_doubt_is_written_back_once_and_never_sent(world: World) -> None:
    world.error = sdk.Ambiguous("silence", code="timeout", hint=sdk.Text("", ""))
    doubt = await world.approve()
    assert world.told == []
    async with world.database.unit("demo") as unit:
        await world.lab.answer(unit, doubt, True, sdk.Made(id="77", number="AR-1"), ("one", "seen"))
    await world.drain()
    assert (len(world.booked), world.told) == (1, ["77"])
