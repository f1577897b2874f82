"""Save → Submit → Audit: resumed anywhere, never doubled, compared to the fen."""

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import simplejson

from connectors.kingdee.customers import Customer, ensure_customer
from connectors.kingdee.documents import address, quoted
from connectors.kingdee.receivables import Receivable, book_receivable
from hub import sdk
from tests.connectors.kingdee.wire import Account, answering, refusal

CUSTOMER = Customer(number="C-0001", name="苏州恒锐精密机械有限公司", credit_code="91320594MA1XK4QW5R")


def bill(number: str = "AR-HT-1", **changes: Any) -> Receivable:
    line = {
        "product": "数控车床",
        "spec": "CK6150",
        "unit": "台",
        "quantity": "2",
        "tax_price": "314000.00",
        "tax_rate": "13.00",
        "amount": "628000.00",
    }
    whole = {
        "bill_number": number,
        "customer_number": "C-0001",
        "date": "2026-11-20",
        "due_date": "2026-12-31",
        "currency": "CNY",
        "remark": "主合同",
        "lines": [line],
    }
    return Receivable.model_validate(whole | changes)


async def bills(account: Account) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = simplejson.loads((await account.raw("GET", "/_sandbox/bills")).text, use_decimal=True)
    return made


@pytest.mark.parametrize("operation", ["Save", "Submit", "Audit"])
async def test_an_answer_lost_after_the_commit_leads_to_one_audited_bill(operation: str, tmp_path: Path) -> None:
    account = Account(ledger=tmp_path / "ledger")
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    account.wire.lose = (operation, account.wire.calls.count(operation) + 1)

    with pytest.raises(sdk.Ambiguous):
        await book_receivable(ctx, bill())
    made = await book_receivable(ctx, bill())

    (kept,) = await bills(account)
    assert (kept["id"], kept["status"], kept["amount"]) == (made.id, "C", Decimal("628000.00"))
    effects = [simplejson.loads(line)["effect"] for line in (tmp_path / "ledger").read_text("utf-8").splitlines()]
    assert [e for e in effects if e.startswith("receivable.")] == [
        "receivable.saved",
        "receivable.submitted",
        "receivable.audited",
    ]


async def test_a_repeat_of_a_finished_bill_only_looks() -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    first = await book_receivable(ctx, bill())
    before = len(account.wire.calls)

    assert await book_receivable(ctx, bill()) == first

    assert account.wire.calls[before:] == ["ExecuteBillQuery"]


async def test_a_number_taken_meanwhile_with_equal_content_is_success() -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    first = await book_receivable(ctx, bill())
    account.wire.blind = 1

    assert await book_receivable(ctx, bill()) == first

    assert len(await bills(account)) == 1
    assert account.wire.calls.count("Save") == 3  # the customer's, the bill's, the refused one


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"customer_number": "C-0002"}, "customer: 我方 C-0002，金蝶 C-0001"),
        ({"currency": "PRE007"}, "currency: 我方 PRE007，金蝶 PRE001"),
    ],
)
async def test_a_number_taken_with_other_content_is_refused_in_clear_words(changes: dict[str, str], words: str) -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    await ensure_customer(ctx, Customer(number="C-0002", name="另一家"))
    await book_receivable(ctx, bill())

    with pytest.raises(sdk.Rejected, match=words) as caught:
        await book_receivable(ctx, bill(**changes))

    assert caught.value.code == "differs"
    assert len(await bills(account)) == 1


async def test_a_fen_of_difference_is_seen() -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    await book_receivable(ctx, bill())
    other = bill().model_copy(update={"lines": [bill().lines[0].model_copy(update={"amount": Decimal("628000.01")})]})

    with pytest.raises(sdk.Rejected, match=r"我方 628000\.01，金蝶 628000\.00"):
        await book_receivable(ctx, other)


async def test_a_bill_for_an_unknown_customer_waits_for_it_and_saves_nothing() -> None:
    account = Account()
    ctx = account.context()

    with pytest.raises(sdk.NotReady, match="FCUSTOMERID"):
        await book_receivable(ctx, bill())

    assert await bills(account) == []


async def test_a_customer_that_is_saved_but_not_audited_does_not_exist_for_bills() -> None:
    account = Account()
    ctx = account.context()
    account.wire.lose = ("Save", 1)
    with pytest.raises(sdk.Ambiguous):
        await ensure_customer(ctx, CUSTOMER)

    with pytest.raises(sdk.NotReady, match="C-0001"):
        await book_receivable(ctx, bill())


