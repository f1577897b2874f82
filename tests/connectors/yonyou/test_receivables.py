"""Receivables and customers: booked once, read back, compared; whatever gets lost on the way."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import simplejson

from connectors.yonyou.documents import resubmit_key
from connectors.yonyou.receivables import Receivable
from hub import sdk
from tests.connectors.yonyou.wire import BILL, CUSTOMER, Tenant, run

EXACT = "9007199254740.99"


async def booked(tenant: Tenant, **changes: Any) -> sdk.Made:
    return await run(tenant.context(), "book_receivable", {**BILL, **changes})


async def with_customer(faults: str = "", ledger: Path | None = None, **options: str) -> Tenant:
    tenant = Tenant(faults, ledger, **options)
    await tenant.do("customer", code="C-0001", name=CUSTOMER["name"], credit_code=CUSTOMER["credit_code"])
    return tenant


def line(amount: str) -> dict[str, str]:
    return {"product": "服务", "quantity": "1", "tax_price": amount, "tax_rate": "6", "amount": amount}


@pytest.mark.parametrize("ids", ["text", "number"])
async def test_a_receivable_is_booked_with_its_19_digit_id_as_text(ids: str) -> None:
    tenant = await with_customer(ids=ids)
    made = await booked(tenant)

    assert len(made.id) == 19
    assert made.number.startswith("YSQD")
    assert [(b["id"], b["number"], str(b["amount"])) for b in await tenant.bills()] == [
        (made.id, "AR-HT-2026-001", "628000.00")
    ]


async def test_a_receivable_can_be_submitted_at_once_and_still_gets_its_number() -> None:
    tenant = await with_customer()
    made = await run(tenant.context(submit_at_once=True), "book_receivable", BILL)

    assert made.number == "YSQD00000001"
    assert (await tenant.bills())[0]["verify_state"] == 1


async def test_amounts_beyond_binary_fractions_survive_to_the_fen(tmp_path: Path) -> None:
    ledger = tmp_path / "effects.jsonl"
    tenant = await with_customer(ledger=ledger)
    await booked(tenant, lines=[line(EXACT), line("0.10"), line("0.20")])

    effects = [simplejson.loads(text, use_decimal=True) for text in ledger.read_text("utf-8").splitlines()]
    saved = next(e for e in effects if e["effect"] == "receivable.saved")
    assert saved["amount"] == Decimal("9007199254741.29")
    assert (saved["number"], saved["ext_code"]) == ("AR-HT-2026-001", "LIANSHU|AR-HT-2026-001")


async def test_the_same_bill_again_makes_no_second_one() -> None:
    tenant = await with_customer()
    first, second = await booked(tenant), await booked(tenant)

    assert first == second
    assert len(await tenant.bills()) == 1


@pytest.mark.parametrize("repeat_code", ["100004", "10004"])
async def test_after_the_hour_either_duplicate_code_leads_to_the_bill_that_stands(repeat_code: str) -> None:
    tenant = await with_customer(repeat_code=repeat_code, replay_s="0")
    first, second = await booked(tenant), await booked(tenant)

    assert first == second
    assert tenant.wire.calls == ["save", "detail", "save", "list", "detail"]


async def test_a_lost_answer_is_doubt_and_the_repeat_finds_the_first_result() -> None:
    tenant = await with_customer()
    tenant.wire.lose = ("save", 1)
    with pytest.raises(sdk.Ambiguous):
        await booked(tenant)

    made = await booked(tenant)

    assert [b["id"] for b in await tenant.bills()] == [made.id]


@pytest.mark.parametrize("code", ["310504", "202", "310071", "315001"])
async def test_a_doubtful_code_after_the_commit_is_healed_by_the_same_key(code: str) -> None:
    tenant = await with_customer()
    await tenant.do("refuse", path="/EFI/receivable/save", code=code, after=True)
    with pytest.raises(sdk.Ambiguous, match=code):
        await booked(tenant)

    assert [b["id"] for b in await tenant.bills()] == [(await booked(tenant)).id]


async def test_our_number_with_another_amount_is_refused_with_both_values() -> None:
    tenant = await with_customer()
    await booked(tenant)
    with pytest.raises(sdk.Rejected, match=r"我方 100\.00，用友 628000\.00") as caught:
        await booked(tenant, lines=[line("100.00")])

    assert caught.value.code == "differs"
    assert len(await tenant.bills()) == 1


async def test_an_amount_changed_by_the_accountant_is_seen_on_the_way_back() -> None:
    tenant = await with_customer()
    await booked(tenant)
    await tenant.do("amend", number="AR-HT-2026-001", amount="599999.99")

    with pytest.raises(sdk.Rejected, match=r"我方 628000\.00，用友 627999\.99"):
        await booked(tenant)


async def test_our_number_for_another_customer_is_refused() -> None:
    tenant = await with_customer()
    await tenant.do("customer", code="C-0002", name="另一家")
    await booked(tenant)

    with pytest.raises(sdk.Rejected, match="customer: 我方 C-0002，用友 C-0001"):
        await booked(tenant, customer_number="C-0002")


async def test_without_its_customer_a_receivable_waits_and_then_goes_through() -> None:
    tenant = Tenant()
    with pytest.raises(sdk.NotReady, match="C-0001"):
        await booked(tenant)
    assert await tenant.bills() == []

    await run(tenant.context(), "ensure_customer", CUSTOMER)
    assert (await booked(tenant)).number == "YSQD00000001"


async def test_a_wrong_setting_is_refused_in_yonyous_words_and_not_taken_for_a_missing_customer() -> None:
    tenant = await with_customer()
    with pytest.raises(sdk.Rejected, match="物料不存在"):
        await run(tenant.context(item_code="NONE"), "book_receivable", BILL)


async def test_a_foreign_currency_is_refused_before_anything_is_sent() -> None:
    tenant = await with_customer()
    with pytest.raises(sdk.Rejected, match="USD"):
        await booked(tenant, currency="USD")
    assert tenant.wire.talk == []


def test_the_key_has_32_characters_and_follows_the_content() -> None:
    first = resubmit_key("receivable", "AR-1", {"amount": Decimal("1.00")})

    assert len(first) == 32
    assert first == resubmit_key("receivable", "AR-1", {"amount": Decimal("1.00")})
    assert first != resubmit_key("receivable", "AR-1", {"amount": Decimal("1.01")})
    assert first != resubmit_key("receivable", "AR-2", {"amount": Decimal("1.00")})


@pytest.mark.parametrize("amount", ["100.00", "0.01", "33.33", EXACT])
def test_net_and_tax_make_the_amount(amount: str) -> None:
    bill = Receivable.model_validate({**BILL, "lines": [line(amount)]})
    assert bill.lines[0].net + (bill.lines[0].amount - bill.lines[0].net) == bill.total == Decimal(amount)
    assert bill.lines[0].net == bill.lines[0].net.quantize(Decimal("0.01"))


async def test_a_customer_is_made_once_and_found_the_second_time() -> None:
    tenant = Tenant(ids="number")
    first = await run(tenant.context(), "ensure_customer", CUSTOMER)
    second = await run(tenant.context(), "ensure_customer", CUSTOMER)

    assert first == second
    assert (len(first.id), first.number) == (19, "C-0001")
    assert tenant.wire.calls == ["newlist", "newinsert", "newlist"]


async def test_a_customer_whose_answer_got_lost_is_found_by_its_code() -> None:
    tenant = Tenant()
    tenant.wire.lose = ("newinsert", 1)
    with pytest.raises(sdk.Ambiguous):
        await run(tenant.context(), "ensure_customer", CUSTOMER)

    assert (await run(tenant.context(), "ensure_customer", CUSTOMER)).number == "C-0001"
    assert tenant.wire.calls.count("newinsert") == 1


async def test_a_customer_is_not_mistaken_for_one_with_a_longer_code() -> None:
    tenant = Tenant()
    for number in range(60):
        await tenant.do("customer", code=f"C-0001-{number}", name=f"分公司 {number}")
    made = await run(tenant.context(), "ensure_customer", CUSTOMER)
    again = await run(tenant.context(), "ensure_customer", CUSTOMER)

    assert made == again
    assert tenant.wire.calls == ["newlist", "newlist", "newinsert", "newlist", "newlist"]


async def test_a_code_of_another_company_is_refused_with_both_values() -> None:
    tenant = await with_customer()
    with pytest.raises(sdk.Rejected, match="我方 91110000600037341L，用友 91320594MA1XK4QW5R"):
        await run(tenant.context(), "ensure_customer", {**CUSTOMER, "credit_code": "91110000600037341L"})
    with pytest.raises(sdk.Rejected, match="name: 我方 别家"):
        await run(tenant.context(), "ensure_customer", {"number": "C-0001", "name": "别家"})


async def test_a_refused_customer_is_refused_in_yonyous_words() -> None:
    with pytest.raises(sdk.Rejected, match="创建组织不存在"):
        await run(Tenant().context(org_code="9"), "ensure_customer", CUSTOMER)


async def test_a_customer_who_came_between_look_up_and_save_is_compared() -> None:
    tenant = await with_customer()
    tenant.wire.blind = 1
    made = await run(tenant.context(), "ensure_customer", CUSTOMER)
    assert (len(made.id), tenant.wire.calls) == (19, ["newlist", "newinsert", "newlist"])

    tenant.wire.blind = 1
    with pytest.raises(sdk.Rejected, match="credit_code"):
        await run(tenant.context(), "ensure_customer", {**CUSTOMER, "credit_code": "91110000600037341L"})
