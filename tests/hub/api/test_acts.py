"""What a person decides about one delivery: a replay, an answer to a doubt, and a new effect that takes two."""

import asyncio
from typing import Any

import httpx

from hub import sdk
from hub.ledger import forces
from hub.ledger.replay import replay
from tests.hub.api import conftest
from tests.hub.api.bills import DONE, DOUBT, FIRST, NO, SECOND, Bills
from tests.hub.api.conftest import JSON, Keys


async def post(
    http: httpx.AsyncClient, key: dict[str, str], delivery: str, verb: str, status: int = 202, **body: Any
) -> Any:
    return await conftest.post(http, key, f"/api/v1/deliveries/{delivery}/{verb}", status, **body)


async def test_twice_is_once_and_it_needs_its_own_scope(bills: Bills, http: httpx.AsyncClient, key_for: Keys) -> None:
    (dead,) = await bills.ended(NO, "c1")
    path, key = f"/api/v1/deliveries/{dead}/replay", await key_for("deliveries:replay")
    assert (await http.post(path, headers=await key_for("deliveries:read"))).status_code == 403
    theirs = await http.post(path, headers=await key_for("admin", tenant="other"))
    assert (theirs.status_code, theirs.json()["code"]) == (404, "delivery-not-found")
    bills.plans = SECOND
    answers = [await http.post(path, headers=key) for _ in range(2)]
    told = {"id": dead, "state": "pending", "mapping": FIRST.pin}
    assert [(a.status_code, a.json()) for a in answers] == [(202, told)] * 2
    assert ((await bills.row(dead))["replays"], await bills.count("replays")) == (1, 0)


async def test_it_goes_with_the_mapping_of_today_where_that_is_asked_for(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    key, bills.plans = await key_for("admin"), ""
    gone = await post(http, key, dead, "replay", 409, mapping="current")
    assert (gone["code"], gone["detail"]) == ("mapping", "today's flows do not owe this step")
    assert gone["hint"]["zh"].startswith("流程现在不再做这一步")
    bills.plans = SECOND
    await post(http, key, dead, "replay", 422, mapping="newest")
    await post(http, key, dead, "replay", 422, mapping="current", why=" ")
    assert ((await bills.row(dead))["state"], await bills.count("replays")) == ("dead", 0)
    clicks = await asyncio.gather(
        *(post(http, key, dead, "replay", mapping="current", why="补了备注") for _ in range(5))
    )
    assert clicks == [{"id": dead, "state": "pending", "mapping": SECOND.pin}] * 5
    (batch,) = sdk.loads((await http.get("/api/v1/replays", headers=key)).content)["items"]
    assert (batch["mapping"], batch["why"], batch["chosen"]) == ("current", "补了备注", 1)
    (taken,) = await bills.take()
    await bills.settle(taken, DONE)
    row = await bills.row(dead)
    assert (row["state"], row["payload"]["note"], row["replays"]) == ("done", "v2", 1)
    for choice in ("current", "pinned"):
        assert (await post(http, key, dead, "replay", 409, mapping=choice))["code"] == "not-in-this-state"


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
