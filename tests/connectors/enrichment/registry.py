"""A fake registry in this process, and contexts on it, with a wire between them that can be cut."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import simplejson

from connectors.enrichment import connector
from connectors.enrichment.company import Company, Wanted
from connectors.enrichment.config import Config
from connectors.enrichment.find import find_company
from connectors.enrichment.sandbox.app import build, credentials
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

HENGRUI: dict[str, Any] = {"name": "苏州恒锐精密机械有限公司", "credit_code": "91320594MA1ABCDE2C"}


class Wire(httpx.AsyncBaseTransport):
    """Counts calls. `lose`: how many of the next answers get lost after they were made; `refuse`: before."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self.inner = inner
        self.requests: list[httpx.Request] = []
        self.lose = 0
        self.refuse = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.refuse:
            self.refuse -= 1
            raise httpx.ConnectError("connection refused", request=request)
        self.requests.append(request)
        answer = await self.inner.handle_async_request(request)
        if self.lose:
            self.lose -= 1
            raise httpx.ReadTimeout("the answer got lost", request=request)
        return answer


class Registry:
    """A sandbox of one provider, its ledger, and the memory our processes share."""

    def __init__(self, folder: Path, provider: str) -> None:
        self.ledger = folder / "ledger.jsonl"
        kit = SandboxKit(EffectLedger(self.ledger), Faults(), {"provider": provider}, "http://127.0.0.1:1")
        self.app = build(kit)
        self.wire = Wire(httpx.ASGITransport(self.app))
        self.values: dict[str, Any] = dict(credentials(kit))
        self.now = datetime(2026, 11, 20, 3, 0, tzinfo=UTC).timestamp()
        self.memory: sdk.Memory = sdk.LocalMemory(now=lambda: self.now)

    def context(self, key: str = "dlv_1", **changes: Any) -> sdk.Context[Config]:
        values = {**self.values, **changes}
        ctx = testing.open_context(connector, values, key=key, transport=self.wire, memory=self.memory)
        ctx.now = datetime.fromtimestamp(self.now, UTC)
        return ctx

    async def find(self, key: str = "dlv_1", config: dict[str, Any] | None = None, **wanted: str) -> Company:
        return await find_company(self.context(key, **(config or {})), Wanted.model_validate(wanted))

    async def desk(self, **asked: Any) -> dict[str, Any]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://desk") as http:
            told: dict[str, Any] = (await http.post("/_sandbox/desk", json=asked)).json()
            return told

    def effects(self) -> list[dict[str, Any]]:
        return [simplejson.loads(line, use_decimal=True) for line in self.ledger.read_text("utf-8").splitlines()]
