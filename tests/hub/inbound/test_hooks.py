"""The hook route: durable before 2xx, refused without proof, kept even when unreadable, once when repeated."""

import hmac
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import asyncpg
import httpx
import pytest
from pydantic import BaseModel, SecretStr

from hub import sdk
from hub.credentials import Vault
from hub.deploy import Running
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.cursors import ensure, take_turns
from hub.ledger.database import Database
from hub.main import Hub
from hub.main.app import create_app
from hub.registry import Registry
from hub.sdk.http import Egress
from hub.settings import Settings


class Config(BaseModel):
    """A vendor that signs its bodies."""

    secret: SecretStr


def sign(body: bytes) -> str:
    return hmac.new(b"top-secret", body, sha256).hexdigest()


def verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    signed = callback.query["echo"].encode() if callback.method == "GET" else callback.body
    good = hmac.new(config.secret.get_secret_value().encode(), signed, sha256).hexdigest()
    if not hmac.compare_digest(good.encode(), callback.headers.get("x-sign", "").encode()):
        raise sdk.BadSignature("bad signature")
    if callback.method == "GET":
        return sdk.Verified(b"", sdk.Reply(signed, content_type="text/plain"), handshake=True)
    return sdk.Verified(callback.body, sdk.Reply(b"success", content_type="text/plain"))


def parse(message: sdk.Json) -> Iterable[sdk.Inbound | sdk.Nudge]:
    if message["type"] == "news":
        yield sdk.Nudge("order.listed")
    if message["type"] == "paid":
        yield sdk.Inbound("order.paid", message["id"], message["id"], datetime(2026, 11, 28, tzinfo=UTC), message)


acme = sdk.Connector(
    "acme", sdk.Text("示例", "Acme"), Config, sdk.ErrorTable(lambda _: None, {}), lambda _: "https://acme.example"
)
acme.callbacks(events={"order.paid"}, verify=verify)(parse)
home = sdk.HomeSystem("crm", sdk.Text("客户", "CRM"), frozenset())
PAID = b'{"type":"paid","id":"o1","amount":628000.00}'


@pytest.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    registry = Registry({"acme": acme}, home, Vault(Vault.new_key()), Egress())
    plain, sealed = registry.seal("demo", "acme", Config(secret=SecretStr("top-secret")))
    async with database.unit("demo") as unit:
        await save(unit, "acme", "acme", plain, sealed)
    transport = httpx.ASGITransport(create_app(Hub(Settings(), database, registry, Running())))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as opened:
        yield opened


async def count(database: Database, table: str, verdict: str = "") -> int:
    async with database.unit("demo") as unit:
        if table == "events":
            return int(await unit.fetchval("SELECT count(*) FROM events"))
        return int(await unit.fetchval("SELECT count(*) FROM receipts WHERE verdict = $1", verdict))


async def post(client: httpx.AsyncClient, body: bytes, address: str = "demo.acme", signed: str = "") -> httpx.Response:
    return await client.post(f"/hooks/{address}", content=body, headers={"x-sign": signed or sign(body)})


async def test_a_signed_fact_is_kept_and_answered_as_the_vendor_expects(
    client: httpx.AsyncClient, database: Database
) -> None:
    answers = [await post(client, PAID) for _ in range(3)]
    assert [(a.status_code, a.text) for a in answers] == [(200, "success")] * 3
    assert (await count(database, "events"), await count(database, "receipts", "read")) == (1, 1)


