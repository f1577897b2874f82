"""Every synced field answers where its value comes from, and answers right after it changed hands."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

import core_crm
from core_crm import api as home
from hub import api, sdk
from hub.api import explain
from hub.embedded.postgres import Addresses
from hub.ledger.keys import create_key
from hub.ledger.selection import Selection
from hub.mapping import parse_mapping
from hub.sdk.home import Origin
from tests.core_crm.samples import draft, submitted
from tests.core_crm.works import Works
from tests.hub.api.told import World, leaves, written

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
PAID: dict[str, Any] = {
    "external_id": "200001",
    "number": "SKD-1",
    "receivable_number": "AR-HT-1",
    "amount": "200000.00",
}
PAID |= {"currency": "CNY", "paid_on": "2026-11-28", "modified_at": NOW.isoformat()}
BOOKED: dict[str, Any] = {"external_id": "100010", "number": "AR-HT-1", "amount": "628000.00", "currency": "CNY"}
COMPANY: dict[str, Any] = {
    "status": "found",
    "provider": "tianyancha",
    "provider_id": "3398",
    "fetched_at": NOW.isoformat(),
    "name": "苏州恒锐精密机械有限公司",
    "credit_code": "91520000214434146R",
    "legal_representative": "王强",
    "registered_capital": Decimal("10000000.00"),
    "capital_currency": "CNY",
    "capital_text": "1000万",
    "established_on": "2011-03-01",
    "company_status": "存续",
    "address": "苏州",
    "industry": "机械",
    "former_names": ["恒锐机械"],
    "candidates": [{"id": "3398", "name": "恒锐"}],
}
PERSON: dict[str, Any] = {
    "external_id": "wm_1",
    "name": "李工",
    "owner": "zhangsan",
    "remark": "采购",
    "company": "某公司",
}
PERSON |= {"mobile": "13800000000", "email": "li@x.cn", "title": "经理", "changed_at": NOW.isoformat()}
SAID: dict[str, Any] = {
    "external_id": "m1",
    "kind": "email",
    "direction": "in",
    "at": NOW.isoformat(),
    "subject": "合同",
    "text": "好",
}
SAID |= {"thread": "t1", "contact": {"external_id": "wm_9", "email": "Li@X.cn", "name": "李"}, "consent": True}
SAID |= {"attachments": [{"name": "a.pdf", "size": 3}]}


@pytest.fixture
async def world(migrated: Addresses) -> AsyncIterator[World]:
    made = await World(migrated).open()
    yield made
    await made.database.close()


async def customer(world: World, **more: str) -> str:
    """A customer without a credit code; its id."""
    from_api = {"number": "C-9", "name": "恒锐", **more}
    client, key = await caller(world)
    answer = await client.post("/api/v1/customers", json=from_api, headers=key)
    return str(answer.json()["id"])


async def caller(world: World) -> tuple[httpx.AsyncClient, dict[str, str]]:
    async def no_redis() -> bool:
        return False

    app = FastAPI()
    private = [home.router(Works(world.database)), explain.router(world.explainer)]
    for router in api.routers(world.database, no_redis, "test", private):
        app.include_router(router)
    api.guard(app, 1024 * 1024, 5)
    async with world.database.unit("demo") as unit:
        key = await create_key(unit, "财务", ["crm:write", "deliveries:read"])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://hub")
    return client, {"authorization": f"Bearer {key}"}


def explaining(action: str, leaf: str) -> list[tuple[str, str, Origin]]:
    """Fields of the CRM that this field of the action's input ends up in."""
    return [
        (kind, field.replace("*", "0"), origin)
        for kind, found in core_crm.home.kinds.items()
        for field, origins in found.origins.items()
        for origin in origins
        if origin.action == action and leaf in origin.fields
    ]


async def check_all(world: World, action: str, delivery: str, records: dict[str, str]) -> None:
    """Each field of the action's input shows in a field of a record that is explained by this delivery and its line."""
    for leaf in leaves(core_crm.home.actions[action].input):
        answers = []
        for kind, field, origin in explaining(action, leaf):
            if kind in records:
                told = await world.explain(kind, records[kind], field)
                answers.append((field, told["by"], told["written"] and told["written"]["field"]))
                if told["written"] and told["written"]["delivery"]["id"] == delivery:
                    mapping = told["written"]["mapping"]
                    names = [name.partition(".")[0] for name in origin.fields]
                    assert told["by"] == ("action" if origin.derived else "mapping")
                    assert any(mapping["text"].startswith(f"{name}: {{ take: {name} }}") for name in names)
                    break
        else:
            raise AssertionError(f"crm.{action}: {leaf} is not explained: {answers}")


