"""Deliveries over REST: newest first, filtered, paged, whole; cancelled; a tenant sees its own."""

from decimal import Decimal
from typing import Any

import httpx
import pytest

from hub import sdk
from hub.domain.delivery import State
from hub.ledger.database import Database
from tests.browser.story import HOSTILE, owe, settle_one, tell
from tests.browser.story import outcomes as endings
from tests.hub.api.conftest import Keys

LIST = "/api/v1/deliveries"


async def get(client: httpx.AsyncClient, path: str, key: dict[str, str], **params: Any) -> Any:
    answer = await client.get(path, headers=key, params=params)
    assert answer.status_code == 200, answer.text
    return sdk.loads(answer.content)


async def test_the_list_is_newest_first_and_the_filters_narrow_it(
    ledger: Database, client: httpx.AsyncClient, key_for: Keys
) -> None:
    told = await tell(ledger)
    key = await key_for("deliveries:read")
    everything = (await get(client, LIST, key))["items"]
    assert {row["id"]: row["state"] for row in everything} == {t.id: s for s, t in told.items()}
    assert everything[0]["state"] == "pending"
    narrowed = {
        "state": {row["state"] for row in (await get(client, LIST, key, state=["dead", "held"]))["items"]},
        "record": {row["record"] for row in (await get(client, LIST, key, record="ctr_done"))["items"]},
        "flow": (await get(client, LIST, key, flow="none"))["items"],
        "connection": len((await get(client, LIST, key, connection="kingdee"))["items"]),
    }
    assert narrowed == {"state": {"dead", "held"}, "record": {"ctr_done"}, "flow": [], "connection": 10}


async def test_pages_join_without_a_gap_or_a_double(ledger: Database, client: httpx.AsyncClient, key_for: Keys) -> None:
    for number in range(7):
        await owe(ledger, f"ctr_{number}")
    key, seen, cursor = await key_for("deliveries:read"), [], ""
    while cursor is not None:
        page = await get(client, LIST, key, limit=3, cursor=cursor)
        seen += [row["record"] for row in page["items"]]
        cursor = page["next"]
    assert seen == [f"ctr_{number}" for number in reversed(range(7))]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("limit", "0"),
        ("limit", "201"),
        ("cursor", "x"),
        ("cursor", "-1"),
        ("cursor", "9" * 20),
        ("cursor", "٣"),
        ("state", "gone"),
        ("flow", "x" * 201),
    ],
)
async def test_a_query_without_sense_is_a_422_that_echoes_nothing(
    client: httpx.AsyncClient, key_for: Keys, name: str, value: str
) -> None:
    answer = await client.get(LIST, headers=await key_for("deliveries:read"), params={name: value})
    assert answer.status_code == 422
    assert name in answer.json()["errors"][0]["field"].split(".")
    assert "gone" not in answer.text


async def test_one_delivery_shows_its_whole_line_to_the_fen(
    ledger: Database, client: httpx.AsyncClient, key_for: Keys
) -> None:
    await owe(ledger, "ctr_1")
    made = await settle_one(ledger, endings()[State.DONE])
    answer = await client.get(f"{LIST}/{made}", headers=await key_for("deliveries:read"))
    assert '"amount":628000.00' in answer.text
    found = sdk.loads(answer.content)
    line = found["line"]
    assert (found["state"], found["result"], found["attempts"]) == (
        "done",
        {"id": "100010", "number": "AR-HT-2026-0042"},
        1,
    )
    assert line["event"]["data"]["contract"]["amount"] == Decimal("628000.00")
    assert line["payload"]["tax_price"] == Decimal("628000.00")
    assert line["attempts"][0]["exchanges"][0]["answer"] == '{"Result":{"Id":"100010","Amount":628000.00}}'
    assert line["refs"][0]["external_id"] == "100010"


async def test_a_refusal_shows_the_vendors_words_and_the_hint_in_both_languages(
    ledger: Database, client: httpx.AsyncClient, key_for: Keys
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, endings()[State.DEAD])
    error = (await get(client, f"{LIST}/{dead}", await key_for("deliveries:read")))["error"]
    assert error["message"] == f"字段“客户”是必填项 {HOSTILE}"
    assert error["hint"]["zh"].startswith("在客户档案里")
    assert error["hint"]["en"].startswith("Fill the legal name")


async def test_another_tenants_delivery_does_not_exist(
    ledger: Database, client: httpx.AsyncClient, key_for: Keys
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, endings()[State.DEAD])
    theirs = await key_for("admin", tenant="other")
    absent = (await client.get(f"{LIST}/dlv_unknown", headers=theirs)).text
    assert (await get(client, LIST, theirs))["items"] == []
    for method, path in (("GET", f"{LIST}/{dead}"), ("POST", f"{LIST}/{dead}/cancel")):
        answer = await client.request(method, path, headers=theirs)
        assert (answer.status_code, answer.text) == (404, absent)


async def test_what_is_done_is_not_cancelled(ledger: Database, client: httpx.AsyncClient, key_for: Keys) -> None:
    await owe(ledger, "ctr_1")
    done = await settle_one(ledger, endings()[State.DONE])
    answer = await client.post(f"{LIST}/{done}/cancel", headers=await key_for("admin"))
    assert (answer.status_code, answer.json()["code"]) == (409, "not-in-this-state")


async def test_cancel_twice_is_once(ledger: Database, client: httpx.AsyncClient, key_for: Keys) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, endings()[State.DEAD])
    key = await key_for("admin")
    answers = [await client.post(f"{LIST}/{dead}/cancel", headers=key) for _ in range(2)]
    assert [(a.status_code, a.json()["state"]) for a in answers] == [(202, "cancelled")] * 2


@pytest.mark.parametrize("ident", ["%00", "dlv_%00", "%F0%9F%98%80", "' OR 1=1 --", "x" * 5000, "-1"], ids=repr)
async def test_an_id_without_sense_is_a_404(client: httpx.AsyncClient, key_for: Keys, ident: str) -> None:
    assert (await client.get(f"{LIST}/{ident}", headers=await key_for("admin"))).status_code == 404
