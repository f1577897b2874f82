"""Whatever a vendor says or a parser makes of it: kept as it came, shown as unreadable, never our fault."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime

import httpx
import pytest

from hub import sdk
from hub.credentials import Vault
from hub.inbound.facts import LONGEST, fitting
from hub.ledger.connections import save
from hub.ledger.database import Database
from tests.hub.inbound import test_hooks
from tests.hub.inbound.test_hooks import client, count, post

__all__ = ["client"]

AT = datetime(2026, 11, 28, tzinfo=UTC)


def fact(subject: str = "o1", at: datetime = AT) -> sdk.Inbound:
    return sdk.Inbound("order.paid", subject, "k1", at, {})


def test_what_fits_passes() -> None:
    for told in (fact(), fact("单" * (LONGEST // 3)), sdk.Nudge("order.listed")):
        assert fitting(told) is told


BODIES = {
    "bad UTF-8": b'{"type":"\xff"}',
    "NUL": b'{"type":"paid","id":"\\u0000"}',
    "NaN": b'{"type":"paid","id":"o1","amount":NaN}',
    "deep": b'{"type":"paid","id":' + b"[" * 20_000,
    "twice": b'{"type":"paid","id":"o1","id":"o2"}',
    "huge": b'{"type":"paid","id":"o1","amount":1e400000}',
    "digits": b'{"type":"paid","id":"o1","amount":' + b"9" * 5000 + b"}",
    "half a pair": b'{"type":"paid","id":"\\ud800"}',
    "a number for an id": b'{"type":"paid","id":5}',
    "no id": b'{"type":"paid","id":null}',
    "a list for an id": b'{"type":"paid","id":["o1"]}',
    "a long id": b'{"type":"paid","id":"%s"}' % (b"x" * 5000),
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES.keys())
async def test_poison_is_kept_raw_and_the_next_good_one_is_taken(
    client: httpx.AsyncClient, database: Database, body: bytes
) -> None:
    assert (await post(client, body)).status_code == 200
    assert await count(database, "receipts", "unreadable") == 1
    async with database.unit("demo") as unit:
        assert await unit.fetchval("SELECT body FROM receipts") == body
    assert (await post(client, test_hooks.PAID)).status_code == 200
    assert await count(database, "events") == 1


@pytest.mark.parametrize("odd", [OSError("year"), RecursionError(), AssertionError(), fact(at=AT.replace(tzinfo=None))])
async def test_a_parser_that_stumbles_anyhow_loses_nothing(
    client: httpx.AsyncClient, database: Database, odd: Exception | sdk.Inbound, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parse(_message: sdk.Json) -> Iterable[sdk.Inbound]:
        if isinstance(odd, Exception):
            raise odd
        return [odd]

    webhook = test_hooks.acme.webhook
    assert webhook
    monkeypatch.setattr(test_hooks.acme, "webhook", replace(webhook, parse=parse))
    assert (await post(client, test_hooks.PAID)).status_code == 200
    assert await count(database, "receipts", "unreadable") == 1


async def test_a_connection_whose_secret_is_missing_or_does_not_open_takes_nothing(
    client: httpx.AsyncClient, database: Database
) -> None:
    elsewhere = Vault(Vault.new_key()).seal("top-secret", "demo", "acme", "secret")
    for sealed in ({}, {"secret": elsewhere}):
        async with database.unit("demo") as unit:
            await save(unit, "acme", "acme", {}, sealed)
        refused = await post(client, test_hooks.PAID)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "60")
    assert await count(database, "events") == 0
