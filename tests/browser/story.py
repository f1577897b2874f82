"""Deliveries in every state, told through the ledger's own functions, hostile text wherever a vendor writes."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from pydantic import BaseModel

from hub.domain.delivery import Next, Owed, State
from hub.domain.errors import Ambiguous, NeedsReauth, Rejected, Transient
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Claimed, Intent, claim, intend
from hub.ledger.connections import hold, save
from hub.ledger.database import Database
from hub.ledger.replay import cancel
from hub.ledger.settle import Ended, Outcome, settle
from hub.sdk import Action, Effect, Made
from hub.sdk.context import Exchange

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'&{{7*7}}"
FLOWS = {
    "contract-to-kingdee": Text("已批准的合同记入金蝶应收", "Approved contracts become receivables in Kingdee"),
    "contract-approval": Text("大额合同送钉钉审批", "Large contracts go to DingTalk for approval"),
}
AMOUNT = Decimal("628000.00")
APPROVED_AT = datetime(2026, 11, 22, 1, 30, 5, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Told:
    """One delivery and the state it was left in."""

    id: str
    record: str


def plan(event: Event) -> Sequence[Owed]:
    """Every contract owes one booking; what a booking made owes nothing."""
    if event.connection != "crm":
        return ()
    mapping = "crm.contract__kingdee.receivable@1:3f2a9c01"
    flow, action = "contract-to-kingdee", "kingdee.book_receivable"
    return [Owed(flow, 0, "kingdee", action, mapping, event.subject, event.subject)]


async def _run(_context: object, _given: object) -> Made:
    return Made(id="unused")


ACTION = Action(
    "book_receivable", Text("", ""), Effect.B, BaseModel, Made, _run, emits="receivable.audited", entity="receivable"
)


async def open_database(addresses: Addresses) -> Database:
    """The ledger with this story's plan."""
    return await Database.open(addresses.app, size=5, plan=plan)


async def owe(database: Database, record: str, tenant: str = "demo") -> None:
    """A contract is approved; one delivery is owed."""
    contract = {"id": record, "number": "HT-2026-0042", "title": HOSTILE, "amount": AMOUNT, "currency": "CNY"}
    data = {"contract": contract, "customer": {"name": "苏州恒锐精密机械有限公司"}}
    fact = Inbound("contract.approved", record, f"approved:{record}", APPROVED_AT, data)
    async with database.unit(tenant) as unit:
        await unit.emit(fact)


async def take(database: Database, tenant: str = "demo") -> Claimed:
    """Claim the one that is due."""
    async with database.unit(tenant) as unit:
        (claimed,) = await claim(unit, "kingdee", 10, 60)
    return claimed


async def settle_one(database: Database, outcome: Outcome, tenant: str = "demo") -> str:
    """Claim the one that is due, send it, and settle it so; its id."""
    delivery = await take(database, tenant)
    payload = {"bill_number": "AR-HT-2026-0042", "customer_number": HOSTILE, "tax_price": AMOUNT}
    async with database.unit(tenant) as unit:
        attempts = await intend(unit, [Intent(delivery, payload)])
    async with database.unit(tenant) as unit:
        assert await settle(unit, [Ended(delivery, attempts[delivery.id], ACTION, payload, outcome)])
    return delivery.id


def exchange(status: int, answer: str) -> Exchange:
    """One call to the vendor."""
    request = '{"formid":"AR_receivable","data":{"Model":{"FAmount":628000.00}}}'
    return Exchange("POST", "https://kingdee.example/k3cloud/Save.common.kdsvc", request, status, answer, 86)


def outcomes() -> dict[State, Outcome]:
    """How each attempted delivery ends."""
    fill = Text("在客户档案里填写法定名称，然后重放。", "Fill the legal name in the customer's file, then replay.")
    no = Rejected(f"字段“客户”是必填项 {HOSTILE}", code="500", hint=fill)
    silent = Ambiguous("no answer in time", code="timeout", hint=Text("先查后发。", "We look before sending."))
    busy = Transient("系统繁忙", code="-1", hint=Text("会自动重试。", "It is retried."))
    locked = NeedsReauth("密钥无效", code="40001", hint=Text("重新填写应用密钥。", "Paste the secret again."))
    good = exchange(200, '{"Result":{"Id":"100010","Amount":628000.00}}')
    made = Made(id="100010", number="AR-HT-2026-0042")
    return {
        State.DONE: Outcome(Next(State.DONE), made, exchanges=[good]),
        State.DEAD: Outcome(Next(State.DEAD), error=no, exchanges=[exchange(200, HOSTILE)]),
        State.UNCERTAIN: Outcome(Next(State.UNCERTAIN, look_first=True), error=silent, exchanges=[exchange(0, "")]),
        State.WAITING: Outcome(Next(State.WAITING, 1800), error=busy, exchanges=[exchange(503, "busy")]),
        State.HELD: Outcome(Next(State.HELD, spent=False), error=locked, exchanges=[exchange(401, "no")]),
    }


async def tell(database: Database) -> dict[State, Told]:
    """One delivery of the tenant demo in each state, and a connection that is held."""
    told: dict[State, Told] = {}
    for state, outcome in outcomes().items():
        await owe(database, f"ctr_{state}")
        told[state] = Told(await settle_one(database, outcome), f"ctr_{state}")
    await owe(database, "ctr_cancelled")
    dead = await settle_one(database, outcomes()[State.DEAD])
    async with database.unit("demo") as unit:
        await cancel(unit, dead)
    told[State.CANCELLED] = Told(dead, "ctr_cancelled")
    for state in (State.CLAIMED, State.SENDING):
        await owe(database, f"ctr_{state}")
        taken = await take(database)
        told[state] = Told(taken.id, f"ctr_{state}")
        if state is State.SENDING:
            async with database.unit("demo") as unit:
                await intend(unit, [Intent(taken, {})])
    await owe(database, "ctr_skipped")
    await _skip(database, told)
    await owe(database, "ctr_pending")
    async with database.unit("demo") as unit:
        pending = await unit.fetchval("SELECT id FROM deliveries WHERE record = 'ctr_pending'")
        await save(unit, "wecom", "wecom", {}, {})
        await hold(unit, "wecom", f"[40001] {HOSTILE}")
    told[State.PENDING] = Told(str(pending), "ctr_pending")
    return told


async def _skip(database: Database, told: dict[State, Told]) -> None:
    async with database.unit("demo") as unit:
        skipped: Any = await unit.fetchval(
            "UPDATE deliveries SET state = 'skipped' WHERE record = 'ctr_skipped' RETURNING id"
        )
    told[State.SKIPPED] = Told(str(skipped), "ctr_skipped")