@pytest.mark.parametrize(
    ("rate", "net", "tax"), [("13", "88.50", "11.50"), ("0", "100.00", "0.00"), ("9", "91.74", "8.26")]
)
def test_net_and_tax_of_a_line_add_up_to_its_amount(rate: str, net: str, tax: str) -> None:
    line = bill().lines[0].model_copy(update={"amount": Decimal("100.00"), "tax_rate": Decimal(rate)})

    assert (str(line.net), str(line.amount - line.net)) == (net, tax)


@pytest.mark.parametrize(("after", "ends_well"), [("C", True), ("B", False)])
async def test_a_refused_step_counts_only_if_the_document_did_not_move(after: str, ends_well: bool) -> None:
    done = {"Result": {"ResponseStatus": {"IsSuccess": True}}}
    stands = [[1, "C-0001", "A", CUSTOMER.name, CUSTOMER.credit_code]]
    answers: list[Any] = [stands, done, refusal(11, "单据已审核"), [[1, "C-0001", after, CUSTOMER.name, ""]]]
    ctx = answering(lambda _request: httpx.Response(200, json=answers.pop(0)))

    if ends_well:
        assert (await ensure_customer(ctx, CUSTOMER)).id == "1"
    else:
        with pytest.raises(sdk.Rejected, match="已审核"):
            await ensure_customer(ctx, CUSTOMER)

    assert answers == []


async def test_a_number_that_kingdee_changes_is_deleted_again_and_refused() -> None:
    sent: list[str] = []
    saved = {"Result": {"ResponseStatus": {"IsSuccess": True}, "Id": 7, "Number": "CUST9"}}
    answers: list[Any] = [[], saved, [], saved]

    def vendor(request: httpx.Request) -> httpx.Response:
        sent.append(f"{request.url.path.rsplit('.', 3)[-3]} {request.content.decode()}")
        return httpx.Response(200, json=answers.pop(0))

    with pytest.raises(sdk.Rejected, match="CUST9") as caught:
        await ensure_customer(answering(vendor), CUSTOMER)

    assert caught.value.code == "renumbered"
    assert sent[-1] == 'Delete {"formid":"BD_Customer","data":{"Ids":"7"}}'


async def test_a_person_who_audits_meanwhile_does_no_harm() -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    account.wire.lose = ("Submit", account.wire.calls.count("Submit") + 1)
    with pytest.raises(sdk.Ambiguous):
        await book_receivable(ctx, bill())
    await ctx.call("POST", address("Audit"), json={"formid": "AR_receivable", "data": {"Numbers": ["AR-HT-1"]}})

    await book_receivable(ctx, bill())

    assert [kept["status"] for kept in await bills(account)] == ["C"]


async def test_a_customer_is_known_by_its_credit_code_and_never_changed() -> None:
    account = Account()
    ctx = account.context()
    made = await ensure_customer(ctx, CUSTOMER)
    renamed = CUSTOMER.model_copy(update={"name": "恒锐机械"})
    stranger = CUSTOMER.model_copy(update={"credit_code": "91110000600037341L"})

    assert await ensure_customer(ctx, renamed) == made
    with pytest.raises(sdk.Rejected, match="credit_code"):
        await ensure_customer(ctx, stranger)

    assert account.wire.calls.count("Save") == 1


async def test_names_and_numbers_with_quotes_are_only_text() -> None:
    account = Account()
    ctx = account.context(multilingual_names="true")
    odd = Customer(number="C-'; or 1=1 --", name="O'Brien's 「引号」")

    made = await ensure_customer(ctx, odd)

    assert await ensure_customer(ctx, odd) == made
    assert made.number == odd.number
    assert quoted("a'b") == "'a''b'"


async def test_three_hundred_bills_and_receipts_are_quick_and_exact() -> None:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    began = time.perf_counter()
    for number in range(300):
        await book_receivable(ctx, bill(f"AR-{number}"))
        await account.receive(f"AR-{number}", "200000.01")

    kept = await bills(account)

    assert time.perf_counter() - began < 60
    assert len(kept) == 300
    assert sum(each["amount"] for each in kept) == Decimal("188400000.00")
