"""A delivery from claim to settlement against a vendor on a real socket: yes, no, silence, and the home system."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import BaseModel, SecretStr

from hub import sdk
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.delivery.work import Drains
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.connections import find, release, save
from hub.ledger.database import Database, Unavailable
from hub.ledger.leases import Heart
from hub.ledger.record import Plan
from hub.ledger.versions import keep_versions
from hub.registry import Registry
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK, Egress

AT = datetime(2026, 11, 28, tzinfo=UTC)
HINT = sdk.Text("请补全客户名称", "Fill the customer's name")


class Config(BaseModel):
    """Where the vendor listens."""

    url: str
    secret: SecretStr = SecretStr("canary-secret-1")


class Bill(BaseModel):
    """What is booked."""

    number: str


class Note(BaseModel):
    """What is written back."""

    bill: str


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    return None if answer.body["ok"] else sdk.Refusal(str(answer.body["code"]), answer.body["words"])


ROWS = {"9": sdk.Row(sdk.Rejected, HINT), "1": sdk.Row(sdk.NeedsReauth, HINT)}
acme: sdk.Connector[Config] = sdk.Connector(
    "acme", sdk.Text("示例", "Acme"), Config, sdk.ErrorTable(read, ROWS), lambda c: c.url
)
home = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset({"contract.approved"}))


async def _look(ctx: sdk.Context[Config], bill: Bill) -> sdk.Made | None:
    body = await ctx.call("GET", f"/bills/{bill.number}")
    return sdk.Made(id=body["id"], number=bill.number) if body["id"] else None


@acme.action(
    "book", effect=sdk.Effect.C, title=sdk.Text("记账", "Book"), look=_look, emits="bill.booked", entity="bill"
)
async def book(ctx: sdk.Context[Config], bill: Bill) -> sdk.Made:
    secret = ctx.config.secret.get_secret_value()
    body = await ctx.call("POST", "/bills", json={"number": bill.number, "key": ctx.key, "secret": secret})
    return sdk.Made(id=body["id"], number=bill.number)


@home.action("note", title=sdk.Text("记录", "Note"))
async def note(unit: sdk.Unit, given: Note) -> sdk.Made:
    if given.bill == "lost":
        raise Unavailable("connection lost at commit")
    if given.bill == "early":
        raise sdk.NotReady("not yet", code="early")
    await unit.emit(sdk.Inbound("contract.noted", given.bill, f"noted:{given.bill}", unit.now, {"source": unit.source}))
    return sdk.Made(id=given.bill)


@dataclass
class Vendor:
    """A vendor that books bills and answers as `mood` says; bills called "slow…" once it is `impatient`."""

    mood: str = "yes"
    bills: dict[str, str] = field(default_factory=dict)
    impatient: asyncio.Event = field(default_factory=asyncio.Event)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next((int(x[15:]) for x in head.lower().split("\r\n") if x.startswith("content-length:")), 0)
        body = sdk.loads(await reader.readexactly(length)) if length else {}
        if body.get("number", "").startswith("slow"):
            await self.impatient.wait()
        answer = self.look(head) if head.startswith("GET") else self.book(body["number"])
        if self.mood != "silent" or head.startswith("GET"):
            raw = sdk.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
            await writer.drain()
        writer.close()

    def look(self, head: str) -> dict[str, Any]:
        return {"ok": True, "id": self.bills.get(head.split(" ")[1].rsplit("/", 1)[1], "")}

    def book(self, number: str) -> dict[str, Any]:
        if self.mood in ROWS:
            return {"ok": False, "code": self.mood, "words": "FName 不能为空 canary-secret-1"}
        assert number not in self.bills, "booked twice"
        self.bills[number] = f"id-{number}"
        if self.mood == "odd":
            return {"ok": True}
        return {"ok": True, "id": self.bills[number]}


@dataclass
class World:
    database: Database
    deliverer: Deliverer
    vendor: Vendor

    async def approve(self, *numbers: str) -> None:
        async with self.database.unit("demo") as unit:
            for number in numbers:
                await unit.emit(sdk.Inbound("contract.approved", number, number, AT, {"number": number}))

    async def rows(self, sql: str) -> list[tuple[Any, ...]]:
        async with self.database.unit("demo") as unit:
            return [tuple(row) for row in await unit.fetch(sql)]

    async def make_due(self) -> None:
        async with self.database.unit("demo") as unit:
            await unit.execute("UPDATE deliveries SET due_at = now() WHERE state = 'waiting'")


@dataclass(frozen=True)
class Map:
    pin: str

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        if self.pin == "broken":
            raise sdk.MappingError("number is required")
        return {"number": data["number"]} if self.pin == "out" else {"bill": data["result"]["number"]}


def deliverer(database: Database, registry: Registry, mapping: Callable[[str], Map], heart: Heart) -> Deliverer:
    return Deliverer(database, registry, Preparer(database, registry, mapping), 15, heart)


def plan(event: Event) -> list[Owed]:
    if event.type == "contract.approved":
        pin = "broken" if event.subject == "broken" else "out"
        return [Owed("f", 0, "acme", "acme.book", pin, event.subject, event.subject)]
    if event.type == "bill.booked":
        return [Owed("g", 0, "crm", "crm.note", "back", event.subject, str(event.data["record"]))]
    return []


@asynccontextmanager
async def opened(
    addresses: Addresses, vendor: Vendor, connector: sdk.Connector[Config] = acme, plan: Plan = plan
) -> AsyncIterator[World]:
    """A world of its own around a vendor, with the connections acme and second."""
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    registry = Registry({"acme": connector}, home, Vault(Vault.new_key()), LOOPBACK, make_client)
    database = await Database.open(addresses.app, size=8, plan=plan)
    async with database.unit("demo") as unit:
        for name in ("acme", "second"):
            await save(unit, name, "acme", *registry.seal("demo", name, Config(url=url)))
    heart = Heart(addresses.app, 15)
    yield World(database, deliverer(database, registry, Map, heart), vendor)
    await registry.close()
    await database.close()
    server.close()


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    async with opened(migrated, Vendor()) as made:
        yield made


STATES = "SELECT connection, state FROM deliveries ORDER BY seq"


async def test_a_yes_is_settled_and_written_back_exactly_once(world: World) -> None:
    await world.approve("AR-1")
    assert await world.deliverer.drain("demo", "acme") == 1
    assert await world.deliverer.drain("demo", "crm") == 1
    assert await world.deliverer.drain("demo", "acme") == 0
    assert await world.rows(STATES) == [("acme", "done"), ("crm", "done")]
    assert await world.rows("SELECT external_id, number, record FROM external_refs") == [("id-AR-1", "AR-1", "AR-1")]
    assert await world.rows("SELECT data FROM events WHERE type = 'contract.noted'") == [({"source": "acme"},)]
    exchanges = (await world.rows("SELECT exchanges FROM attempts ORDER BY started_at"))[0][0]
    assert exchanges[0]["status"] == 200
    assert "canary" not in str(exchanges)


async def test_many_records_flow_side_by_side(world: World) -> None:
    numbers = [f"AR-{n}" for n in range(60)]
    await world.approve(*numbers)
    await asyncio.gather(*(world.deliverer.drain("demo", "acme") for _ in range(3)))
    assert sorted(world.vendor.bills) == sorted(numbers)


async def test_a_no_inside_200_is_a_dead_letter_with_the_vendors_words_and_our_hint(world: World) -> None:
    world.vendor.mood = "9"
    await world.approve("AR-1")
    await world.deliverer.drain("demo", "acme")
    (row,) = await world.rows("SELECT state, error_code, error, hint_zh FROM deliveries")
    assert row == ("dead", "9", "FName 不能为空 ••••", HINT.zh)


async def test_silence_after_the_write_is_looked_up_not_sent_again(world: World) -> None:
    world.vendor.mood = "silent"
    await world.approve("AR-1")
    await world.deliverer.drain("demo", "acme")
    assert await world.rows("SELECT state, look_first FROM deliveries") == [("waiting", True)]
    world.vendor.mood = "yes"
    await world.make_due()
    await world.deliverer.drain("demo", "acme")
    assert (await world.rows(STATES))[0] == ("acme", "done")
    assert world.vendor.bills == {"AR-1": "id-AR-1"}


async def test_an_answer_of_an_unknown_shape_is_doubt_and_harms_no_other_delivery(world: World) -> None:
    world.vendor.mood = "odd"
    await world.approve("AR-1", "AR-2")
    assert await world.deliverer.drain("demo", "acme") == 2
    assert set(await world.rows("SELECT state, look_first, error_code FROM deliveries")) == {("waiting", True, "shape")}
    world.vendor.mood = "yes"
    await world.make_due()
    await world.deliverer.drain("demo", "acme")
    assert set(await world.rows("SELECT state FROM deliveries WHERE connection = 'acme'")) == {("done",)}


async def test_a_refused_secret_holds_the_whole_connection_until_it_is_released(world: World) -> None:
    world.vendor.mood = "1"
    await world.approve("AR-1")
    await world.deliverer.drain("demo", "acme")
    await world.approve("AR-2")
    assert await world.deliverer.drain("demo", "acme") == 0
    async with world.database.unit("demo") as unit:
        stored = await find(unit, "acme")
        assert stored is not None
        assert stored.held_at is not None
        await release(unit, "acme")
    world.vendor.mood = "yes"
    assert await world.deliverer.drain("demo", "acme") == 2


async def test_a_broken_mapping_sends_nothing(world: World) -> None:
    await world.approve("broken")
    await world.deliverer.drain("demo", "acme")
    assert await world.rows("SELECT state, error, attempts FROM deliveries") == [("dead", "number is required", 0)]
    assert world.vendor.bills == {}


OLD = """mapping: crm.contract__acme.bill
version: 1
from: crm.contract.approved
to: acme.book
fields:
  number: { take: number, required: true }
