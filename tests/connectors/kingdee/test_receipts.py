"""The poll: every receipt told once, none lost at a page border, nothing done while nothing changes."""

from decimal import Decimal

import pytest

from connectors.kingdee.config import Config
from connectors.kingdee.customers import Customer, ensure_customer
from connectors.kingdee.documents import address, query
from connectors.kingdee.receipts import poll_receipts
from connectors.kingdee.receivables import book_receivable
from hub import sdk
from tests.connectors.kingdee.test_receivables import CUSTOMER, bill
from tests.connectors.kingdee.wire import Account


async def account_with_a_bill() -> Account:
    account = Account()
    ctx = account.context()
    await ensure_customer(ctx, CUSTOMER)
    await book_receivable(ctx, bill())
    return account


async def drain(ctx: sdk.Context[Config], cursor: str) -> tuple[list[sdk.Inbound], str, int]:
    """Poll until nothing waits: events, cursor, pages."""
    events: list[sdk.Inbound] = []
    for pages in range(1, 200):
        page = await poll_receipts(ctx, cursor)
        events += page.events
        cursor = page.cursor
        if not page.more:
            return events, cursor, pages
    raise AssertionError("the poll never ends")


@pytest.mark.parametrize("page_size", ["1", "2", "3", "7", "2000"])
@pytest.mark.parametrize("seconds_between", [0, 0.3, 1])
@pytest.mark.parametrize("microsecond", [0, 710_000])
async def test_no_receipt_is_lost_or_told_twice_at_a_page_border(
    page_size: str, seconds_between: float, microsecond: int
) -> None:
    account = await account_with_a_bill()
    account.clock.now = account.clock.now.replace(microsecond=microsecond)
    booked = []
    for _ in range(7):
        booked.append((await account.receive("AR-HT-1", "10.01"))["id"])
        account.clock.step(seconds=seconds_between)

    events, _, _ = await drain(account.context(page_size=page_size), "")

    assert [event.subject for event in events] == booked


async def test_an_unchanged_window_costs_one_query_and_leaves_the_cursor() -> None:
    account = await account_with_a_bill()
    for _ in range(5):
        await account.receive("AR-HT-1", "10.00")
    ctx = account.context()
    _, cursor, _ = await drain(ctx, "")
    before = len(account.wire.calls)

    page = await poll_receipts(ctx, cursor)

    assert (list(page.events), page.cursor, page.more) == ([], cursor, False)
    assert account.wire.calls[before:] == ["ExecuteBillQuery"]


async def test_a_field_that_was_renamed_refuses_the_poll_and_the_cursor_misses_nothing() -> None:
    account = await account_with_a_bill()
    first = await account.receive("AR-HT-1", "10.00")
    ctx = account.context()
    _, cursor, _ = await drain(ctx, "")
    second = await account.receive("AR-HT-1", "10.00")
    await account.raw("POST", "/_sandbox/rename", json={"names": {"FSRCBILLNO": "FSOURCEBILLNO"}})
    for name in ("FSOURCEBILLNO", "FREALRECAMOUNT"):
        assert len(await query(ctx, "AR_RECEIVEBILL", ("FID", name), "FID>0", f"FID,{name}")) == 2

    with pytest.raises(sdk.Rejected, match="FSRCBILLNO"):
        await poll_receipts(ctx, cursor)

    await account.raw("POST", "/_sandbox/rename", json={"names": {}})
    events, _, _ = await drain(ctx, cursor)
    assert [event.subject for event in events] == [second["id"]] != [first["id"]]
    assert events[0].data["receivable_number"] == "AR-HT-1"


async def test_a_receipt_that_was_committed_late_is_still_found() -> None:
    account = await account_with_a_bill()
    account.clock.step(minutes=10)
    await account.receive("AR-HT-1", "10.00")
    ctx = account.context()
    _, cursor, _ = await drain(ctx, "")
    account.clock.step(minutes=-4)
    late = await account.receive("AR-HT-1", "20.00")

    events, _, _ = await drain(ctx, cursor)

    assert [event.subject for event in events] == [late["id"]]


async def test_a_receipt_changed_and_audited_again_is_told_again_under_a_new_key() -> None:
    account = await account_with_a_bill()
    booked = await account.receive("AR-HT-1", "10.00")
    ctx = account.context()
    first, cursor, _ = await drain(ctx, "")
    for operation in ("UnAudit", "Submit", "Audit"):
        account.clock.step(seconds=5)
        await ctx.call("POST", address(operation), json={"formid": "AR_RECEIVEBILL", "data": {"Ids": booked["id"]}})

    second, _, _ = await drain(ctx, cursor)

    assert [e.subject for e in second] == [booked["id"]]
    assert second[0].dedupe_key != first[0].dedupe_key


async def test_what_the_cursor_remembers_does_not_grow_beyond_the_overlap() -> None:
    account = await account_with_a_bill()
    ctx = account.context(overlap_minutes="1")
    cursor = ""
    for _ in range(20):
        account.clock.step(minutes=2)
        await account.receive("AR-HT-1", "10.00")
        _, cursor, _ = await drain(ctx, cursor)

    assert len(sdk.loads(cursor)["told"]) == 1


async def test_a_receipt_for_two_bills_and_one_for_none_keep_every_fen() -> None:
    account = await account_with_a_bill()
    ctx = account.context()
    await ensure_customer(ctx, Customer(number="C-0002", name="另一家"))
    head = {
        "FBillTypeID": {"FNUMBER": "SKDLX01_SYS"},
        "FDATE": "2026-11-21",
        "FCONTACTUNIT": {"FNumber": "C-0001"},
        "FCURRENCYID": {"FNumber": "PRE001"},
        "FRECEIVEBILLENTRY": [{"FRECAMOUNTFOR_E": Decimal("300.03")}],
    }
    sources = [
        {"FSRCBILLNO": "AR-1", "FREALRECAMOUNT": Decimal("100.01")},
        {"FSRCBILLNO": "AR-2", "FREALRECAMOUNT": Decimal("200.02")},
    ]
    for number, model in (("SK-1", {**head, "FRECEIVEBILLSRCENTRY": sources}), ("SK-2", head)):
        package = {"formid": "AR_RECEIVEBILL", "data": {"Model": {"FBillNo": number, **model}}}
        await ctx.call("POST", address("Save"), json=package)
        for operation in ("Submit", "Audit"):
            asked = {"formid": "AR_RECEIVEBILL", "data": {"Numbers": [number]}}
            await ctx.call("POST", address(operation), json=asked)

    events, _, _ = await drain(ctx, "")

    told = [(e.data["number"], e.data["receivable_number"], e.data["amount"]) for e in events]
    assert told == [
        ("SK-1", "AR-1", Decimal("100.01")),
        ("SK-1", "AR-2", Decimal("200.02")),
        ("SK-2", "", Decimal("300.03")),
    ]
    assert len({e.dedupe_key for e in events}) == 3
    assert len({e.data["external_id"] for e in events}) == 3


async def test_receipts_before_the_configured_day_are_left_alone() -> None:
    account = await account_with_a_bill()
    await account.receive("AR-HT-1", "10.00")

    events, _, _ = await drain(account.context(receipts_since="2026-11-21"), "")

    assert events == []
