"""What registries say of a customer: each field with its source, newer news win, a person's word stands."""

from functools import partial
from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from core_crm import facts, people, store
from core_crm.refuse import demand
from core_crm.shapes import NewCustomer
from hub import sdk
from tests.core_crm.samples import act, meet, rows
from tests.core_crm.works import Works

CODE = "91520000214434146R"
AT = "2026-11-28T09:00:00+08:00"
EARLIER, LATER = "2026-11-28T08:59:59+08:00", "2026-11-28T09:00:01+08:00"
FOUND: dict[str, Any] = {
    "status": "found",
    "provider": "tianyancha",
    "provider_id": "22822",
    "fetched_at": AT,
    "name": "苏州恒锐精密机械有限公司",
    "credit_code": CODE,
    "legal_representative": "李建国",
    "registered_capital": "5000000.00",
    "capital_currency": "CNY",
    "capital_text": "500万人民币",
    "established_on": "2012-05-03",
    "company_status": "存续",
    "address": "",
    "industry": None,
    "former_names": ["苏州恒锐机械厂", ""],
    "candidates": [],
}
CANDIDATES = [
    {"id": "1", "name": "恒锐机械", "credit_code": "", "region": "江苏"},
    {"id": "2", "name": "恒锐机械", "credit_code": CODE, "region": "浙江"},
]


async def customer(works: Works, credit_code: str = "", tenant: str = "demo") -> str:
    async with works.begin(tenant) as unit:
        given = NewCustomer(number="C-1", name="苏州恒锐精密机械有限公司", credit_code=credit_code)
        return await people.create_customer(unit, given)


async def enrich(works: Works, customer_id: str, tenant: str = "demo", **changes: Any) -> sdk.Made:
    return await act(works, "registry", "enrich_customer", tenant, customer_id=customer_id, **{**FOUND, **changes})


async def shown(works: Works, customer_id: str) -> dict[str, Any]:
    """Field → (value, source) or, with a suggestion, (value, source, its value, its source)."""
    async with works.begin("demo") as unit:
        found = await facts.facts_of(unit, await demand(unit, store.CUSTOMERS, customer_id))
    return {field: _pair(row) + (_pair(row["suggestion"]) if row["suggestion"] else ()) for field, row in found.items()}


def _pair(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["value"], row["source"])


async def state(works: Works, customer_id: str, field: str, value: str) -> None:
    async with works.begin("demo") as unit:
        await facts.state_fact(unit, customer_id, field, value)


async def test_every_field_that_is_said_is_kept_with_its_source_and_a_repeat_changes_nothing(works: Works) -> None:
    made = await customer(works)
    for _ in range(2):
        assert (await enrich(works, made)).number == "C-1"
    said = {
        "name": "苏州恒锐精密机械有限公司",
        "credit_code": CODE,
        "legal_representative": "李建国",
        "registered_capital": "5000000",
        "capital_currency": "CNY",
        "capital_text": "500万人民币",
        "established_on": "2012-05-03",
        "company_status": "存续",
        "former_names": "苏州恒锐机械厂",
    }
    assert await shown(works, made) == {field: (value, "tianyancha") for field, value in said.items()}
    assert await rows(works, "SELECT credit_code FROM customers") == [(CODE,)]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("0.000001", "0.000001"), ("123456789012.3456", "123456789012.3456"), (100, "100"), ("0", "0")],
)
async def test_capital_keeps_every_digit(works: Works, sent: object, kept: str) -> None:
    made = await customer(works)
    await enrich(works, made, registered_capital=sent)
    assert (await shown(works, made))["registered_capital"] == (kept, "tianyancha")


async def test_a_code_that_is_not_valid_is_told_but_does_not_fill_the_customers(works: Works) -> None:
    made = await customer(works)
    await enrich(works, made, credit_code="91520000214434146X")
    assert await rows(works, "SELECT credit_code FROM customers") == [("",)]
    assert (await shown(works, made))["credit_code"] == ("91520000214434146X", "tianyancha")


async def test_a_code_our_people_wrote_stands_and_the_registrys_is_a_suggestion(works: Works) -> None:
    made = await customer(works, "91350100M000100Y43")
    await enrich(works, made, name="苏州恒锐精密机械股份有限公司")
    told = await shown(works, made)
    assert told["credit_code"] == ("91350100M000100Y43", "crm", CODE, "tianyancha")
    assert told["name"] == ("苏州恒锐精密机械有限公司", "crm", "苏州恒锐精密机械股份有限公司", "tianyancha")


async def test_a_persons_word_stands_before_and_after_the_registry_until_it_is_taken_back(works: Works) -> None:
    made = await customer(works)
    await state(works, made, "industry", "数控机床")
    await enrich(works, made, industry="通用设备制造业")
    await state(works, made, "company_status", "停产")
    await enrich(works, made, industry="专用设备制造业", fetched_at=LATER)
    told = await shown(works, made)
    assert told["industry"] == ("数控机床", "crm", "专用设备制造业", "tianyancha")
    assert told["company_status"] == ("停产", "crm", "存续", "tianyancha")
    await state(works, made, "industry", "")
    assert (await shown(works, made))["industry"] == ("专用设备制造业", "tianyancha")


async def test_newer_news_correct_and_older_are_ignored_in_every_order(works: Works) -> None:
    made = await customer(works)
    for n, order in enumerate(permutations(((EARLIER, "旧"), (AT, "中"), (LATER, "新")))):
        async with works.begin("demo") as unit:
            await unit.execute("DELETE FROM customer_facts")
            await unit.execute("DELETE FROM customer_registry")
        for fetched_at, word in order:
            await enrich(works, made, fetched_at=fetched_at, address=word, provider_id=word)
        assert (await shown(works, made))["address"][0] == "新", n
        assert await rows(works, "SELECT provider_id FROM customer_registry") == [("新",)]


@pytest.mark.parametrize(("status", "candidates"), [("ambiguous", CANDIDATES), ("none", [])])
async def test_a_look_that_found_no_single_company_is_remembered_and_tells_no_facts(
    works: Works, status: str, candidates: list[dict[str, str]]
) -> None:
    made = await customer(works)
    await enrich(works, made, status=status, candidates=candidates)
    assert await shown(works, made) == {}
    assert await rows(works, "SELECT status, provider, candidates FROM customer_registry") == [
        (status, "tianyancha", candidates)
    ]
    assert await rows(works, "SELECT credit_code FROM customers") == [("",)]


async def test_what_decides_is_strict(works: Works) -> None:
    made = await customer(works)
    for wrong in ({"status": "maybe"}, {"registered_capital": "a lot"}, {"established_on": "2012"}, {"provider": ""}):
        with pytest.raises(ValidationError):
            await enrich(works, made, **wrong)
    assert await rows(works, "SELECT id FROM customer_registry") == []


async def test_twenty_looks_at_once_leave_one_row_for_each_field(works: Works) -> None:
    made = await customer(works)
    await meet(works, *[partial(enrich, works, made) for _ in range(20)])
    assert await rows(works, "SELECT count(*), count(DISTINCT field) FROM customer_facts") == [(9, 9)]
    assert await rows(works, "SELECT count(*) FROM customer_registry") == [(1,)]


async def test_another_tenants_customer_is_not_there(works: Works) -> None:
    made = await customer(works)
    await enrich(works, made)
    with pytest.raises(sdk.Rejected) as refused:
        await enrich(works, made, "other")
    assert refused.value.code == "customer-not-found"
    assert await rows(works, "SELECT id FROM customer_facts", "other") == []
