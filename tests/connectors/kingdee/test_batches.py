"""Several receivables in six calls: each has an outcome of its own, whatever the answers leave out."""

from collections import Counter
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
import simplejson

from connectors.kingdee.batches import book_receivables
from connectors.kingdee.customers import ensure_customer
from connectors.kingdee.errors import read_several
from connectors.kingdee.receivables import Receivable, book_receivable
from hub import sdk
from tests.connectors.kingdee.test_receivables import CUSTOMER, bill, bills
from tests.connectors.kingdee.wire import Account, answering

ALL = ["ExecuteBillQuery", "BatchSave", "ExecuteBillQuery", "Submit", "Audit", "ExecuteBillQuery"]
NUMBERS = [f"AR-{n}" for n in range(6)]


def items(*given: Receivable) -> list[sdk.Item[Receivable]]:
    return [sdk.Item(each, f"dlv_{place}") for place, each in enumerate(given)]


async def prepared(account: Account) -> sdk.Context[sdk.Json]:
    """A context on an account set that has the customer."""
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    account.wire.talk.clear()
    return ctx


async def test_six_calls_book_and_audit_them_all() -> None:
    account = Account()
    ctx = await prepared(account)

    outcomes = await book_receivables(ctx, items(*map(bill, NUMBERS)))

    assert account.wire.calls == ALL
    kept = {each["number"]: each for each in await bills(account)}
    assert {each["status"] for each in kept.values()} == {"C"}
    assert outcomes == {f"dlv_{n}": sdk.Made(id=kept[f"AR-{n}"]["id"], number=f"AR-{n}") for n in range(6)}


async def test_what_is_audited_already_is_only_looked_at() -> None:
    account = Account()
    ctx = await prepared(account)
    first = await book_receivables(ctx, items(bill("AR-1"), bill("AR-2")))
    account.wire.talk.clear()

    assert await book_receivables(ctx, items(bill("AR-1"), bill("AR-2"))) == first
    assert account.wire.calls == ["ExecuteBillQuery"]


async def test_each_is_refused_for_itself_alone() -> None:
    account = Account()
    ctx = await prepared(account)
    line = bill().lines[0].model_copy(update={"amount": Decimal("1.00")})
    there = await book_receivable(ctx, bill("AR-there"))

    outcomes = await book_receivables(
        ctx,
        items(
            bill("AR-new"),
            bill("AR-stranger", customer_number="C-9"),
            bill("AR-there", lines=[line.model_dump()]),
            bill("AR-there"),
        ),
    )

    new, stranger, other, same = (outcomes[f"dlv_{n}"] for n in range(4))
    assert isinstance(new, sdk.Made)
    assert isinstance(stranger, sdk.NotReady)
    assert stranger.hint.zh
    assert isinstance(other, sdk.Rejected)
    assert (other.code, same) == ("differs", there)
    assert sorted(each["number"] for each in await bills(account)) == ["AR-new", "AR-there"]


async def test_one_that_cannot_be_saved_does_not_keep_back_one_that_is_saved() -> None:
    """Only one is left to be saved, so that the answer tells of nothing but a refusal."""
    account = Account()
    ctx = await prepared(account)
    account.wire.lose = ("Submit", 1)
    with pytest.raises(sdk.Ambiguous):
        await book_receivable(ctx, bill("AR-1"))

    outcomes = await book_receivables(ctx, items(bill("AR-1"), bill("AR-2", customer_number="C-9")))

    assert isinstance(outcomes["dlv_0"], sdk.Made)
    assert isinstance(outcomes["dlv_1"], sdk.NotReady)


@pytest.mark.parametrize("operation", ["BatchSave", "Submit", "Audit"])
async def test_an_answer_lost_after_the_commit_leads_to_one_of_each(operation: str, tmp_path: Path) -> None:
    account = Account(ledger=tmp_path / "ledger")
    ctx = await prepared(account)
    account.wire.lose = (operation, 1)
    several = items(*map(bill, NUMBERS))

    with pytest.raises(sdk.Ambiguous):
        await book_receivables(ctx, several)
    outcomes = await book_receivables(ctx, several)

    assert {type(each) for each in outcomes.values()} == {sdk.Made}
    assert set(effects(tmp_path / "ledger").values()) == {1}


