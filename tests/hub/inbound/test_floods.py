"""Many at once: twins over two processes, a slow PostgreSQL behind five hundred, and a flood beside a neighbour."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from statistics import median
from urllib.parse import urlsplit

import httpx
import pytest
from pydantic import SecretStr
from starlette.types import ASGIApp

from hub.credentials import Vault
from hub.deploy import Running
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.main import Hub
from hub.main.app import create_app
from hub.registry import Registry
from hub.sdk.http import Egress
from hub.settings import Settings
from tests.faults.proxy import Pass, Slow, proxying
from tests.hub.inbound.test_hooks import PAID, Config, acme, home, sign
from tests.serving import serving

Make = Callable[..., ASGIApp]


@pytest.fixture
async def make(database: Database) -> Make:
    """An API process over a database, with the connections demo.acme and other.acme."""
    vault = Vault(Vault.new_key())
    for tenant in ("demo", "other"):
        registry = Registry({"acme": acme}, home, vault, Egress())
        async with database.unit(tenant) as unit:
            await save(unit, "acme", "acme", *registry.seal(tenant, "acme", Config(secret=SecretStr("top-secret"))))

    def process(opened: Database, **settings: float) -> ASGIApp:
        registry = Registry({"acme": acme}, home, vault, Egress())
        return create_app(Hub(Settings.model_validate(settings), opened, registry, Running()))

    return process


@asynccontextmanager
async def calling(app: ASGIApp) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as client:
        yield client


async def post(client: httpx.AsyncClient, body: bytes) -> tuple[int, str, float]:
    """Status, answer, seconds."""
    began = time.monotonic()
    told = await client.post("/hooks/demo.acme", content=body, headers={"x-sign": sign(body)}, timeout=60)
    return told.status_code, told.text, time.monotonic() - began


def paid(number: int) -> bytes:
    return b'{"type":"paid","id":"o%d"}' % number


async def events(database: Database) -> int:
    async with database.unit("demo") as unit:
        return int(await unit.fetchval("SELECT count(*) FROM events"))


async def test_twenty_twins_over_two_processes_are_one_event_and_hear_the_same(
    make: Make, database: Database, migrated: Addresses
) -> None:
    async with AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(calling(make(database)))]
        second = await Database.open(migrated.app, size=5)
        clients.append(await stack.enter_async_context(calling(make(second))))
        told = await asyncio.gather(*(post(clients[n % 2], PAID) for n in range(20)))
        await second.close()
    assert {(status, text) for status, text, _ in told} == {(200, "success")}
    assert await events(database) == 1


async def test_five_hundred_at_once_wait_for_a_few_transactions_of_a_slow_postgresql(
    make: Make, database: Database, migrated: Addresses
) -> None:
    path = migrated.app.rpartition("host=")[2] + "/.s.PGSQL.5432"
    name = migrated.app.partition("@/")[2].partition("?")[0]
    async with proxying(path) as proxy:
        slow = await Database.open(f"postgresql://hub_app@127.0.0.1:{proxy.port}/{name}", 5)
        async with calling(make(slow)) as client:
            quiet = await asyncio.gather(*(post(client, paid(n)) for n in range(500)))
            proxy.mode = Slow(0.05)
            one = await post(client, paid(1000))
            flood = await asyncio.gather(*(post(client, paid(n)) for n in range(2000, 2500)))
            proxy.mode = Pass()
        await slow.close()
    assert {status for status, *_ in (*quiet, one, *flood)} == {200}
    assert await events(database) == 1001
    assert worst(flood) < 2 * worst(quiet) + 5 * one[2], "each for itself would wait for fifty turns of the pool"


def worst(told: Sequence[tuple[int, str, float]]) -> float:
    return max(seconds for *_, seconds in told)


PACE_S = 0.03
FLOODS = 40
"""Requests of the flood for each of its neighbour's."""


async def test_a_flood_is_refused_and_its_neighbour_hardly_feels_it(make: Make, database: Database) -> None:
    app = make(database, hook_per_s=20, hook_burst=20)
    async with serving(app) as url, httpx.AsyncClient(base_url=url) as client:
        _, writer = wire = await asyncio.open_connection("127.0.0.1", urlsplit(url).port)
        quiet, _ = await neighbours(client, wire, 0)
        crowded, refused = await neighbours(client, wire, FLOODS)
        writer.close()
    assert refused > FLOODS * len(crowded) * 0.9
    assert median(crowded) < 2 * median(quiet) + PACE_S / 2


async def neighbours(
    client: httpx.AsyncClient, wire: tuple[asyncio.StreamReader, asyncio.StreamWriter], flood: int
) -> tuple[list[float], int]:
    """A neighbour's seconds while others flood a hook through one connection, and how many of those were refused."""
    reader, writer = wire
    request = b"POST /hooks/demo.acme HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}"
    took, refused = [], 0
    for _ in range(20):
        for _ in range(flood):
            writer.write(request)
        began = time.monotonic()
        told = await client.post("/hooks/other.acme", content=PAID, headers={"x-sign": sign(PAID)})
        took.append(time.monotonic() - began)
        assert told.status_code == 200
        for _ in range(flood):
            head = await reader.readuntil(b"\r\n\r\n")
            refused += b" 429 " in head
            await reader.readuntil(b"}")
        await asyncio.sleep(PACE_S)
    return took, refused
