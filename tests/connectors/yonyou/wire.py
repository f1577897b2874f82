"""A fake YonBIP in this process and contexts on it, with a wire between them that can be spoiled."""

import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from connectors.yonyou import connector
from connectors.yonyou.config import Config
from connectors.yonyou.sandbox.app import build, credentials
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

URL = "http://127.0.0.1:1"
GATEWAY = f"{URL}/iuap-api-gateway"
ADDRESSES = {"gatewayUrl": GATEWAY, "tokenUrl": f"{URL}/iuap-api-auth"}
CUSTOMER = {"number": "C-0001", "name": "苏州恒锐精密机械有限公司", "credit_code": "91320594MA1XK4QW5R"}
LINES = [
    {"product": "数控车床", "spec": "CK6150", "unit": "台", "quantity": "2", "tax_price": "300000.00"},
    {"product": "备件包", "spec": "", "unit": "套", "quantity": "7", "tax_price": "4000.00"},
]
BILL = {
    "bill_number": "AR-HT-2026-001",
    "customer_number": "C-0001",
    "date": "2026-11-20",
    "due_date": "2026-12-31",
    "currency": "CNY",
    "remark": "合同 HT-2026-001",
    "lines": [
        {**line, "tax_rate": "13.00", "amount": amount}
        for line, amount in zip(LINES, ("600000.00", "28000.00"), strict=True)
    ],
}


class Wire(httpx.AsyncBaseTransport):
    """Notes calls. `lose`: (end of a path, n): its n-th answer is lost after the commit. `blind`: empty lists."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.talk: list[dict[str, Any]] = []
        self.sign_ins = 0
        self.lose: tuple[str, int] = ("nothing", 0)
        self.blind = 0

    @property
    def calls(self) -> list[str]:
        return [each["request"]["path"].rsplit("/", 1)[-1] for each in self.talk]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self.inner.handle_async_request(request)
        raw = await answer.aread()
        if "/open-auth/" in request.url.path:
            self.sign_ins += "getAccessToken" in request.url.path
            return answer
        self.talk.append({"request": told(request), "answer": read(raw)})
        if (self.calls[-1], self.calls.count(self.calls[-1])) == self.lose:
            raise httpx.ReadError("the answer got lost", request=request)
        if self.calls[-1] == "newlist" and self.blind:
            self.blind -= 1
            return httpx.Response(200, json={"code": 200, "data": None}, request=request)
        return answer


def read(raw: bytes) -> Any:
    """An answer as exact JSON, or its text."""
    try:
        return sdk.loads(raw)
    except sdk.Unreadable:
        return raw.decode()


def told(request: httpx.Request) -> dict[str, Any]:
    """What a request said, without its token."""
    query = {name: value for name, value in request.url.params.items() if name != "access_token"}
    body = {"body": sdk.loads(request.content)} if request.content else {}
    path = request.url.path.removeprefix("/iuap-api-gateway")
    return {"method": request.method, "path": path, **({"query": query} if query else {}), **body}


class Tenant:
    """One tenant: `context` is our client's, `raw` are the people and anyone else."""

    def __init__(self, faults: str = "", ledger: Path | None = None, **options: str) -> None:
        self.kit = SandboxKit(
            EffectLedger(ledger), Faults(faults, 7), options, url=URL, client=partial(make_client, egress=LOOPBACK)
        )
        self.app = build(self.kit)
        self.wire = Wire(httpx.ASGITransport(app=self.app))

    def context(self, memory: sdk.Memory | None = None, **changes: Any) -> sdk.Context[Config]:
        values = {**credentials(self.kit), **changes}
        return testing.open_context(connector, values, transport=self.wire, memory=memory)

    async def raw(self, method: str, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=URL) as client:
            return await client.request(method, path, **given)

    async def do(self, name: str, /, **told: Any) -> Any:
        answer = await self.raw("POST", f"/_sandbox/{name}", json=told)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def bills(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = sdk.loads((await self.raw("GET", "/_sandbox/receivables")).content)
        return rows


def signed_in(vendor: Callable[[httpx.Request], httpx.Response]) -> Callable[[httpx.Request], httpx.Response]:
    """A vendor that signs anyone in, and answers business calls by a function."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("getGatewayAddress"):
            return httpx.Response(200, json={"code": "00000", "data": ADDRESSES})
        if request.url.path.endswith("getAccessToken"):
            return httpx.Response(200, json={"code": "00000", "data": {"access_token": "tok+/1234=", "expire": 7200}})
        return vendor(request)

    return answer


Vendor = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]


def answering(vendor: Vendor, now: Callable[[], float] = time.time, **changes: Any) -> sdk.Context[Config]:
    """A context whose vendor is one function, sign-in included."""
    values = {**credentials(SandboxKit(EffectLedger(None), Faults(), url=URL)), **changes}
    return testing.open_context(connector, values, transport=httpx.MockTransport(vendor), now=now)


async def run(ctx: sdk.Context[Config], name: str, payload: dict[str, Any]) -> sdk.Made:
    """Run an action as the hub does."""
    action = connector.actions[name]
    return await action.run(ctx, action.input.model_validate(payload))
