"""A shop that tells of its orders, a mapping that books them, and a ledger between: the world of the drift tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from hub import sdk
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.domain.event import Event
from hub.drift import Guard, Learner, Reading, release
from hub.embedded.postgres import Addresses
from hub.flows import Catalogue
from hub.ledger import streams
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.ledger.streams import Drift, Policy
from hub.ledger.versions import keep_versions
from hub.registry import Registry
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK

AT = datetime(2026, 11, 28, tzinfo=UTC)
STREAM = ("shop", "order.paid")

MAPPING = """
mapping: shop.order__books.sale
version: {version}
from: shop.order.paid
to: books.book
fields:
  number: {{take: {number}, required: true}}
  buyer: {{take: buyer.name}}
  total: {{take: total}}
  codes: {{take: "lines[].code"}}
examples:
  - name: a sale without a number is refused
    given: {{total: 1}}
    error: number is required
"""
FLOW = """
flow: order-to-books
title: {{zh: 订单入账, en: Orders are booked}}
when: {{connection: shop, event: order.paid}}
do:
  - {{action: books.book, on: books, using: shop.order__books.sale@{version}}}
"""


class Config(BaseModel):
    """Nothing to configure."""


class Sale(BaseModel):
    """What is booked."""

    number: str
    buyer: str | None = None
    total: Decimal | None = None
    codes: list[str] = []


@dataclass
class Books:
    """What stands at the target: every sale it was told, in order."""

    sales: list[Sale] = field(default_factory=list)

    async def book(self, _context: sdk.Context[Config], sale: Sale) -> sdk.Made:
        self.sales.append(sale)
        return sdk.Made(id=sale.number)

    @property
    def connector(self) -> sdk.Connector[Config]:
        errors = sdk.ErrorTable(lambda _: None, {})
        books: sdk.Connector[Config] = sdk.Connector("books", sdk.Text("账", "Books"), Config, errors, lambda _: "")
        books.action("book", effect=sdk.Effect.B, title=sdk.Text("记账", "Book"))(self.book)
        return books


def order(number: int, **changes: Any) -> dict[str, Any]:
    """An order as the shop tells it; a change to None takes the field away, "…" stands for itself."""
    lines = [{"code": f"C{number % 7}", "tax": Decimal("0.13")}]
    data = {
        "order_no": f"SO-{number}",
        "state": ("paid", "part")[number % 2],
        "buyer": {"name": f"买家 {number}", "phone": "1"},
        "total": Decimal("9.90"),
        "note": "x" if number % 2 else None,
        "lines": lines,
    }
    return {name: value for name, value in {**data, **changes}.items() if value is not GONE}


GONE = object()


def files(version: int, number: str) -> dict[str, str]:
    """A mapping that takes the number from there, and the flow that uses it."""
    return {
        "shop/order__books.yaml": MAPPING.format(version=version, number=number),
        "flows/order-to-books.yaml": FLOW.format(version=version),
    }


class Shop:
    """The world. `learner` looks at everything at once; `guard` asks the ledger each time."""

    async def open(self, addresses: Addresses) -> "Shop":
        self.books = Books()
        home = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset())
        self.registry = Registry({"books": self.books.connector}, home, Vault(Vault.new_key()), LOOPBACK, make_client)
        self.database = await Database.open(addresses.app, size=8, plan=self.plan)
        await self.load(files(1, "order_no"))
        reading = self.reading = Reading(lambda: self.catalogue.flows, self.mapping)
        self.learner = Learner(self.database, reading, settled_s=-1)
        self.guard = Guard(self.database, reading, fresh_s=0)
        preparer = Preparer(self.database, self.registry, self.mapping, self.guard.check)
        self.deliverer = Deliverer(self.database, self.registry, preparer, 15, Heart(addresses.app, 15))
        async with self.database.unit("demo") as unit:
            await save(unit, "books", "books", {}, {})
        return self

    async def close(self) -> None:
        await self.registry.close()
        await self.database.close()

    def plan(self, event: Event) -> Any:
        return self.catalogue.plan(event)

    def mapping(self, pin: str) -> Any:
        return self.catalogue.mapping(pin)

    async def load(self, texts: Mapping[str, str]) -> None:
        actions = {name: action.input for name, action in self.registry.actions.items()}
        self.catalogue = Catalogue.of(texts, actions=actions, events={"shop": frozenset({"order.paid"})})
        async with self.database.unit("demo") as unit:
            await keep_versions(unit, self.catalogue.versions)

    @property
    def lab(self) -> Lab:
        return Lab(self.database, Planner(self.registry.actions, self.plan), self.mapping)

    async def tell(self, *orders: dict[str, Any]) -> None:
        """The shop tells of orders; each has an id of its own beside what the shop says."""
        async with self.database.unit("demo") as unit:
            for data in orders:
                self.told += 1
                subject = f"order {self.told}"
                await unit.record("shop", [sdk.Inbound("order.paid", subject, subject, AT, data)])

    told = 0

    async def usual(self, count: int = 200) -> None:
        """So many orders are told, booked and learned."""
        await self.tell(*(order(number) for number in range(count)))
        await self.deliverer.drain("demo", "books")
        assert await self.learner.step() == count

    async def set_policy(self, policy: Policy) -> None:
        async with self.database.unit("demo") as unit:
            await streams.set_policy(unit, *STREAM, policy)

    async def release(self) -> int:
        """Release the stream, as `hub streams release` does; how many deliveries were put back."""
        async with self.database.unit("demo") as unit:
            released = await release(unit, self.reading, STREAM, "ops")
            if released.selection is None:
                return 0
            replay_id = await self.lab.begin(unit, "ops", "mended", released.selection, "current")
        assert await self.lab.run("demo", replay_id, 30)
        return released.held

    async def drifts(self) -> list[Drift]:
        async with self.database.unit("demo") as unit:
            return await streams.open_drifts(unit)

    async def states(self) -> dict[str, int]:
        """Deliveries by state."""
        async with self.database.unit("demo") as unit:
            rows = await unit.fetch("SELECT state, count(*) FROM deliveries GROUP BY 1")
        return {row["state"]: row["count"] for row in rows}
