"""Contracts that owe a bill each, through a mapping with two versions; the replay lab over them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict

from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import Rejected
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Claimed, Intent, claim, intend
from hub.ledger.database import Database
from hub.ledger.settle import Ended, Outcome, settle
from hub.ledger.versions import keep_versions
from hub.mapping import MappingFile, parse_mapping
from hub.sdk import Action, Effect, Made

AT = datetime(2026, 11, 28, tzinfo=UTC)
NO = Outcome(Next(State.DEAD), error=Rejected("客户不存在", code="500", hint=Text("建客户", "Make the customer")))
DOUBT = Outcome(Next(State.UNCERTAIN))
DONE = Outcome(Next(State.DONE), Made(id="100", number="AR-1"))

TEXT = """
mapping: crm.contract__kingdee.bill
version: {version}
from: crm.contract.approved
to: kingdee.book
fields:
  number: {{take: contract.number}}
  amount: {{take: contract.amount}}
{more}
examples:
  - name: one
    given: {{contract: {{number: A, amount: 1.50}}}}
    error: never
"""


class Bill(BaseModel):
    """What is booked."""

    model_config = ConfigDict(extra="forbid")

    number: str
    amount: Decimal
    note: str = ""


async def _run(_context: object, _given: object) -> Made:
    return Made(id="100")


BOOK = Action("book", Text("", ""), Effect.D, Bill, Made, _run, emits="bill.booked", entity="bill")
FIRST = parse_mapping(TEXT.format(version=1, more=""), "1.yaml")
SECOND = parse_mapping(TEXT.format(version=2, more="  note: {value: v2}"), "2.yaml")


@dataclass
class Bills:
    """The world: `plans` is today's mapping; only `loaded` ones are in the catalogue."""

    plans: MappingFile | str = FIRST
    loaded: list[MappingFile] = field(default_factory=lambda: [FIRST, SECOND])
    lane: str = "{subject}"
    database: Database = field(init=False)

    def plan(self, event: Event) -> Sequence[Owed]:
        if event.connection != "crm" or not self.plans:
            return []
        pin = self.plans if isinstance(self.plans, str) else self.plans.pin
        lane = self.lane.format(subject=event.subject)
        return [Owed("bills", 0, "kingdee", "kingdee.book", pin, lane, lane)]

    def mapping(self, pin: str) -> MappingFile:
        return {m.pin: m for m in self.loaded}[pin]

    async def open(self, addresses: Addresses) -> "Bills":
        self.database = await Database.open(addresses.app, size=8, plan=self.plan)
        async with self.database.unit("demo") as unit:
            await keep_versions(unit, [("mapping", m.name, m.hash, m.pin, m.text) for m in (FIRST, SECOND)])
        return self

    @property
    def lab(self) -> Lab:
        return Lab(self.database, Planner({"kingdee.book": BOOK}, self.plan), self.mapping)

    async def approve(self, subject: str, amount: str = "100.50", **more: Any) -> None:
        data = {"contract": {"number": f"HT-{subject}", "amount": Decimal(amount)}, **more}
        async with self.database.unit("demo") as unit:
            await unit.emit(Inbound("contract.approved", subject, f"approved:{subject}", AT, data))

    async def take(self, most: int = 50) -> list[Claimed]:
        async with self.database.unit("demo") as unit:
            return await claim(unit, "kingdee", most, 60)

    async def settle(self, delivery: Claimed, outcome: Outcome) -> None:
        payload = self.mapping(delivery.mapping).apply(dict(delivery.event.data))
        async with self.database.unit("demo") as unit:
            attempts = await intend(unit, [Intent(delivery, payload)])
            assert await settle(unit, [Ended(delivery, attempts[delivery.id], BOOK, payload, outcome)])

    async def ended(self, outcome: Outcome, *subjects: str) -> list[str]:
        """Approve these contracts, and have their bills end so; the ids of the deliveries."""
        for subject in subjects:
            await self.approve(subject)
        taken = await self.take()
        for each in taken:
            await self.settle(each, outcome)
        return [each.id for each in sorted(taken, key=lambda each: each.event.subject)]

    async def row(self, delivery_id: str) -> dict[str, Any]:
        async with self.database.unit("demo") as unit:
            found = await unit.fetchrow("SELECT * FROM deliveries WHERE id = $1", delivery_id)
        assert found is not None
        return dict(found.items())

    async def count(self, table: str) -> int:
        counts = {
            "attempts": "SELECT count(*) FROM attempts",
            "events": "SELECT count(*) FROM events",
            "replays": "SELECT count(*) FROM replays",
        }
        async with self.database.unit("demo") as unit:
            return int(await unit.fetchval(counts[table]))