async def test_every_field_of_every_home_action_is_explained(world: World) -> None:
    works = Works(world.database)
    contract, small = await submitted(works), await submitted(works, "HT-2")
    fresh = await customer(world)
    done: set[str] = set()

    async def check(action: str, records: dict[str, str], kind: str = "", /, **data: Any) -> str:
        delivery = await world.tell(action, **data)
        made = await world.made(delivery)
        await check_all(world, action, delivery, {**records, **({kind: made} if kind else {})})
        done.add(action)
        return made

    await check("record_approval", {"contract": contract}, contract_id=contract, instance_id="p1")
    decided = {"instance_id": "p1", "decision": "approved", "decided_at": NOW.isoformat()}
    await check("decide_approval", {"contract": contract}, **decided)
    await check("approve_contract", {"contract": small}, contract_id=small, reason="按制度")
    posting = {**BOOKED, "contract_id": contract}
    await check("record_posting", {"contract": contract}, **posting)
    booking = {**posting, "due_on": "2026-12-31"}
    await check("book_receivable", {"contract": contract}, "receivable", **booking)
    await check("record_payment", {}, "payment", **PAID)
    await check("enrich_customer", {}, "customer", customer_id=fresh, **COMPANY)
    contact = await check("save_contact", {}, "contact", **PERSON)
    await check("remove_contact", {"contact": contact}, external_id="wm_1", removed_at=NOW.isoformat())
    await check("note_interaction", {}, "interaction", **SAID)
    await check("revoke_interaction", {}, "interaction", external_id="m1", revoked_at=NOW.isoformat())
    assert done == set(core_crm.home.actions)


async def test_the_whole_line_is_told(world: World) -> None:
    delivery = await world.tell("record_payment", "kingdee", **PAID)
    payment = await world.made(delivery)
    told = await world.explain("payment", payment, "amount")
    assert (told["value"], told["by"]) == ("200000.00", "mapping")
    line = told["written"]
    assert line["source"] == {"system": "kingdee", "connection": "kingdee", "external_id": "200001"}
    assert (line["event"]["type"], line["delivery"]["id"], line["delivery"]["attempt"]) == (
        "record_payment",
        delivery,
        1,
    )
    mapping = world.running["record_payment"]
    where = mapping.text.splitlines().index("  amount: { take: amount }") + 1
    assert (line["mapping"]["file"], line["mapping"]["line"]) == ("acme/news__crm_record_payment.yaml", where)
    assert (line["mapping"]["version"], line["mapping"]["hash"]) == (1, mapping.hash)
    assert (line["mapping"]["expression"], line["mapping"]["inputs"]) == (
        "amount",
        [{"path": "amount", "value": "200000.00"}],
    )
    assert line["payload"]["number"] == "SKD-1"
    assert told["before"] is None


async def test_two_mappings_in_turn_are_told_apart(world: World) -> None:
    first = await world.tell("record_payment", **PAID)
    old = world.running["record_payment"]
    await world.run(written("record_payment", version=2, amount="paid"))
    later = (NOW + timedelta(hours=1)).isoformat()
    second = await world.tell("record_payment", **{**PAID, "paid": "150000.00", "modified_at": later})
    told = await world.explain("payment", await world.made(second), "amount")
    assert (told["value"], told["written"]["delivery"]["id"]) == ("150000.00", second)
    assert (told["written"]["mapping"]["version"], told["written"]["mapping"]["expression"]) == (2, "paid")
    assert told["before"] == {**told["before"], "value": "200000.00", "delivery": first, "mapping": old.pin}


async def test_news_that_came_late_is_not_taken_for_the_writer(world: World) -> None:
    newer = {**PAID, "amount": "150000.00", "modified_at": (NOW + timedelta(hours=1)).isoformat()}
    second = await world.tell("record_payment", **newer)
    late = await world.tell("record_payment", **PAID)
    told = await world.explain("payment", await world.made(second), "amount")
    assert (told["value"], told["written"]["delivery"]["id"], told["before"]["delivery"]) == ("150000.00", second, late)


