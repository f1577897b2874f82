"""A client of the REST API with one key."""

from dataclasses import dataclass
from typing import Any

import httpx

from hub import sdk
from hub.ledger.keys import create_key
from tests.core_crm.works import Works

Answer = tuple[int, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """A client with one API key. Every answer is read exactly; a body is sent as exact JSON, or raw when bytes."""

    http: httpx.AsyncClient
    key: str

    async def get(self, path: str, **query: Any) -> Answer:
        return self._read(await self.http.get(path, params=query, headers=self._headers()))

    async def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return await self._send("POST", path, body, headers)

    async def put(self, path: str, body: Any) -> Answer:
        return await self._send("PUT", path, body, {})

    async def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        raw = body if isinstance(body, bytes) else sdk.dumps(body).encode()
        sent = {**self._headers(), "content-type": "application/json", **headers}
        return self._read(await self.http.request(method, path, content=raw, headers=sent))

    def _headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.key}"}

    def _read(self, response: httpx.Response) -> Answer:
        kind = "application/json" if response.is_success else "application/problem+json"
        assert response.headers["content-type"] == kind
        return response.status_code, sdk.loads(response.content)


async def caller(works: Works, http: httpx.AsyncClient, *scopes: str, tenant: str = "demo") -> Caller:
    async with works.begin(tenant) as unit:
        return Caller(http, await create_key(unit, "test", scopes or ("crm:read", "crm:write")))