examples:
  - { name: one, given: { number: HT-1 }, expect: { number: HT-1 } }
"""


async def test_a_delivery_is_mapped_with_the_version_it_was_recorded_with(world: World) -> None:
    async with world.database.unit("demo") as unit:
        await keep_versions(unit, [("mapping", "crm.contract__acme.bill", "h", "out", OLD)])
    await world.approve("AR-1", "AR-2")

    def holds_none(pin: str) -> Map:
        raise KeyError(pin)

    later = deliverer(world.database, world.deliverer.registry, holds_none, world.deliverer.heart)
    assert await later.drain("demo", "acme") == 2
    assert sorted(world.vendor.bills) == ["AR-1", "AR-2"]


async def test_a_version_nobody_knows_is_a_dead_letter(world: World) -> None:
    await world.approve("AR-1")

    def holds_none(pin: str) -> Map:
        raise KeyError(pin)

    later = deliverer(world.database, world.deliverer.registry, holds_none, world.deliverer.heart)
    await later.drain("demo", "acme")
    assert await world.rows("SELECT state, error FROM deliveries") == [("dead", "mapping out is not known here")]


async def test_a_record_that_is_not_there_yet_is_waited_for(world: World) -> None:
    await world.approve("early")
    await world.deliverer.drain("demo", "acme")
    await world.deliverer.drain("demo", "crm")
    assert await world.rows("SELECT state, spent, snoozes FROM deliveries WHERE connection = 'crm'") == [
        ("waiting", 0, 1)
    ]


async def test_a_database_that_is_lost_kills_no_delivery(world: World) -> None:
    await world.approve("lost")
    await world.deliverer.drain("demo", "acme")
    with pytest.raises(Unavailable):
        await world.deliverer.drain("demo", "crm")
    assert await world.rows("SELECT state, spent FROM deliveries WHERE connection = 'crm'") == [("claimed", 0)]


async def test_a_secret_that_does_not_open_holds_the_delivery(world: World) -> None:
    await world.approve("AR-1")
    registry = Registry({"acme": acme}, home, Vault(Vault.new_key()), Egress(), make_client)
    await deliverer(world.database, registry, Map, world.deliverer.heart).drain("demo", "acme")
    assert await world.rows("SELECT state, spent FROM deliveries") == [("held", 0)]
    assert world.vendor.bills == {}


async def test_drains_asked_for_meanwhile_become_one_more() -> None:
    runs = 0
    gate = asyncio.Event()

    async def drain(_tenant: str, _connection: str, more: asyncio.Event) -> None:
        nonlocal runs
        more.clear()
        runs += 1
        await gate.wait()

    drains = Drains(drain)
    await drains.ask("demo", "acme")
    await asyncio.sleep(0)
    for _ in range(5):
        await drains.ask("demo", "acme")
    gate.set()
    await drains.finish(5)
    assert runs == 2


async def test_what_comes_in_while_a_slow_call_is_under_way_does_not_wait_for_it(world: World) -> None:
    drains = Drains(world.deliverer.drain)
    await world.approve("slow")
    await drains.ask("demo", "acme")
    await asyncio.sleep(0.2)
    assert await world.rows("SELECT state FROM deliveries") == [("sending",)]
    await world.approve("AR-1", "AR-2")
    await drains.ask("demo", "acme")
    for _ in range(100):
        if len(world.vendor.bills) == 2:
            break
        await asyncio.sleep(0.05)
    assert set(world.vendor.bills) == {"AR-1", "AR-2"}
    world.vendor.impatient.set()
    await drains.finish(5)
    assert set(world.vendor.bills) == {"slow", "AR-1", "AR-2"}


@pytest.mark.parametrize(("others", "at_once"), [(0, 8), (1, 4), (3, 2), (20, 2)])
async def test_a_connection_takes_its_share_of_the_process_and_leaves_the_others_theirs(
    world: World, monkeypatch: pytest.MonkeyPatch, others: int, at_once: int
) -> None:
    monkeypatch.setattr("hub.delivery.deliver.AT_ONCE", 8)
    monkeypatch.setattr("hub.delivery.deliver.LEAST", 2)
    world.deliverer._drains += others
    await world.approve(*(f"slow-{n}" for n in range(20)))
    draining = asyncio.create_task(world.deliverer.drain("demo", "acme"))
    await asyncio.sleep(0.3)
    assert await world.rows("SELECT count(*) FROM deliveries WHERE state = 'sending'") == [(at_once,)]
    world.vendor.impatient.set()
    await draining
    assert len(world.vendor.bills) == 20
