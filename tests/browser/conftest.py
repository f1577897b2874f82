"""The console on a real server, with a delivery in every state, and a browser in front of it."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from hub import api, console
from hub.credentials import Vault
from hub.domain.delivery import State
from hub.embedded.postgres import Addresses
from hub.ledger.keys import create_key
from tests.browser.chromium import Page, open_page
from tests.browser.story import FLOWS, Told, open_database, tell
from tests.serving import serving


@dataclass(frozen=True, slots=True)
class Site:
    """Where the console is, the key to it, and what it shows."""

    port: int
    key: str
    told: dict[State, Told]

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"


@pytest.fixture
async def site(migrated: Addresses) -> AsyncIterator[Site]:
    database = await open_database(migrated)
    told = await tell(database)
    async with database.unit("demo") as unit:
        key = await create_key(unit, "browser", ["deliveries:read", "deliveries:replay"])
    app = FastAPI(docs_url=None, redoc_url=None)
    app.include_router(console.router(database, Vault.new_key(), FLOWS))

    @app.get("/wrong")
    async def wrong() -> HTMLResponse:
        """A page that breaks the rules, to show that the check sees it."""
        return HTMLResponse(
            '<p onclick="x()" style="color:red">x<script>alert(1)</script><img src="https://a.example/">'
        )

    api.guard(app, 64 * 1024, 10)
    async with serving(app) as url:
        yield Site(int(url.rpartition(":")[2]), key, told)
    await database.close()


@pytest.fixture
async def page(tmp_path: Path) -> AsyncIterator[Page]:
    async with open_page(tmp_path / "profile") as opened:
        yield opened
