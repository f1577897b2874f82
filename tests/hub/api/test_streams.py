"""Streams over REST: what they look like, the policy, a drift held and released, and who may."""

from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI

from hub import api
from hub.api import streams
from hub.embedded.postgres import Addresses
from hub.ledger.connections import save
from hub.ledger.cursors import advance, ensure, miss, take_turns
from hub.ledger.database import Database
from tests.hub.api.conftest import Keys, redis_is_away
from tests.hub.drift.shop import GONE, Shop, files, order

ONE = "/streams/shop/order.paid"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def shop(migrated: Addresses) -> AsyncIterator[Shop]:
    opened = await Shop().open(migrated)
    await opened.usual(60)
    yield opened
    await opened.close()


@pytest.fixture
def ledger(shop: Shop) -> Database:
    """Where `key_for` makes its keys."""
    return shop.database


@pytest.fixture
async def http(shop: Shop) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    private = [streams.router(shop.database, shop.lab, shop.reading)]
    for router in api.routers(shop.database, redis_is_away, "1.2.3", private):
        app.include_router(router)
    api.guard(app, 10_000, 0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub/api/v1") as opened:
        yield opened


async def test_a_stream_is_shown_with_its_shape(http: httpx.AsyncClient, key_for: Keys) -> None:
    key = await key_for("deliveries:read")
    (listed,) = (await http.get("/streams", headers=key)).json()["items"]
    assert (listed["connection"], listed["type"], listed["policy"]) == ("shop", "order.paid", "accept")
    assert (listed["events"], listed["drifts"]) == (60, [])
    whole = (await http.get(ONE, headers=key)).json()
    assert whole["shape"]["fields"]["lines"]["items"]["fields"]["tax"]["kinds"] == {"decimal": 60}
    assert whole["held"] == 0
    unknown = await http.get("/streams/shop/order.sent", headers=key)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "stream-not-found")


async def test_a_poll_that_fails_is_told_with_its_reason_until_it_goes_well(
    http: httpx.AsyncClient, key_for: Keys, shop: Shop
) -> None:
    key = await key_for("deliveries:read")
    async with shop.database.unit("demo") as unit:
        for name in ("shop", "books"):
            await save(unit, name, "books", {}, {})
        await ensure(unit, "books", "sale.seen")
        await ensure(unit, "shop", "order.paid")
        unread, read = sorted(await take_turns(unit, 60), key=lambda turn: turn.connection)
        await miss(unit, unread, "Rejected: no field FNUMBER")
        assert await advance(unit, read, [], [], "1", 0)
    books, orders = (await http.get("/streams", headers=key)).json()["items"]
    assert (books["connection"], books["type"], books["events"]) == ("books", "sale.seen", 0)
    assert books["poll"] == {"failures": 1, "error": "Rejected: no field FNUMBER", "went_well_at": None}
    assert (orders["connection"], orders["poll"]) == ("shop", None)
    async with shop.database.unit("demo") as unit:
        await unit.execute("UPDATE cursors SET due_at = now()")
        (turn,) = [each for each in await take_turns(unit, 60) if each.connection == "shop"]
        await miss(unit, turn, "Transient: http 503")
    whole = (await http.get(ONE, headers=key)).json()
    assert (whole["poll"]["error"], whole["poll"]["went_well_at"] is None) == ("Transient: http 503", False)


async def test_a_drift_is_held_refused_while_the_mapping_is_not_fixed_and_released_once(
    http: httpx.AsyncClient, key_for: Keys, shop: Shop
) -> None:
    key = {**await key_for("deliveries:read", "deliveries:replay"), **JSON}
    chosen = await http.put(f"{ONE}/policy", headers=key, json={"policy": "hold"})
    assert chosen.json()["policy"] == "hold"
    await shop.tell(*({**order(number, order_no=GONE), "code": f"SO-{number}"} for number in (100, 101)))
    await shop.deliverer.drain("demo", "books")
    await shop.learner.step()
    whole = (await http.get(ONE, headers=key)).json()
    (drift,) = whole["drifts"]
    assert (whole["held"], drift["path"], drift["mappings"]) == (2, "order_no", ["shop.order__books.sale@1"])

    refused = await http.post(f"{ONE}/release", headers=key, json={"why": "too early"})
    assert (refused.status_code, refused.json()["code"]) == (409, "mapping-not-fixed")
    await shop.load(files(2, "code"))
    released = await http.post(f"{ONE}/release", headers=key, json={"why": "order_no is called code"})
    assert released.status_code == 202
    told = released.json()
    assert [each["path"] for each in told["acknowledged"]] == ["order_no"]
    assert (told["held"], told["replay"]["chosen"], told["replay"]["state"]) == (2, 2, "finished")
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 62}
    again = (await http.post(f"{ONE}/release", headers=key, json={"why": "once more"})).json()
    assert again == {"acknowledged": [], "held": 0, "replay": None}


async def test_who_may_read_may_neither_choose_nor_release(http: httpx.AsyncClient, key_for: Keys) -> None:
    key = {**await key_for("deliveries:read"), **JSON}
    assert (await http.put(f"{ONE}/policy", headers=key, json={"policy": "hold"})).status_code == 403
    assert (await http.post(f"{ONE}/release", headers=key, json={"why": "x"})).status_code == 403
    writer = {**await key_for("deliveries:replay"), **JSON}
    assert (await http.put(f"{ONE}/policy", headers=writer, json={"policy": "drop"})).status_code == 422


async def test_another_tenant_sees_nothing(http: httpx.AsyncClient, key_for: Keys) -> None:
    key = await key_for("deliveries:read", tenant="other")
    assert (await http.get("/streams", headers=key)).json() == {"items": []}
    assert (await http.get(ONE, headers=key)).status_code == 404


async def test_what_drifted_is_counted_for_monitoring(http: httpx.AsyncClient, shop: Shop) -> None:
    await shop.set_policy("hold")
    await shop.tell(order(100, total="9.90"), order(101, total="9.90"))
    await shop.learner.step()
    metrics = (await http.get("http://hub/metrics")).text
    assert 'hub_drift_total{what="kind"} 1.0' in metrics
