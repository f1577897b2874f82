"""A fake Kingdee in this process and a context on it, with a wire between them that can be spoiled."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx

from connectors.kingdee import connector
from connectors.kingdee.config import Config
from connectors.kingdee.sandbox.app import build, credentials
from connectors.kingdee.sandbox.books import CHINA
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

URL = "http://127.0.0.1:1"


class Wire(httpx.AsyncBaseTransport):
    """Notes every call. `lose`: (operation, n): its n-th answer is lost after the commit. `blind`: empty queries."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.talk: list[dict[str, Any]] = []
        self.lose: tuple[str, int] = ("", 0)
        self.blind = 0

    @property
    def calls(self) -> list[str]:
        return [each["operation"] for each in self.talk]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        operation = request.url.path.rsplit(".", 3)[-3]
        answer = await self.inner.handle_async_request(request)
        raw = await answer.aread()
        self.talk.append({"operation": operation, "request": sdk.loads(request.content), "answer": sdk.loads(raw)})
        if (operation, self.calls.count(operation)) == self.lose:
            raise httpx.ReadError("the answer got lost", request=request)
        if operation == "ExecuteBillQuery" and self.blind:
            self.blind -= 1
            return httpx.Response(200, content=b"[]", request=request)
        return answer


class Clock:
    """Kingdee's clock, moved by hand."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 20, 10, 0, 0, 710_000, CHINA)

    def __call__(self) -> datetime:
        return self.now

    def step(self, **by: float) -> None:
        self.now += timedelta(**by)


class Account:
    """One account set: `ctx` is our client's context, `desk` is the accountant's screen."""

    def __init__(self, faults: str = "", options: dict[str, str] | None = None, ledger: Path | None = None) -> None:
        self.clock = Clock()
        self.app = build(sdk.SandboxKit(EffectLedger(ledger), Faults(faults, 7), options or {}), self.clock)
        self.wire = Wire(httpx.ASGITransport(app=self.app))

    def context(self, **changes: str) -> sdk.Context[Config]:
        return open_context(self.wire, **changes)

    async def raw(self, method: str, path: str, **given: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=self.app), base_url=URL) as client:
            return await client.request(method, path, **given)

    async def receive(self, receivable: str, amount: str) -> dict[str, str]:
        answer = await self.raw("POST", "/_sandbox/receipts", json={"receivable_number": receivable, "amount": amount})
        assert answer.status_code == 200, answer.text
        booked: dict[str, str] = answer.json()
        return booked


def open_context(transport: httpx.AsyncBaseTransport, **changes: str) -> sdk.Context[Config]:
    """A context as the hub makes it, over a transport of ours."""
    told = credentials(SandboxKit(EffectLedger(None), Faults(), url=URL))
    return testing.open_context(connector, {**told, **changes}, key="dlv_x", transport=transport)


def answering(handler: Callable[[httpx.Request], httpx.Response]) -> sdk.Context[Config]:
    """A context whose vendor is one function."""
    return open_context(httpx.MockTransport(handler))


def refusal(code: int, words: str) -> dict[str, Any]:
    """Kingdee's no."""
    errors = [{"FieldName": None, "Message": words, "DIndex": 0}]
    status = {"ErrorCode": 500, "IsSuccess": False, "MsgCode": code, "Errors": errors}
    return {"Result": {"ResponseStatus": status}}
