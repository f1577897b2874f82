"""What a person decides about one delivery: an answer to a doubt, and a new effect that takes two."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from hub import api, sdk
from hub.api import acts
from hub.embedded.postgres import Addresses
from hub.ledger import forces
from hub.ledger.replay import replay
from tests.hub.api.bills import DONE, DOUBT, NO, Bills
from tests.hub.api.conftest import Keys, redis_is_away

JSON = {"content-type": "application/json"}


@pytest.fixture
async def bills(migrated: Addresses) -> AsyncIterator[Bills]:
    opened = await Bills().open(migrated)
    yield opened
    await opened.database.close()


@pytest.fixture
def ledger(bills: Bills) -> Any:
    """Where `key_for` makes its keys."""
    return bills.database


@pytest.fixture
async def http(bills: Bills) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    for router in api.routers(bills.database, redis_is_away, "1", [acts.router(bills.database, bills.lab)]):
        app.include_router(router)
    api.guard(app, 4096, 0.5)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub") as opened:
        yield opened


async def post(
    http: httpx.AsyncClient, key: dict[str, str], delivery: str, verb: str, status: int = 202, **body: Any
) -> Any:
    path = f"/api/v1/deliveries/{delivery}/{verb}"
    answer = await http.post(path, headers={**key, **JSON}, content=sdk.dumps(body))
    assert answer.status_code == status, answer.text
    return sdk.loads(answer.content)


async def test_it_is_there_makes_it_done_as_the_vendor_would_have(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (doubt,) = await bills.ended(DOUBT, "c1")
    key = await key_for("deliveries:replay", "deliveries:read")
    needed = await post(http, key, doubt, "answer", 422, there=True, why="在金蝶里看到")
    assert needed["errors"][0]["field"] == "external_id"
    told = await post(http, key, doubt, "answer", there=True, external_id="100010", number="AR-1", why="在金蝶里看到")
    assert told == {"id": doubt, "state": "done"}
    whole = sdk.loads((await http.get(f"/api/v1/deliveries/{doubt}", headers=key)).content)
    assert (whole["state"], whole["result"]) == ("done", {"id": "100010", "number": "AR-1"})
    assert [r["external_id"] for r in whole["line"]["refs"]] == ["100010"]
    note = whole["line"]["attempts"][-1]
    assert (note["number"], note["outcome"], note["error_code"]) == (2, "done", "answered")
    assert note["error"] == f"{key['authorization'].split('_')[2]}: 在金蝶里看到"
    async with bills.database.unit("demo") as unit:
        event = await unit.fetchrow("SELECT type, subject, data, delivery_id FROM events WHERE connection = 'kingdee'")
    assert event is not None
    assert (event["type"], event["subject"], event["delivery_id"]) == ("bill.booked", "100010", doubt)
    assert str(event["data"]["payload"]["amount"]) == "100.50"
    assert (await post(http, key, doubt, "answer", 409, there=False, why="x"))["code"] == "not-in-this-state"


async def test_it_is_not_there_sends_it_again_without_a_look(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (doubt,) = await bills.ended(DOUBT, "c1")
    told = await post(http, await key_for("admin"), doubt, "answer", there=False, why="金蝶里没有")
    assert told["state"] == "pending"
    (taken,) = await bills.take()
    assert (taken.id, taken.look_first) == (doubt, False)
    await bills.settle(taken, DONE)
    async with bills.database.unit("demo") as unit:
        numbers = [r["number"] for r in await unit.fetch("SELECT number FROM attempts ORDER BY number")]
    assert numbers == [1, 2, 3]


async def test_opposite_answers_at_once_are_one_answer(bills: Bills, http: httpx.AsyncClient, key_for: Keys) -> None:
    (doubt,) = await bills.ended(DOUBT, "c1")
    key = {**await key_for("admin"), **JSON}
    bodies = [{"there": bool(n % 2), "external_id": "1", "why": "x"} for n in range(8)]
    path = f"/api/v1/deliveries/{doubt}/answer"
    answers = await asyncio.gather(*(http.post(path, headers=key, content=sdk.dumps(b)) for b in bodies))
    assert sorted(a.status_code for a in answers) == [202] + [409] * 7
    assert await bills.count("attempts") == 2


async def test_only_a_doubt_is_answered_and_only_with_the_scope(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    key = await key_for("admin")
    await post(http, key, dead, "answer", 409, there=False, why="x")
    await post(http, key, "dlv_no", "answer", 404, there=False, why="x")
    await post(http, key, dead, "answer", 422, there=False)
    await post(http, await key_for("deliveries:read"), dead, "answer", 403, there=False, why="x")
    await post(http, await key_for("admin", tenant="other"), dead, "answer", 404, there=False, why="x")


async def test_a_new_effect_takes_two_people_and_gets_a_new_number(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (done,) = await bills.ended(DONE, "c1")
    one, two = await key_for("deliveries:replay", "deliveries:read"), await key_for("admin")
    await post(http, one, done, "force", 422, why=" ")
    assert (await post(http, two, done, "force/confirm", 409))["code"] == "not-asked"
    asked = await post(http, one, done, "force", why="对方误删了")
    assert await post(http, one, done, "force", why="again") == asked
    shown = await http.get(f"/api/v1/deliveries/{done}/force", headers=two)
    assert shown.json() == asked
    assert (await post(http, one, done, "force/confirm", 403))["code"] == "second-person"
    assert (await bills.row(done))["state"] == "done"
    forced = await post(http, two, done, "force/confirm")
    assert forced == {"id": done, "state": "pending", "effect_no": 1}
    row = await bills.row(done)
    assert (row["effect_no"], row["look_first"], row["done_at"]) == (1, False, None)
    async with bills.database.unit("demo") as unit:
        kept = await unit.fetchrow("SELECT why, state, result, confirmed_by <> asked_by AS two, effect_no FROM forces")
    assert kept is not None
    assert tuple(kept) == ("对方误删了", "done", {"id": "100", "number": "AR-1"}, True, 1)
    await post(http, two, done, "force/confirm", 409)
    assert (await http.get(f"/api/v1/deliveries/{done}/force", headers=two)).status_code == 404


async def test_twenty_second_persons_at_once_make_one_effect(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    await post(http, await key_for("admin"), dead, "force", why="x")
    key, path = await key_for("admin"), f"/api/v1/deliveries/{dead}/force/confirm"
    answers = await asyncio.gather(*(http.post(path, headers=key) for _ in range(20)))
    assert sorted(a.status_code for a in answers) == [202] + [409] * 19
    assert (await bills.row(dead))["effect_no"] == 1


async def test_what_changed_since_or_is_a_day_old_must_be_asked_again(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (doubt,) = await bills.ended(DOUBT, "c1")
    one, two = await key_for("admin"), await key_for("admin")
    await post(http, one, doubt, "force", why="seems lost")
    await post(http, two, doubt, "answer", there=True, external_id="7", why="found it")
    assert (await post(http, two, doubt, "force/confirm", 409))["code"] == "not-asked"
    await post(http, one, doubt, "force", why="really")
    async with bills.database.unit("demo") as unit:
        await unit.execute("UPDATE forces SET asked_at = asked_at - $1::interval", forces.LASTS)
    await post(http, two, doubt, "force/confirm", 409)


async def test_what_is_due_or_under_way_is_not_forced(bills: Bills, http: httpx.AsyncClient, key_for: Keys) -> None:
    (dead,) = await bills.ended(NO, "c1")
    key = await key_for("admin")
    async with bills.database.unit("demo") as unit:
        await replay(unit, dead)
    await post(http, key, dead, "force", 409, why="x")
    await bills.take()
    await post(http, key, dead, "force", 409, why="x")
    await post(http, key, "dlv_no", "force", 404, why="x")
    await post(http, await key_for("admin", tenant="other"), dead, "force", 404, why="x")
