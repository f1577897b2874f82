"""A contract booked in further finance systems: one posting for each, and never over another amount."""

from functools import partial
from typing import Any

import pytest

from hub import sdk
from tests.core_crm.samples import BOOKED, act, approved, draft, meet, rows
from tests.core_crm.works import Works

POSTED = {"external_id": "2300000000000000019", "number": "YS-1", "amount": "628000.00", "currency": "CNY"}


async def post(works: Works, contract_id: str, source: str = "yonyou", **changes: Any) -> sdk.Made:
    return await act(works, source, "record_posting", contract_id=contract_id, **{**POSTED, **changes})


async def test_a_posting_stands_beside_the_receivable_and_a_repeat_changes_nothing(works: Works) -> None:
    made = await approved(works)
    await act(works, "kingdee", "book_receivable", contract_id=made, **BOOKED)
    assert len({(await post(works, made)).id for _ in range(3)}) == 1
    assert await rows(works, "SELECT source, external_id, number, amount::text FROM postings") == [
        ("yonyou", POSTED["external_id"], "YS-1", "628000.00")
    ]
    assert await rows(works, "SELECT source, number FROM receivables") == [("kingdee", "AR-HT-1")]


async def test_a_posting_may_come_before_the_receivable_and_its_number_may_be_corrected(works: Works) -> None:
    made = await approved(works)
    await post(works, made)
    await post(works, made, number="YS-1A")
    await act(works, "kingdee", "book_receivable", contract_id=made, **BOOKED)
    assert await rows(works, "SELECT number FROM postings") == [("YS-1A",)]
    assert await rows(works, "SELECT status FROM contracts") == [("booked",)]


@pytest.mark.parametrize("wrong", [{"amount": "628000.01"}, {"currency": "USD"}])
async def test_another_amount_or_currency_is_refused_and_both_are_named(works: Works, wrong: dict[str, str]) -> None:
    made = await approved(works)
    with pytest.raises(sdk.Rejected) as refused:
        await post(works, made, **wrong)
    sent = {**POSTED, **wrong}
    assert refused.value.code == "posting-amount"
    assert f"{sent['amount']} {sent['currency']}" in refused.value.message
    assert "628000.00 CNY" in refused.value.message
    assert await rows(works, "SELECT id FROM postings") == []


async def test_a_contract_has_one_posting_for_each_source(works: Works) -> None:
    made = await approved(works)
    await post(works, made)
    await post(works, made, source="sap")
    with pytest.raises(sdk.Rejected, match="YS-1"):
        await post(works, made, external_id="2300000000000000020")
    assert await rows(works, "SELECT source FROM postings ORDER BY source") == [("sap",), ("yonyou",)]


async def test_one_external_id_is_one_contracts(works: Works) -> None:
    await post(works, await approved(works))
    with pytest.raises(sdk.Rejected) as refused:
        await post(works, await approved(works, "HT-2"))
    assert refused.value.code == "posting-taken"
    assert len(await rows(works, "SELECT id FROM postings")) == 1


async def test_what_is_not_approved_or_not_there_cannot_be_booked(works: Works) -> None:
    mine = await approved(works)
    for contract_id, tenant, code in (
        (await draft(works, "HT-3"), "demo", "contract-status"),
        ("ctr_0", "demo", "contract-not-found"),
        (mine, "other", "contract-not-found"),
    ):
        with pytest.raises(sdk.Rejected) as refused:
            await post(works, contract_id, tenant=tenant)
        assert refused.value.code == code
    await post(works, mine)
    assert await rows(works, "SELECT id FROM postings", "other") == []


async def test_twenty_at_once_make_one_posting(works: Works) -> None:
    made = await approved(works)
    assert len({each.id for each in await meet(works, *[partial(post, works, made) for _ in range(20)])}) == 1
    assert await rows(works, "SELECT count(*) FROM postings") == [(1,)]