async def test_without_proof_nothing_is_kept(client: httpx.AsyncClient, database: Database) -> None:
    assert (await post(client, PAID, signed="0" * 64)).status_code == 401
    assert (await post(client, PAID, signed="x")).status_code == 401
    assert (await post(client, PAID[:-1], signed=sign(PAID))).status_code == 401
    assert await count(database, "events") == 0


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"type":"paid"}', b"\xff", b'{"type":NaN}', b""], ids=repr)
async def test_what_makes_no_sense_is_kept_as_unreadable(
    client: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    assert (await post(client, body)).status_code == 200
    assert await count(database, "receipts", "unreadable") == 1


async def test_an_unknown_event_is_kept_and_owes_nothing(client: httpx.AsyncClient, database: Database) -> None:
    assert (await post(client, b'{"type":"other"}')).status_code == 200
    assert await count(database, "receipts", "nothing") == 1


async def test_a_vendor_that_checks_our_address_gets_its_answer_and_leaves_nothing(
    client: httpx.AsyncClient, database: Database
) -> None:
    good = await client.get("/hooks/demo.acme", params={"echo": "42"}, headers={"x-sign": sign(b"42")})
    bad = await client.get("/hooks/demo.acme", params={"echo": "43"}, headers={"x-sign": sign(b"42")})
    assert (good.status_code, good.text, bad.status_code) == (200, "42", 401)
    assert sum([await count(database, "receipts", v) for v in ("read", "nothing", "unreadable")]) == 0


async def test_a_hint_of_news_makes_the_poll_due_now(client: httpx.AsyncClient, database: Database) -> None:
    async with database.unit("demo") as unit:
        await ensure(unit, "acme", "order.listed")
        await unit.execute("UPDATE cursors SET due_at = now() + interval '1 hour'")
    assert (await post(client, b'{"type":"news"}')).status_code == 200
    async with database.unit("demo") as unit:
        assert [turn.event for turn in await take_turns(unit, 30)] == ["order.listed"]


@pytest.mark.parametrize(
    "address", ["demo.nobody", "other.acme", "nobody.acme", "demo", "demo%00.acme", "demo.acme/x", ""]
)
async def test_an_unknown_address_is_a_404(client: httpx.AsyncClient, address: str) -> None:
    assert (await post(client, PAID, address)).status_code == 404


@pytest.mark.parametrize("method", ["HEAD", "PUT", "DELETE", "OPTIONS"])
async def test_a_hook_is_only_asked_and_told(client: httpx.AsyncClient, method: str) -> None:
    refused = await client.request(method, "/hooks/demo.acme")
    assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST")


async def test_every_answer_of_a_hook_is_dressed(client: httpx.AsyncClient) -> None:
    for answer in (await post(client, PAID), await post(client, PAID, signed="x"), await post(client, PAID, "no")):
        assert (answer.headers["x-content-type-options"], answer.headers["cache-control"]) == ("nosniff", "no-store")


async def test_what_the_ledger_cannot_hold_is_our_fault_and_nothing_of_it_is_kept(
    client: httpx.AsyncClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = sdk.Inbound("order.paid", "o1", "o1", datetime(2026, 11, 28, tzinfo=UTC), {"amount": 0.1})
    assert acme.webhook
    monkeypatch.setattr(acme, "webhook", replace(acme.webhook, parse=lambda _message: [fact]))
    failed = await post(client, PAID)
    assert (failed.status_code, failed.json()["code"]) == (500, "unexpected")
    assert (await count(database, "events"), await count(database, "receipts", "read")) == (0, 0)


async def test_an_oversized_body_is_refused(client: httpx.AsyncClient) -> None:
    assert (await post(client, b"x" * (1024 * 1024 + 1))).status_code == 413


async def test_no_commit_no_2xx(client: httpx.AsyncClient, database: Database, migrated: Addresses) -> None:
    owner: Any = await asyncpg.connect(migrated.owner)
    name = await owner.fetchval("SELECT current_database()")
    await owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT 0')
    await database._pool.expire_connections()
    assert (await post(client, PAID)).status_code == 503
    assert (await client.get("/readyz")).status_code == 503
    await owner.execute(f'ALTER DATABASE "{name}" CONNECTION LIMIT -1')
    await owner.close()
    assert (await post(client, PAID)).status_code == 200


async def test_the_process_tells_how_it_is(client: httpx.AsyncClient) -> None:
    for path in ("/healthz", "/readyz", "/version"):
        assert (await client.get(path)).status_code == 200
    assert "hub_receipts_total" in (await client.get("/metrics")).text
