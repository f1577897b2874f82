"""The home system over a real database, and its REST API."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from core_crm import api as home
from hub import api
from hub.ledger.database import Database
from tests.core_crm.caller import Caller, caller
from tests.core_crm.works import Works


@pytest.fixture
def works(database: Database) -> Works:
    return Works(database)


@pytest.fixture
async def http(works: Works) -> AsyncIterator[httpx.AsyncClient]:
    async def no_redis() -> bool:
        return False

    app = FastAPI()
    for router in api.routers(works.database, no_redis, "test", [home.router(works)]):
        app.include_router(router)
    api.guard(app, 1024 * 1024, 5)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://hub/api/v1") as client:
        yield client


@pytest.fixture
async def client(works: Works, http: httpx.AsyncClient) -> Caller:
    return await caller(works, http)
