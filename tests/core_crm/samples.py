"""A customer, a contract of ten lines over 628 000.00, and the news that come back about it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from core_crm import commands, home, people
from core_crm.shapes import NewContract, NewCustomer
from hub import sdk
from tests.core_crm.works import Works

T = TypeVar("T")

CUSTOMER = {"number": "C-0001", "name": "苏州恒锐精密机械有限公司", "credit_code": "91520000214434146R"}
PRICES = ("128000", "99999.99", "0.01", "50000", "50000", "50000", "50000", "50000", "50000", "100000")
LINES = [
    {"product": f"加工中心 {n}", "spec": "VMC-850", "unit": "台", "quantity": "1", "unit_price": p, "tax_rate": "13"}
    for n, p in enumerate(PRICES, start=1)
]
APPROVAL = {"instance_id": "proc-1"}
AGREED = {"instance_id": "proc-1", "decision": "approved", "decided_at": "2026-11-22T09:30:05+08:00"}
BOOKED = {
    "external_id": "100010",
    "number": "AR-HT-1",
    "amount": "628000.00",
    "currency": "CNY",
    "due_on": "2026-12-31",
}
PAID = {
    "external_id": "200001",
    "number": "SKD-1",
    "receivable_number": "AR-HT-1",
    "amount": "200000.00",
    "currency": "CNY",
    "paid_on": "2026-11-28",
    "modified_at": "2026-11-28T08:00:00+08:00",
}


def contract_of(customer_id: str, number: str = "HT-1", **changes: Any) -> dict[str, Any]:
    """A contract as a client sends it."""
    head = {"customer_id": customer_id, "number": number, "title": "设备采购", "amount": "628000.00", "lines": LINES}
    return {**head, "signed_on": "2026-11-20", "due_on": "2026-12-31", **changes}


async def draft(works: Works, number: str = "HT-1", tenant: str = "demo", **changes: Any) -> str:
    """A contract in draft, of a customer of its own; its id."""
    async with works.begin(tenant) as unit:
        who = NewCustomer.model_validate({**CUSTOMER, "number": f"C-{number}"})
        customer = await people.create_customer(unit, who)
        return await commands.create_contract(
            unit, NewContract.model_validate(contract_of(customer, number, **changes))
        )


async def submitted(works: Works, number: str = "HT-1", tenant: str = "demo") -> str:
    """A submitted contract; its id."""
    made = await draft(works, number, tenant)
    async with works.begin(tenant) as unit:
        await commands.submit_contract(unit, made)
    return made


async def approved(works: Works, number: str = "HT-1", tenant: str = "demo") -> str:
    """A contract approved by rule; its id."""
    made = await submitted(works, number, tenant)
    await act(works, "crm", "approve_contract", tenant=tenant, contract_id=made, reason="金额未超过 50 万元")
    return made


async def act(works: Works, source: str, name: str, /, tenant: str = "demo", **given: Any) -> sdk.Made:
    """Run a home action as the hub does: input validated, one unit of work, the event's connection as source."""
    action = home.actions[name]
    run: Any = action.run
    async with works.applying(source, tenant) as unit:
        made: sdk.Made = await run(unit, action.input.model_validate(given))
        return made


async def meet(works: Works, *doings: Callable[[], Awaitable[T]]) -> list[T]:
    """Do it all at once: every connection of the pool is open first, so that transactions really overlap."""

    async def open_one() -> None:
        async with works.begin("demo") as unit:
            await unit.execute("SELECT pg_sleep(0.05)")

    await asyncio.gather(*(open_one() for _ in range(5)))
    return list(await asyncio.gather(*(do() for do in doings)))


async def rows(works: Works, sql: str, tenant: str = "demo") -> list[tuple[Any, ...]]:
    """What the tenant sees."""
    async with works.begin(tenant) as unit:
        return [tuple(row) for row in await unit.fetch(sql)]
