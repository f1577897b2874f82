"""An API over a real ledger, and keys to it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from hub import api
from hub.ledger.database import Database
from hub.ledger.keys import create_key

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
