"""The replay lab over REST: select, look without touching, put back as a batch, and read what became of it."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest

from hub import sdk
from hub.api import replays
from hub.domain.delivery import Next, State
from hub.ledger import selection
from hub.ledger.replay import cancel, replay
from hub.ledger.settle import Outcome
from tests.hub.api.bills import DONE, DOUBT, FIRST, NO, SECOND, Bills
from tests.hub.api.conftest import JSON, Keys, post

REPLAYS = "/api/v1/replays"


async def test_a_dry_run_shows_every_difference_and_touches_nothing(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    bills.plans = SECOND
    before = await bills.row(dead)
    key = await key_for("deliveries:replay")
    told = await post(http, key, f"{REPLAYS}/dry-run", record="c1", mapping="current")
    (would,) = told["items"]
    assert would["changes"] == [{"path": "note", "change": "added", "was": None, "would_be": "v2"}]
    assert (would["mapping_was"], would["mapping"]) == (FIRST.pin, SECOND.pin)
    assert (str(would["was"]["amount"]), str(would["would_be"]["amount"])) == ("100.50", "100.50")
    assert (would["replayable"], would["error"], told["next"]) == (True, None, None)
    (same,) = (await post(http, key, f"{REPLAYS}/dry-run", record="c1"))["items"]
    assert (same["mapping"], same["changes"]) == (FIRST.pin, [])
    assert await bills.row(dead) == before
    assert (await bills.count("replays"), await bills.count("attempts")) == (0, 1)


async def test_a_pinned_mapping_that_is_no_longer_loaded_comes_from_the_ledger(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    await bills.ended(NO, "c1")
    bills.loaded = [SECOND]
    (would,) = (await post(http, await key_for("admin"), f"{REPLAYS}/dry-run", record="c1"))["items"]
    assert (would["error"], would["changes"]) == (None, [])


async def test_what_could_not_be_sent_is_told_with_its_reason(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    key = await key_for("admin")
    bills.plans = ""
    (would,) = (await post(http, key, f"{REPLAYS}/dry-run", record="c1", mapping="current"))["items"]
    assert would["error"]["hint"]["zh"].startswith("流程现在不再做这一步")
    report = await post(http, key, REPLAYS, 202, record="c1", mapping="current", why="try")
    assert (report["chosen"], report["refused"], report["counts"]) == (0, 1, {"refused": 1})
    assert report["failures"][0]["example"] == dead
    assert (await bills.row(dead))["state"] == "dead"


async def test_the_selection_narrows_by_everything_it_names(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    small, large = await bills.ended(NO, "c1", "c2")
    async with bills.database.unit("demo") as unit:
        await unit.execute(
            "UPDATE events SET data = jsonb_set(data, '{contract,amount}', '628000.01') WHERE subject='c2'"
        )
    (done,) = await bills.ended(DONE, "c3")
    second = (await bills.row(large))["created_at"].isoformat()
    key = await key_for("admin")
    for wanted, found in (
        ({"record": "c1"}, [small]),
        ({"ids": [done]}, [done]),
        ({"ids": [small, done], "states": ["dead"]}, [small]),
        ({"flow": "bills"}, [small, large]),
        ({"flow": "none"}, []),
        ({"connection": "kingdee", "states": ["done"]}, [done]),
        ({"text": "客户不存在"}, [small, large]),
        ({"text": "ht-C2"}, [large]),
        ({"text": "100%"}, []),
        ({"since": second}, [large]),
        ({"until": second}, [small]),
        ({"where": "data.contract.amount > `628000.00`"}, [large]),
        ({"where": "payload.amount == `100.50` && error.code == '500'"}, [small, large]),
        ({"where": "result.number == 'AR-1'", "states": ["done", "dead"]}, [done]),
        ({"where": "attempts"}, [small, large]),
    ):
        items = (await post(http, key, f"{REPLAYS}/dry-run", **wanted))["items"]
        assert sorted(item["id"] for item in items) == sorted(found), wanted


async def test_rows_an_expression_cannot_answer_for_are_counted_and_left(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    await bills.ended(NO, "c1")
    told = await post(http, await key_for("admin"), f"{REPLAYS}/dry-run", where="sum(data.contract.number) > `1`")
    assert (told["items"], told["unanswerable"], told["scanned"]) == ([], 1, 1)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"where": "payload.["}, "where"),
        ({"where": "nofunc(@)"}, "where"),
        ({"states": ["gone"]}, "states"),
        ({"since": "2026-11-28T00:00:00"}, "since"),
        ({"mapping": "newest"}, "mapping"),
        ({"cursor": "x"}, "cursor"),
        ({"limit": 0}, "limit"),
        ({"flow": "x" * 201}, "flow"),
        ({"flows": "x"}, "flows"),
    ],
)
async def test_a_request_without_sense_is_a_422_that_names_the_field(
    http: httpx.AsyncClient, key_for: Keys, body: dict[str, Any], field: str
) -> None:
    refused = await post(http, await key_for("admin"), f"{REPLAYS}/dry-run", 422, **body)
    assert field in refused["errors"][0]["field"].split(".")


async def test_a_replay_of_everything_or_of_what_is_done_or_without_a_reason_is_refused(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    key = await key_for("deliveries:replay")
    assert (await post(http, key, REPLAYS, 422, why="all"))["code"] == "selection-empty"
    assert (await post(http, key, REPLAYS, 422, why="x", states=["done"]))["code"] == "not-replayable"
    assert (await post(http, key, REPLAYS, 422, why="x", where="a.["))["code"] == "expression"
    assert (await post(http, key, REPLAYS, 422, why="  ", record="c1"))["errors"][0]["field"] == "body.why"
    await post(http, await key_for("deliveries:read"), REPLAYS, 403, why="x", record="c1")
    assert await bills.count("replays") == 0
    (done,) = await bills.ended(DONE, "c1")
    report = await post(http, key, REPLAYS, 202, why="x", ids=[done])
    assert report["counts"] == {"refused": 1}
    assert (await bills.row(done))["state"] == "done"


async def test_a_batch_puts_back_under_the_same_key_behind_live_work_and_reports(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PAGE", 2)
    dead = await bills.ended(NO, "c1", "c2", "c3", "c4", "c5")
    bills.plans = SECOND
    key = await key_for("deliveries:replay", "deliveries:read")
    report = await post(http, key, REPLAYS, 202, flow="bills", mapping="current", why="客户补好了")
    assert (report["state"], report["chosen"], report["counts"]) == ("finished", 5, {"pending": 5})
    assert report["selection"] == {"flow": "bills"}
    row = await bills.row(dead[0])
    moved = (row["state"], row["mapping"], row["backlog"], row["look_first"], row["replays"], row["effect_no"])
    assert moved == ("pending", SECOND.pin, True, False, 1, 0)
    await bills.approve("live")
    assert [d.event.subject for d in await bills.take(1)] == ["live"]
    first, *rest = sorted(await bills.take(6), key=lambda d: d.event.subject)
    await bills.settle(first, DONE)
    for each in rest:
        await bills.settle(each, NO)
    read = (await http.get(f"{REPLAYS}/{report['id']}", headers=key)).json()
    assert read["counts"] == {"done": 1, "dead": 4}
    (failure,) = read["failures"]
    assert (failure["count"], failure["error"]["message"], failure["error"]["hint"]["zh"]) == (
        4,
        "客户不存在",
        "建客户",
    )
    seen, cursor = [], ""
    while cursor is not None:
        page = (
            await http.get(f"{REPLAYS}/{report['id']}/deliveries", headers=key, params={"limit": 2, "cursor": cursor})
        ).json()
        seen += [(i["delivery"], i["was"], i["old_mapping"], i["new_mapping"]) for i in page["items"]]
        cursor = page["next"]
    assert seen == [(ident, "dead", FIRST.pin, SECOND.pin) for ident in sorted(dead)]


async def test_a_later_batch_does_not_change_what_an_earlier_one_came_to(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    await bills.ended(NO, "c1")
    key = await key_for("admin")
    first = await post(http, key, REPLAYS, 202, record="c1", why="once")
    for each in await bills.take():
        await bills.settle(each, NO)
    second = await post(http, key, REPLAYS, 202, record="c1", why="again")
    for each in await bills.take():
        await bills.settle(each, DONE)
    counts = [(await http.get(f"{REPLAYS}/{b['id']}", headers=key)).json()["counts"] for b in (first, second)]
    assert counts == [{"dead": 1}, {"done": 1}]
    listed = (await http.get(REPLAYS, headers=key, params={"limit": 1})).json()
    assert [b["id"] for b in listed["items"]] == [second["id"]]
    older = (await http.get(REPLAYS, headers=key, params={"limit": 1, "cursor": listed["next"]})).json()
    assert [b["why"] for b in older["items"]] == ["once"]


async def test_a_batch_that_was_cut_off_goes_on_where_it_stopped(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PAGE", 2)
    monkeypatch.setattr(replays, "BUDGET_S", -1)
    dead = await bills.ended(NO, "c1", "c2", "c3")
    key = await key_for("admin")
    begun = await post(http, key, REPLAYS, 202, flow="bills", why="cut off")
    assert (begun["state"], begun["chosen"]) == ("running", 0)
    late = await bills.ended(NO, "c4")
    monkeypatch.setattr(replays, "BUDGET_S", 10)
    twins = await asyncio.gather(*(post(http, key, f"{REPLAYS}/{begun['id']}/continue", 202) for _ in range(4)))
    assert {t["id"] for t in twins} == {begun["id"]}
    report = (await http.get(f"{REPLAYS}/{begun['id']}", headers=key)).json()
    assert (report["state"], report["chosen"], report["scanned"], report["refused"]) == ("finished", 3, 3, 0)
    assert {(await bills.row(each))["replays"] for each in dead} == {1}
    assert (await bills.row(late[0]))["state"] == "dead"


async def test_a_dry_run_is_paged_without_a_gap_or_a_double(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selection, "PAGE", 3)
    dead = await bills.ended(NO, *(f"c{n}" for n in range(8)))
    key, seen, cursor = await key_for("admin"), [], ""
    while cursor is not None:
        page = await post(http, key, f"{REPLAYS}/dry-run", flow="bills", limit=2, cursor=cursor)
        assert len(page["items"]) <= 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next"]
    assert seen == sorted(dead)


async def test_a_double_click_is_one_replay_and_one_batch_where_the_key_says_so(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    dead = await bills.ended(NO, "c1", "c2")
    key = {**await key_for("admin"), "idempotency-key": "click-1"}
    answers = await asyncio.gather(*(post(http, key, REPLAYS, 202, flow="bills", why="twice") for _ in range(5)))
    assert len({a["id"] for a in answers}) == await bills.count("replays") == 1
    assert {(await bills.row(each))["replays"] for each in dead} == {1}
    other = await http.post(REPLAYS, headers={**key, **JSON}, content=sdk.dumps({"flow": "bills", "why": "other"}))
    assert (other.status_code, other.json()["code"]) == (409, "idempotency-key-reused")


async def test_replays_and_a_due_retry_at_once_make_one_attempt(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    await bills.ended(Outcome(Next(State.WAITING)), "c1", "c2", "c3")
    key = await key_for("admin")
    orders = [post(http, key, REPLAYS, 202, flow="bills", why=f"click {n}") for n in range(4)]
    clicks = [http.post(f"/api/v1/deliveries/{i}/replay", headers=key) for i in await ids(bills)]
    taken = (await asyncio.gather(*(bills.take() for _ in range(4)), *orders, *clicks))[:4]
    claimed = [d.id for each in taken for d in each] + [d.id for d in await bills.take()]
    assert sorted(claimed) == sorted(await ids(bills))
    for each in await ids(bills):
        assert (await bills.row(each))["state"] == "claimed"
        assert (await bills.row(each))["replays"] <= 1


async def ids(bills: Bills) -> list[str]:
    async with bills.database.unit("demo") as unit:
        return [row["id"] for row in await unit.fetch("SELECT id FROM deliveries")]


async def test_what_could_not_be_planned_is_planned_anew(bills: Bills, http: httpx.AsyncClient, key_for: Keys) -> None:
    bills.plans = "unplanned: no id"
    await bills.approve("c1")
    (taken,) = await bills.take()
    async with bills.database.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET state = 'dead'")
    key = await key_for("admin")
    refused = await post(http, key, REPLAYS, 202, record="c1", mapping="current", why="too early")
    assert refused["failures"][0]["error"]["hint"]["zh"] == "先改正流程文件。"
    bills.plans, bills.lane = FIRST, "lane-{subject}"
    assert (await post(http, key, REPLAYS, 202, record="c1", mapping="current", why="ok"))["chosen"] == 1
    row = await bills.row(taken.id)
    assert (row["mapping"], row["lane"], row["record"]) == (FIRST.pin, "lane-c1", "lane-c1")


async def test_an_edited_payload_is_checked_kept_and_ended_by_a_new_mapping(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    key = await key_for("deliveries:replay", "deliveries:read")
    path = f"/api/v1/deliveries/{dead}/edit"
    wrong = await post(http, key, path, 422, payload={"number": "A", "amont": 1}, why="typo")
    assert (wrong["code"], "amont" in wrong["detail"]) == ("payload-invalid", True)
    edited = {"number": "HT-9", "amount": sdk.loads("100.10")}
    report = await post(http, key, path, 202, payload=edited, why="对方要求")
    assert (report["kind"], report["counts"]) == ("edit", {"pending": 1})
    row = await bills.row(dead)
    assert (str(row["override"]["amount"]), row["backlog"], row["replays"]) == ("100.10", False, 1)
    (item,) = sdk.loads((await http.get(f"{REPLAYS}/{report['id']}/deliveries", headers=key)).content)["items"]
    assert (str(item["old_payload"]["amount"]), str(item["new_payload"]["amount"])) == ("100.50", "100.10")
    assert (await post(http, key, path, 409, payload=edited, why="again"))["code"] == "not-in-this-state"
    assert await bills.count("replays") == 1
    (taken,) = await bills.take()
    await bills.settle(taken, NO)
    (would,) = (await post(http, key, f"{REPLAYS}/dry-run", record="c1"))["items"]
    assert [c["path"] for c in would["changes"]] == ["amount", "number"]
    (new,) = (await post(http, key, f"{REPLAYS}/dry-run", record="c1", mapping="current"))["items"]
    assert new["changes"] == []
    await post(http, key, REPLAYS, 202, record="c1", why="keeps the edit")
    assert (await bills.row(dead))["override"] is not None
    (taken,) = await bills.take()
    await bills.settle(taken, NO)
    await post(http, key, REPLAYS, 202, record="c1", mapping="current", why="ends the edit")
    assert (await bills.row(dead))["override"] is None
    await post(http, key, "/api/v1/deliveries/dlv_no/edit", 404, payload={}, why="x")


async def test_what_is_in_doubt_settles_before_a_replay_looks(bills: Bills) -> None:
    (early,) = await bills.ended(Outcome(Next(State.WAITING, 9000, look_first=True)), "c1")
    async with bills.database.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET settle_s = 600")
        assert await replay(unit, early) == "kingdee"
    assert await bills.take() == []
    async with bills.database.unit("demo") as unit:
        left = await unit.fetchval("SELECT due_at - updated_at FROM deliveries")
    assert timedelta(minutes=9) < left <= timedelta(minutes=10)


async def test_what_was_given_up_is_only_put_back_by_its_state(
    bills: Bills, http: httpx.AsyncClient, key_for: Keys
) -> None:
    (dead,) = await bills.ended(NO, "c1")
    async with bills.database.unit("demo") as unit:
        await cancel(unit, dead)
    key = await key_for("admin")
    assert (await post(http, key, REPLAYS, 202, flow="bills", why="all"))["chosen"] == 0
    assert (await post(http, key, REPLAYS, 202, flow="bills", states=["cancelled"], why="named"))["chosen"] == 1


async def test_another_tenants_batch_does_not_exist(bills: Bills, http: httpx.AsyncClient, key_for: Keys) -> None:
    await bills.ended(DOUBT, "c1")
    ours = await post(http, await key_for("admin"), REPLAYS, 202, flow="bills", why="x")
    theirs = await key_for("admin", tenant="other")
    assert (await http.get(REPLAYS, headers=theirs)).json()["items"] == []
    assert (await post(http, theirs, f"{REPLAYS}/dry-run", flow="bills"))["items"] == []
    for method, path in (("GET", ""), ("GET", "/deliveries"), ("POST", "/continue")):
        answer = await http.request(method, f"{REPLAYS}/{ours['id']}{path}", headers=theirs)
        assert (answer.status_code, answer.json()["code"]) == (404, "replay-not-found")


async def test_the_body_must_be_exact_json_and_the_caller_known(http: httpx.AsyncClient, key_for: Keys) -> None:
    for path in (REPLAYS, f"{REPLAYS}/dry-run"):
        assert (await http.post(path, content="{")).status_code == 401
        answer = await http.post(path, content='{"why":NaN}', headers={**await key_for("admin"), **JSON})
        assert (answer.status_code, answer.json()["code"]) == (400, "unreadable")