async def test_a_replay_with_a_newer_mapping_is_told_with_that_one(world: World) -> None:
    await world.run(written("record_payment", amount="nothing_there"))
    dead = await world.tell("record_payment", **PAID)
    await world.run(written("record_payment", version=2))
    async with world.database.unit("demo") as unit:
        wanted = Selection((dead,))
        replay_id = await world.lab.begin(unit, "key", "改好了", wanted, "current")
    await world.lab.run("demo", replay_id, 5)
    await world.drain()
    told = await world.explain("payment", await world.made(dead), "amount")
    assert (told["by"], told["written"]["mapping"]["version"], told["written"]["delivery"]["replays"]) == (
        "mapping",
        2,
        1,
    )
    assert told["written"]["mapping"]["runs_now"] is True


async def test_an_older_mapping_is_read_from_the_ledger(world: World) -> None:
    delivery = await world.tell("record_payment", **PAID)
    await world.run(written("record_payment", version=2, amount="paid"))
    mapping = (await world.explain("payment", await world.made(delivery), "amount"))["written"]["mapping"]
    assert (mapping["version"], mapping["expression"], mapping["runs_now"]) == (1, "amount", False)


async def test_an_edited_payload_names_who_and_what_it_was(world: World) -> None:
    await world.run(written("record_payment", currency="nothing_there"))
    dead = await world.tell("record_payment", **PAID)
    payload = {**PAID, "amount": "199999.00"}
    await world.lab.edit("demo", "key-1", "银行回单为准", dead, payload)
    await world.drain()
    payment = await world.made(dead)
    told = await world.explain("payment", payment, "amount")
    assert (told["value"], told["by"]) == ("199999.00", "edited")
    assert (told["written"]["edited"]["who"], told["written"]["edited"]["why"]) == ("key-1", "银行回单为准")


async def test_what_a_person_left_alone_is_still_the_mappings(world: World) -> None:
    contract = await submitted(Works(world.database))
    early = await world.tell("book_receivable", contract_id=contract, due_on="2026-12-31", **BOOKED)
    await world.tell("approve_contract", contract_id=contract, reason="按制度")
    payload = {**BOOKED, "contract_id": contract, "due_on": "2027-01-31"}
    await world.lab.edit("demo", "key-1", "客户要求延期", early, payload)
    await world.drain()
    receivable = await world.made(early)
    due_on, amount = [await world.explain("receivable", receivable, name) for name in ("due_on", "amount")]
    assert (due_on["by"], due_on["written"]["edited"]["was"], amount["by"]) == ("edited", "2026-12-31", "mapping")


async def test_each_item_of_a_list_is_its_own_deliverys(world: World) -> None:
    contract = await submitted(Works(world.database))
    await world.tell("approve_contract", contract_id=contract, reason="按制度")
    posting = {"contract_id": contract, "amount": "628000.00", "currency": "CNY", "external_id": "1", "number": "YS-1"}
    made = [await world.tell("record_posting", source, **posting) for source in ("yonyou", "u8")]
    told = [await world.explain("contract", contract, f"postings.{n}.amount") for n in (0, 1)]
    assert [each["written"]["delivery"]["id"] for each in told] == made
    assert [each["before"] for each in told] == [None, None]


async def test_what_a_person_states_after_the_sync_is_the_persons(world: World) -> None:
    fresh = await customer(world)
    synced = await world.tell("enrich_customer", customer_id=fresh, **COMPANY)
    client, key = await caller(world)
    name = "facts.address.value"
    assert (await world.explain("customer", fresh, name))["written"]["delivery"]["id"] == synced
    await client.put(f"/api/v1/customers/{fresh}/facts/address", json={"value": "上海"}, headers=key)
    told = await world.explain("customer", fresh, name)
    assert (told["value"], told["by"], told["edit"]["key_name"]) == ("上海", "api", "财务")
    assert (told["written"], told["before"]["value"], told["before"]["delivery"]) == (None, "苏州", synced)
    suggestion = await world.explain("customer", fresh, "facts.address.suggestion.value")
    assert (suggestion["value"], suggestion["written"]["delivery"]["id"]) == ("苏州", synced)
    await client.put(f"/api/v1/customers/{fresh}/facts/address", json={"value": ""}, headers=key)
    told = await world.explain("customer", fresh, name)
    assert (told["value"], told["by"], told["written"]["delivery"]["id"]) == ("苏州", "mapping", synced)


async def test_what_the_api_created_names_the_key(world: World) -> None:
    fresh = await customer(world, name="恒锐精密")
    told = await world.explain("customer", fresh, "name")
    assert (told["value"], told["by"], told["edit"]["key_name"]) == ("恒锐精密", "api", "财务")


