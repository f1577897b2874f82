"""Reconciliation over REST: the last reports and their hint, asking for a new one, and who may."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import FastAPI

from hub import api
from hub.api import reconcile
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.reconcile import Ref, Report, ensure, keep, make_due, miss, take_turn
from hub.sdk.connector import Made
from tests.hub.api.conftest import Keys, redis_is_away

UNTIL = datetime(2026, 11, 28, tzinfo=UTC)
LOST = Ref("100", "AR-1", "ctr_1", "dlv_1")


@pytest.fixture
async def client(ledger: Database) -> AsyncIterator[httpx.AsyncClient]:
    async def ask(tenant: str, connection: str) -> int:
        async with ledger.unit(tenant) as unit:
            return await make_due(unit, connection)

    app = FastAPI()
    for router in api.routers(ledger, redis_is_away, "1.2.3", [reconcile.router(ledger, ask)]):
        app.include_router(router)
    api.guard(app, 1024, 0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub/api/v1") as opened:
        yield opened


@pytest.fixture(autouse=True)
async def compared(ledger: Database) -> None:
    """Bills were compared and one is missing, another one unknown; customers cannot be listed."""
    async with ledger.unit("demo") as unit:
        await save(unit, "kingdee", "kingdee", {}, {})
        await ensure(unit, [{"connector": "kingdee", "entity": entity} for entity in ("receivable", "customer")])
        assert await take_turn(unit, 30) is None, "the first is due at night"
        await make_due(unit)
        while turn := await take_turn(unit, 30):
            if turn.entity == "customer":
                report = Report("kingdee", "customer", UNTIL, UNTIL, 3, None)
            else:
                unknown = [Made(id="7", number="手工-1")]
                report = Report("kingdee", "receivable", UNTIL - timedelta(days=30), UNTIL, 200, 191, [LOST], unknown)
            assert await keep(unit, turn, report)
            assert not await keep(unit, turn.__class__("kingdee", turn.entity, turn.fence - 1), report)


async def test_the_last_reports_are_told_with_what_to_do(client: httpx.AsyncClient, key_for: Keys) -> None:
    answer = await client.get("/reconciliations", headers=await key_for("deliveries:read"))
    customer, receivable = answer.json()["items"]
    assert (customer["ours"], customer["theirs"], customer["unknown"], customer["hint"]) == (3, None, None, None)
    assert (receivable["ours"], receivable["theirs"]) == (200, 191)
    lost = {"external_id": "100", "number": "AR-1", "record": "ctr_1", "delivery_id": "dlv_1"}
    assert receivable["missing"] == [lost]
    assert receivable["unknown"] == [{"id": "7", "number": "手工-1"}]
    assert "hub deliveries force" in receivable["hint"]["zh"]


async def test_asking_makes_it_due_and_needs_the_right_to_replay(
    client: httpx.AsyncClient, key_for: Keys, ledger: Database
) -> None:
    refused = await client.post("/reconciliations", headers=await key_for("deliveries:read"))
    assert refused.status_code == 403
    key = await key_for("deliveries:replay")
    asked = await client.post("/reconciliations", params={"connection": "kingdee"}, headers=key)
    assert (asked.status_code, asked.json()) == (202, {"due": 2})
    unknown = await client.post("/reconciliations", params={"connection": "nobody"}, headers=key)
    assert unknown.json()["code"] == "nothing-to-reconcile"
    async with ledger.unit("demo") as unit:
        assert await take_turn(unit, 30) is not None


async def test_what_failed_says_why_beside_the_last_report(
    client: httpx.AsyncClient, key_for: Keys, ledger: Database
) -> None:
    async with ledger.unit("demo") as unit:
        await make_due(unit)
        while turn := await take_turn(unit, 30):
            await miss(unit, turn, "Transient: nobody answers")
    answer = await client.get("/reconciliations", headers=await key_for("deliveries:read"))
    (_, receivable) = answer.json()["items"]
    assert (receivable["error"], len(receivable["missing"])) == ("Transient: nobody answers", 1)


async def test_another_tenant_sees_nothing(client: httpx.AsyncClient, key_for: Keys) -> None:
    answer = await client.get("/reconciliations", headers=await key_for("deliveries:read", tenant="other"))
    assert answer.json() == {"items": []}
