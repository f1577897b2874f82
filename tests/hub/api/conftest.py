"""An API over a real ledger, and keys to it; and the world of bills, with an API over its replay lab."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub import api, sdk
from hub.api import acts, replays
from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from hub.ledger.keys import create_key
from tests.hub.api.bills import Bills

JSON = {"content-type": "application/json"}
Keys = Callable[..., Awaitable[dict[str, str]]]


async def redis_is_away() -> bool:
    return False


@pytest.fixture
async def client(ledger: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    for router in api.routers(ledger, redis_is_away, "1.2.3"):
        app.include_router(router)
    api.guard(app, 1024, 0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as opened:
        yield opened


@pytest.fixture
def key_for(ledger: Database) -> Keys:
    """Make a key and give the header that carries it."""

    async def make(*scopes: str, tenant: str = "demo") -> dict[str, str]:
        async with ledger.unit(tenant) as unit:
            return {"authorization": f"Bearer {await create_key(unit, 'test', scopes)}"}

    return make


@pytest.fixture
async def bills(migrated: Addresses) -> AsyncIterator[Bills]:
    opened = await Bills().open(migrated)
    yield opened
    await opened.database.close()


@pytest.fixture
async def http(bills: Bills) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    more = [each.router(bills.database, bills.lab) for each in (replays, acts)]
    for router in api.routers(bills.database, redis_is_away, "1", more):
        app.include_router(router)
    api.guard(app, 4096, 0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as opened:
        yield opened


async def post(http: httpx.AsyncClient, key: dict[str, str], path: str, status: int = 200, **body: Any) -> Any:
    """The answer to this body, which must come with this status."""
    answer = await http.post(path, headers={**key, **JSON}, content=sdk.dumps(body))
    assert answer.status_code == status, answer.text
    return sdk.loads(answer.content)