async def test_what_nobody_recorded_is_not_ascribed_to_the_last_sync(world: World) -> None:
    delivery = await world.tell("record_payment", **PAID)
    payment = await world.made(delivery)
    async with world.database.unit("demo") as unit:
        await unit.execute("UPDATE payments SET amount = 1 WHERE id = $1", payment)
    told = await world.explain("payment", payment, "amount")
    assert (told["value"], told["by"], told["written"], told["before"]["delivery"]) == (
        "1.00",
        "unknown",
        None,
        delivery,
    )


async def test_what_is_worked_out_names_what_it_was_worked_out_of(world: World) -> None:
    contract = await submitted(Works(world.database))
    await world.tell("approve_contract", contract_id=contract, reason="按制度")
    booking = await world.tell("book_receivable", contract_id=contract, due_on="2026-12-31", **BOOKED)
    told = await world.explain("contract", contract, "receivable.outstanding")
    assert (told["value"], told["by"], told["written"]["delivery"]["id"]) == ("628000.00", "action", booking)
    paying = await world.tell("record_payment", **PAID)
    told = await world.explain("contract", contract, "receivable.outstanding")
    assert (told["value"], told["by"], told["written"]["delivery"]["id"]) == ("428000.00", "action", paying)
    assert told["written"]["mapping"]["inputs"] == [{"path": "amount", "value": "200000.00"}]
    told = await world.explain("contract", contract, "status")
    assert (told["value"], told["by"], told["written"]["delivery"]["id"]) == ("booked", "action", booking)
    assert told["before"]["value"] == "approved"


async def test_what_is_unknown_is_refused_with_the_nearest_name(world: World) -> None:
    contract = await draft(Works(world.database))
    for kind, record_id, field, words in (
        ("contract", contract, "amuont", "did you mean 'amount'"),
        ("contrct", contract, "amount", "did you mean 'contract'"),
        ("contract", "ctr_0", "amount", "no such contract"),
        ("delivery", "dlv_0", "amount", "no such delivery"),
        ("kingdee.receivable", "1", "amount", "no delivery made this"),
    ):
        with pytest.raises(sdk.Problem, match=words) as refused:
            await world.explain(kind, record_id, field)
        assert refused.value.status == 404


async def test_the_api_answers_who_may_read_deliveries(world: World) -> None:
    payment = await world.made(await world.tell("record_payment", **PAID))
    client, key = await caller(world)
    place = f"/api/v1/explain/payment/{payment}/amount"
    assert (await client.get(place)).status_code == 401
    answer = await client.get(place, headers=key)
    assert (answer.status_code, answer.json()["value"]) == (200, "200000.00")
    async with world.database.unit("demo") as unit:
        reader = {"authorization": f"Bearer {await create_key(unit, 'r', ['crm:read'])}"}
    assert (await client.get(place, headers=reader)).status_code == 403
    async with world.database.unit("other") as unit:
        other = {"authorization": f"Bearer {await create_key(unit, 'o', ['deliveries:read'])}"}
    assert (await client.get(place, headers=other)).status_code == 404


async def test_a_field_that_a_payload_lacks_is_refused_with_the_nearest_name(world: World) -> None:
    delivery = await world.tell("note_interaction", **SAID)
    for field, words in (
        ("subjct", "did you mean 'subject'"),
        ("contact.nmae", "unknown 'nmae', did you mean 'name'"),
        ("attachments.0.nmae", "unknown 'nmae', did you mean 'name'"),
        ("attachments.1.name", "unknown '1'"),
        ("subject.text", "unknown 'text'"),
    ):
        with pytest.raises(sdk.Problem, match=words):
            await world.explain("delivery", delivery, field)
    assert (await world.explain("delivery", delivery, "attachments.0.name"))["value"] == "a.pdf"


async def test_a_delivery_that_was_never_mapped_says_why(world: World) -> None:
    text = written("record_payment").text.replace("number: { take: number }", "number: { take: gone, required: true }")
    await world.run(parse_mapping(text, "acme/news__crm_record_payment.yaml"))
    dead = await world.tell("record_payment", **PAID)
    with pytest.raises(
        sdk.Problem, match=r"还没有内容：映射失败，number is .* / nothing was mapped: number is required"
    ):
        await world.explain("delivery", dead, "amount")
