"""A console over a real ledger, and people signed in to it."""

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from hub import api, console
from hub.credentials import Vault
from hub.ledger.database import Database
from hub.ledger.keys import create_key
from tests.browser.story import FLOWS

OWN = {"sec-fetch-site": "same-origin"}
SignIn = Callable[..., Awaitable[str]]


@pytest.fixture
async def client(ledger: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    app.include_router(console.router(ledger, Vault.new_key(), FLOWS))
    api.guard(app, 4096, 1)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as opened:
        yield opened


@pytest.fixture
def sign_in(ledger: Database, client: httpx.AsyncClient) -> SignIn:
    """Sign the client in with a fresh key of these scopes; the key."""

    async def enter(*scopes: str, tenant: str = "demo") -> str:
        async with ledger.unit(tenant) as unit:
            key = await create_key(unit, "person", scopes or ["deliveries:read", "deliveries:replay"])
        answer = await client.post("/console/login", data={"key": key}, headers=OWN)
        assert answer.status_code == 303, answer.text
        return key

    return enter