@pytest.mark.parametrize("share", ["0.3", "1"])
async def test_whatever_part_of_the_answer_is_missing_each_is_booked_once(share: str, tmp_path: Path) -> None:
    """Of several in a call some are refused, some done and not mentioned, some neither: in doubt, one goes alone."""
    account = Account(f"part={share}", ledger=tmp_path / "ledger")
    ctx = await prepared(account)
    left = items(*(bill(f"AR-{n}") for n in range(12)))
    refused = unsaid = 0
    for _ in range(20):
        outcomes: dict[str, sdk.Made | sdk.HubError] = {}
        try:
            outcomes |= await book_receivables(ctx, left)
        except sdk.Transient:
            refused += 1
        for item in left:
            if item.key not in outcomes:
                unsaid += 1
                outcomes[item.key] = await book_receivable(ctx, item.given)
            elif isinstance(outcomes[item.key], sdk.HubError):
                refused += 1
        left = [item for item in left if not isinstance(outcomes[item.key], sdk.Made)]
        if not left:
            break
    assert not left
    assert refused
    assert unsaid
    assert [each["status"] for each in await bills(account)] == ["C"] * 12
    counted = effects(tmp_path / "ledger")
    assert len(counted) == 3 * 12
    assert set(counted.values()) == {1}


async def test_numbers_that_kingdee_changed_are_deleted_again() -> None:
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        operation = request.url.path.rsplit(".", 3)[-3]
        asked.append((operation, sdk.loads(request.content)))
        if operation == "ExecuteBillQuery":
            return httpx.Response(200, json=[])
        made = [{"Id": 7, "Number": "AR00000007", "DIndex": 0}, {"Id": 8, "Number": "AR00000008", "DIndex": 1}]
        return httpx.Response(200, json={"Result": {"ResponseStatus": {"IsSuccess": True, "SuccessEntitys": made}}})

    outcomes = await book_receivables(answering(answer), items(bill("AR-1"), bill("AR-2")))

    assert {each.code for each in outcomes.values() if isinstance(each, sdk.Rejected)} == {"renumbered"}
    assert len(outcomes) == 2
    assert [said["data"] for operation, said in asked if operation == "Delete"] == [{"Ids": "7"}, {"Ids": "8"}]


async def test_a_spelling_of_our_number_is_our_number() -> None:
    """Many account sets take no notice of case: such a bill is there, and was not renumbered."""
    rows = [["7", "AR-HT-1", "C", "C-0001", "PRE001", 628000]]

    def answer(request: httpx.Request) -> httpx.Response:
        assert "ExecuteBillQuery" in request.url.path
        return httpx.Response(200, json=rows)

    assert await book_receivables(answering(answer), items(bill("ar-ht-1"))) == {
        "dlv_0": sdk.Made(id="7", number="AR-HT-1")
    }


def said(code: int, *refused: int, made: tuple[int, ...] = (), words: str = "FName 不能为空") -> sdk.Answer:
    errors = [{"FieldName": None, "Message": words, "DIndex": place} for place in refused]
    done = [{"Id": place, "Number": f"AR-{place}", "DIndex": place} for place in made]
    status = {"IsSuccess": not refused, "MsgCode": code, "Errors": errors, "SuccessEntitys": done}
    return sdk.Answer(200, {}, {"Result": {"ResponseStatus": status}}, "")


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        (said(0, made=(0, 1, 2)), ""),
        (said(11, 1, made=(0, 2)), ""),
        (said(11, 1, made=(0,)), ""),
        (said(11, 0, 1, 2), ""),
        (said(11, 0), "empty/11"),
        (said(1, 0, words="会话信息已丢失，请重新登录"), "1"),
        (said(14, 0), "14"),
        (said(2, 0, 1, 2), "2"),
        (sdk.Answer(200, {}, None, "response_error:{}"), "exception"),
        (sdk.Answer(401, {}, None, "no"), "http 401"),
    ],
)
def test_a_refusal_is_of_the_whole_unless_the_answer_tells_of_each(answer: sdk.Answer, refusal: str) -> None:
    found = read_several(answer, 3)
    assert (found.code if found else "") == refusal


def effects(ledger: Path) -> Counter[tuple[str, str]]:
    """How often each thing happened to each receivable."""
    lines = [simplejson.loads(line) for line in ledger.read_text("utf-8").splitlines()]
    return Counter((line["effect"], line["bill_no"]) for line in lines if line["effect"].startswith("receivable."))
