"""Through the hub's own hook: once under concurrency, conflicts kept, old requests refused, secrets changed."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import pytest

import core_crm
from connectors.webhook.sandbox.app import THEIRS
from connectors.webhook.sandbox.seal import Seal
from hub.credentials import Vault
from hub.deploy import Running
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.main import Hub
from hub.main.app import create_app
from hub.registry import Registry, discover
from hub.sdk.http import Egress
from hub.settings import Settings
from tests.connectors.webhook.partner import BODY, values

NEW = Seal(b"the-key-they-have-changed-to-001")
Post = Callable[..., Awaitable[int]]
Configure = Callable[..., Awaitable[None]]


@pytest.fixture
def registry() -> Registry:
    return Registry(discover(), core_crm.home, Vault(Vault.new_key()), Egress())


@pytest.fixture
def configure(database: Database, registry: Registry) -> Configure:
    """Save the connection "partner"."""

    async def change(**changes: Any) -> None:
        config = registry.read_config("webhook", values(**changes))
        async with database.unit("demo") as unit:
            await save(unit, "partner", "webhook", *registry.seal("demo", "partner", config))

    return change


@pytest.fixture
async def post(database: Database, registry: Registry, configure: Configure) -> AsyncIterator[Post]:
    """Post a signed body to the hook; the status."""
    await configure()
    transport = httpx.ASGITransport(create_app(Hub(Settings(), database, registry, Running())))
    async with httpx.AsyncClient(transport=transport, base_url="http://hub") as http:

        async def send(body: bytes = BODY, ident: str = "msg_1", ago_s: int = 0, seal: Seal = THEIRS) -> int:
            signed = seal.headers(ident, str(int(time.time()) - ago_s), body)
            headers = {name.encode(): value.encode() for name, value in signed.items()}
            return (await http.post("/hooks/demo.partner", content=body, headers=headers)).status_code

        yield send
    await registry.close()


async def counted(database: Database) -> dict[str, int]:
    """How many facts, and how many that contradict them."""
    async with database.unit("demo") as unit:
        (row,) = await unit.fetch("SELECT (SELECT count(*) FROM events) e, (SELECT count(*) FROM conflicts) c")
    return {"events": row["e"], "conflicts": row["c"]}


async def test_twenty_at_once_are_one_event(post: Post, database: Database) -> None:
    answers = await asyncio.gather(*(post(BODY + b" " * at) for at in range(20)))

    assert answers == [200] * 20
    assert await counted(database) == {"events": 1, "conflicts": 0}


async def test_an_id_that_comes_again_with_other_words_is_kept_beside_the_first(post: Post, database: Database) -> None:
    assert [await post(), await post(b'{"type":"other"}')] == [200, 200]
    assert await counted(database) == {"events": 1, "conflicts": 1}


async def test_the_same_words_under_two_ids_are_two_events(post: Post, database: Database) -> None:
    assert [await post(ident="msg_1"), await post(ident="msg_2")] == [200, 200]
    assert await counted(database) == {"events": 2, "conflicts": 0}


async def test_a_replay_is_refused_after_the_window_and_one_fact_within_it(post: Post, database: Database) -> None:
    assert [await post(ago_s=10), await post(ago_s=10), await post(ago_s=360)] == [200, 200, 401]
    assert await counted(database) == {"events": 1, "conflicts": 0}


async def test_both_secrets_are_good_while_they_change_and_the_old_one_dies(
    post: Post, configure: Configure, database: Database
) -> None:
    await configure(in_secret=NEW.secret, in_secret_old=THEIRS.secret)
    assert [await post(b'{"a":1}', "msg_1"), await post(b'{"a":2}', "msg_2", seal=NEW)] == [200, 200]
    await configure(in_secret=NEW.secret)
    assert [await post(b'{"a":3}', "msg_3"), await post(b'{"a":4}', "msg_4", seal=NEW)] == [401, 200]
    assert (await counted(database))["events"] == 3


async def test_a_connection_without_a_scheme_takes_nothing(
    post: Post, configure: Configure, database: Database
) -> None:
    await configure(in_scheme="none", in_secret="")
    assert await post() == 401
    assert await counted(database) == {"events": 0, "conflicts": 0}


@pytest.mark.parametrize("body", [b"\xff\xfe", b"\x00", b"{", b"NaN", b"[" * 5000, b'{"a":1,"a":2}', b'{"a":1e400000}'])
async def test_a_proven_body_that_nobody_can_read_is_kept_and_never_our_fault(
    post: Post, database: Database, body: bytes
) -> None:
    assert await post(body) == 200
    async with database.unit("demo") as unit:
        (row,) = await unit.fetch("SELECT body, verdict FROM receipts")
    assert (row["body"], row["verdict"]) == (body, "unreadable")


@pytest.mark.parametrize("ident", ["x" * 5000, "é", "\x01"])
async def test_an_odd_id_is_never_our_fault(post: Post, database: Database, ident: str) -> None:
    assert await post(ident=ident) in (200, 401)
