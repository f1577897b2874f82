"""The demo's story: contracts are created, approved, booked and paid. Everything goes through public interfaces."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

import httpx

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.sdk.exact import Json, dumps, loads

CUSTOMER = "苏州恒锐精密机械有限公司"
CREDIT_CODE = "91320594MA1ABCDE2C"
BUYER, MOBILE, ADDRESS = "李工", "13812345678", "li.gong@hengrui.example"
PAID = Decimal("200000.00")
AMOUNT = Decimal("628000.00")
LINES = [(f"数控车床 CK{61 + n}", Decimal(2), Decimal("31400.00")) for n in range(10)]
AT_ONCE = 16
CUSTOMER_EACH = 10
PATIENCE_S = 60.0

Progress = Callable[[int, str], None]


@dataclass(slots=True)
class Outcome:
    """What the CRM shows of the story: receivables by number, payments by external id."""

    receivables: dict[str, Json] = field(default_factory=dict)
    payments: dict[str, Json] = field(default_factory=dict)


class Office:
    """Speaks to the hub's REST as a person's program would."""

    def __init__(self, http: httpx.AsyncClient, key: str) -> None:
        self._http = http
        self._headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}

    async def post(self, path: str, body: Json, once: str) -> Json:
        """POST with an Idempotency-Key; tried again while the API is unavailable."""
        for _ in range(20):
            headers = {**self._headers, "idempotency-key": once}
            answer = await self._http.post(f"/api/v1{path}", content=dumps(body).encode(), headers=headers)
            if answer.status_code != 503:
                break
            await asyncio.sleep(0.5)
        return _read(answer)

    async def get(self, path: str, **params: str | list[str]) -> Json:
        """GET."""
        return _read(await self._http.get(f"/api/v1{path}", params=params, headers=self._headers))

    async def all(self, path: str, **params: str | list[str]) -> list[Json]:
        """Every item of a list, over all pages."""
        items: list[Json] = []
        cursor: str | None = ""
        while cursor is not None:
            page = await self.get(path, limit="200", **params, **({"cursor": cursor} if cursor else {}))
            items += page["items"]
            cursor = page["next"]
        return items


def _read(answer: httpx.Response) -> Json:
    if answer.status_code >= 300:
        hint = Text("查看 API 的日志。", "Look into the API's log.")
        raise ConfigError(f"http {answer.status_code}: {answer.text[:500]}", hint=hint)
    return loads(answer.content)


async def play(office: Office, kingdee: httpx.AsyncClient, contracts: int, tell: Progress) -> Outcome:
    """Play the story for so many contracts; `tell` hears how many are paid and what is going on.

    Raises ConfigError when nothing moves for a minute.
    """
    outcome = Outcome()
    turns = asyncio.Semaphore(AT_ONCE)
    customers = [await _customer(office, n) for n in range((contracts + CUSTOMER_EACH - 1) // CUSTOMER_EACH)]
    await _contact(office, customers[0])

    async def sign(number: int) -> None:
        async with turns:
            await _sign(office, customers[number // CUSTOMER_EACH], number)

    # Together, so that a contract that is refused is told at once and not as a story that stands still.
    await asyncio.gather(_collect(office, kingdee, contracts, outcome, tell), *(sign(n) for n in range(contracts)))
    return outcome


async def _customer(office: Office, number: int) -> str:
    body = {"number": f"C-{number + 1:04}", "name": CUSTOMER + (f"（{number}）" if number else "")}
    code = {"credit_code": CREDIT_CODE} if number == 0 else {}
    made = await office.post("/customers", {**body, **code}, f"demo-customer-{number}")
    return str(made["id"])


async def _contact(office: Office, customer: str) -> None:
    """Whom to write to; noted before the contract is approved."""
    body = {"customer_id": customer, "name": BUYER, "mobile": MOBILE, "email": ADDRESS}
    await office.post("/contacts", body, "demo-contact")


async def _sign(office: Office, customer: str, number: int) -> None:
    """Create and submit a contract of ten lines."""
    lines = [
        {"product": p, "spec": "标准型", "unit": "台", "quantity": q, "unit_price": u, "tax_rate": Decimal("13.00")}
        for p, q, u in LINES
    ]
    body = {
        "customer_id": customer,
        "number": f"HT-2026-{number + 1:04}",
        "title": "数控设备采购合同",
        "currency": "CNY",
        "amount": AMOUNT,
        "signed_on": "2026-11-20",
        "due_on": "2026-12-31",
        "lines": lines,
    }
    made = await office.post("/contracts", body, f"demo-contract-{number}")
    await office.post(f"/contracts/{made['id']}/submit", {}, f"demo-submit-{number}")


async def _collect(
    office: Office, kingdee: httpx.AsyncClient, contracts: int, outcome: Outcome, tell: Progress
) -> None:
    """See receivables appear, have the accountant book a receipt for each, and wait until all are paid."""
    quiet, before = 0.0, (0, 0)
    while len(outcome.payments) < contracts:
        for row in await office.all("/receivables"):
            if row["number"] not in outcome.receivables:
                await _pay(kingdee, row["number"])
            outcome.receivables[row["number"]] = row
        for row in await office.all("/payments"):
            outcome.payments[row["external_id"]] = row
        now = (len(outcome.receivables), len(outcome.payments))
        tell(now[1], f"{now[0]} 张应收单 / bills, {now[1]} 笔回款 / payments")
        quiet = 0.0 if now != before else quiet + 0.2
        before = now
        if quiet > PATIENCE_S:
            hint = Text("用 hub deliveries list 查看停在哪里。", "See where it stands with `hub deliveries list`.")
            raise ConfigError(f"nothing moved for {PATIENCE_S:g} s at {now}", hint=hint)
        await asyncio.sleep(0.2)
    for row in await office.all("/receivables"):
        outcome.receivables[row["number"]] = row


async def _pay(kingdee: httpx.AsyncClient, number: str) -> None:
    """The accountant's own screen in Kingdee: a receipt against this receivable."""
    body = dumps({"receivable_number": number, "amount": str(PAID)}).encode()
    answer = await kingdee.post("/_sandbox/receipts", content=body, headers={"content-type": "application/json"})
    if answer.status_code >= 300:
        raise ConfigError(f"the accountant could not book a receipt: {answer.text[:300]}")
