"""Two books that are told of every order, by mappings that say which edition made them: the world of these tests."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from hub import sdk
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.deploy import Deployer, Follower, Running, read_environment
from hub.deploy.environment import Environment
from hub.embedded.postgres import Addresses
from hub.flows import Catalogue
from hub.ledger.connections import everyone, save
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.ledger.migrate import add_tenant
from hub.registry import Registry
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK

AT = datetime(2026, 11, 28, tzinfo=UTC)
EVENTS = {"shop": frozenset({"order.paid"})}

MAPPING = """mapping: shop.order__books.{book}
version: 1
from: shop.order.paid
to: books.book
fields:
  number: {{ take: number, required: true }}
  book: {{ value: {book} }}
  edition: {{ value: {edition} }}
  again: {{ value: {edition} }}
examples:
  - {{ name: one, given: {{}}, error: number is required }}
"""
FLOW = """flow: orders
title: {{ zh: 订单 {edition}, en: Orders {edition} }}
when: {{ connection: shop, event: order.paid }}
do:
  - {{ action: books.book, on: books, using: shop.order__books.left@1 }}
  - {{ action: books.book, on: books, using: shop.order__books.right@1 }}
"""


def edition(word: str) -> dict[str, str]:
    """The files of an edition: two mappings and the flow over them."""
    return {
        "flows/orders.yaml": FLOW.format(edition=word),
        "left.yaml": MAPPING.format(book="left", edition=word),
        "right.yaml": MAPPING.format(book="right", edition=word),
    }


class Config(BaseModel):
    """Where the books stand."""

    place: str
    shelf: int = 1
    secret: SecretStr = SecretStr("")


class Entry(BaseModel):
    """What is booked."""

    number: str
    book: str
    edition: str
    again: str


def vendor(name: str) -> sdk.Connector[Config]:
    """One that refuses nothing."""
    return sdk.Connector(name, sdk.Text(name, name), Config, sdk.ErrorTable(lambda _: None, {}), lambda _: "")


@dataclass
class World:
    """A ledger, two books, and one process that runs what is applied."""

    addresses: Addresses
    entries: list[Entry] = field(default_factory=list)

    async def open(self) -> "World":
        books, shelves = vendor("books"), vendor("shelves")
        books.action("book", effect=sdk.Effect.B, title=sdk.Text("记账", "Book"))(self._book)
        home = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset())
        self.registry = Registry(
            {"books": books, "shelves": shelves}, home, Vault(Vault.new_key()), LOOPBACK, make_client
        )
        self.load = partial(Catalogue.of, actions={"books.book": Entry}, events=EVENTS)
        self.running = Running()
        self.database = await Database.open(self.addresses.app, size=8, plan=self.running.plan)
        self.follower = Follower(self.database, self.running, self.load)
        self.deployer = Deployer(self.database, self.registry, self.load)
        await self.come("demo")
        return self

    async def close(self) -> None:
        await self.registry.close()
        await self.database.close()

    async def _book(self, _ctx: sdk.Context[Config], entry: Entry) -> sdk.Made:
        await asyncio.sleep(0)
        self.entries.append(entry)
        return sdk.Made(id=f"{entry.book} {entry.number}")

    def deliverer(self, running: Running | None = None) -> Deliverer:
        preparer = Preparer(self.database, self.registry, (running or self.running).mapping)
        return Deliverer(self.database, self.registry, preparer, 15, Heart(self.addresses.app, 15))

    async def apply(self, files: dict[str, str], environment: Environment | None = None, note: str = "") -> int:
        return await self.deployer.apply(await self.deployer.plan(files, environment), "cli:test", note)

    async def come(self, tenant: str) -> None:
        """A tenant with the books, now if it was not there."""
        await add_tenant(self.addresses.owner, tenant, tenant)
        async with self.database.unit(tenant) as unit:
            await save(unit, "books", "books", {"place": "attic", "shelf": 1}, {})

    async def order(self, *numbers: str, tenant: str = "demo") -> None:
        async with self.database.unit(tenant) as unit:
            facts = [sdk.Inbound("order.paid", each, each, AT, {"number": each}) for each in numbers]
            await unit.record("shop", facts)

    async def rows(self, sql: str, *values: Any, tenant: str = "demo") -> list[tuple[Any, ...]]:
        async with self.database.unit(tenant) as unit:
            return [tuple(row.values()) for row in await unit.fetch(sql, *values)]

    async def secrets(self, tenant: str = "demo") -> dict[str, str]:
        async with self.database.unit(tenant) as unit:
            stored = await everyone(unit)
        configs = {each.name: self.registry.open(each).config for each in stored}
        return {name: c.secret.get_secret_value() for name, c in configs.items() if isinstance(c, Config)}


def environment(folder: Path, text: str, **variables: str) -> Environment:
    """An environment file with that text."""
    (folder / "prod.yaml").write_text(text, "utf-8")
    return read_environment(folder / "prod.yaml", variables)
