"""Tokens over processes: one refresh for all, an older token that the vendor kills, a refresher that dies."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta

import httpx
import pytest
from pydantic import BaseModel

from hub import sdk
from hub.credentials import Vault
from hub.ledger.connections import Stored, find, save
from hub.ledger.database import Database
from hub.registry import Registry
from hub.registry.memory import StoredMemory
from hub.sdk import auth
from hub.sdk.client import make_client
from hub.sdk.context import at_once
from hub.sdk.http import LOOPBACK
from tests.hub.sdk.vendors import TABLE, answer, heard


class Config(BaseModel):
    """Where the vendor listens."""

    url: str


class Bearer(sdk.TokenAuth):
    """One request for a token; a 401 says that it is no longer good."""

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        super().__init__(kit)
        self._url = config.url

    def token_request(self) -> httpx.Request:
        return httpx.Request("POST", f"{self._url}/token")

    def read_token(self, body: sdk.Json, now: float) -> sdk.Token:
        return sdk.Token(body["token"], now + 7200)

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        request.headers["authorization"] = token.value

    def refused(self, response: httpx.Response) -> bool:
        return response.status_code == 401


home = sdk.HomeSystem("crm", sdk.Text("", ""), frozenset())
LIMITS = sdk.Limits(concurrency=64)


@dataclass
class Vendor:
    """A new token kills the one before."""

    issued: int = 0
    broken: bool = False
    saved: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(await self._answer(await heard(reader)))
        except (OSError, asyncio.IncompleteReadError):
            writer.close()

    async def _answer(self, head: bytes) -> bytes:
        if self.broken:
            return answer(b"<html>")
        if b"/token" in head:
            await asyncio.sleep(0.05)
            self.issued += 1
            return answer(b'{"token":"token-%d"}' % self.issued)
        if b"authorization: token-%d\r\n" % self.issued not in head.lower():
            return answer(b'{"ok":false}', status="401 No")
        self.saved.append(head)
        return answer()


@dataclass
class World:
    vendor: Vendor
    stored: Stored
    processes: list[Registry]
    memory: StoredMemory

    async def save(self, times: int) -> None:
        contexts = [each.open(self.stored).context() for each in self.processes]
        await asyncio.gather(*(contexts[n % len(contexts)].call("POST", "/save", json={}) for n in range(times)))


@pytest.fixture
async def world(database: Database) -> AsyncIterator[World]:
    vendor, vault = Vendor(), Vault(Vault.new_key())
    server = await asyncio.start_server(vendor.serve, "127.0.0.1", 0, backlog=256)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    acme: sdk.Connector[Config] = sdk.Connector(
        "acme", sdk.Text("", ""), Config, TABLE, lambda c: c.url, auth=Bearer, limits=LIMITS
    )
    processes = [Registry({"acme": acme}, home, vault, LOOPBACK, make_client) for _ in range(2)]
    for each in processes:
        each.share(lambda tenant, name: StoredMemory(database, vault, tenant, name), lambda *_: at_once)
    async with database.unit("demo") as unit:
        await save(unit, "acme", "acme", *processes[0].seal("demo", "acme", Config(url=url)))
        stored = await find(unit, "acme")
    assert stored
    yield World(vendor, stored, processes, StoredMemory(database, vault, "demo", "acme"))
    for each in processes:
        await each.close()
    server.close()


async def test_a_storm_over_two_processes_costs_one_refresh_and_no_write(world: World) -> None:
    await world.save(2)
    assert world.vendor.issued == 1
    world.vendor.issued = 100  # someone outside has signed in: token-1 is dead
    await world.save(500)
    assert world.vendor.issued == 101
    assert len(world.vendor.saved) == 502


async def test_a_process_that_died_while_it_asked_keeps_the_others_waiting_for_a_while_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(auth, "TURNS", 3)
    assert await world.memory.claim("token flight", timedelta(hours=1))
    await world.save(4)
    assert len(world.vendor.saved) == 4


async def test_a_token_service_that_fails_frees_the_way_for_the_next(world: World) -> None:
    world.vendor.broken = True
    with pytest.raises(sdk.Transient):
        await world.save(1)
    assert await world.memory.claim("token flight", timedelta(hours=1))
