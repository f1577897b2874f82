"""A Kingdee whose clock is not ours: its time is learned from a refusal, and what was refused is sent once more."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from connectors.kingdee import connector
from connectors.kingdee.config import Config
from connectors.kingdee.connector import probe
from connectors.kingdee.customers import ensure_customer
from connectors.kingdee.documents import address
from connectors.kingdee.receivables import book_receivable
from hub import sdk
from hub.sdk import testing
from tests.connectors.kingdee.test_receivables import CUSTOMER, bill
from tests.connectors.kingdee.wire import answering, refusal
from tests.connectors.sandboxes import sandbox

LOST = refusal(1, "会话信息已丢失，请重新登录")
DONE = {"Result": {"ResponseStatus": {"IsSuccess": True, "MsgCode": 0, "Errors": []}}}
OPEN = {"set-cookie": "kdservice-sessionid=s1; path=/"}
PAST, FUTURE = "Mon, 02 Jan 2023 00:00:00 GMT", "Sat, 02 Jan 2100 00:00:00 GMT"


def corrections(ctx: sdk.Context[Config]) -> int:
    return [each.method for each in ctx.exchanges].count("CLOCK")


@pytest.mark.parametrize("skew_s", [600, -600])
@pytest.mark.parametrize("says", ["200", "401"])
async def test_ten_minutes_of_skew_are_learned_once_and_the_bill_is_booked_once(
    skew_s: int, says: str, tmp_path: Path
) -> None:
    options = ("--option", f"clock_skew_s={skew_s}", "--option", f"refusal={says}")
    with sandbox("kingdee", tmp_path, *options) as kingdee:
        ctx = testing.open_context(connector, kingdee.credentials)
        await asyncio.gather(*(probe(ctx) for _ in range(8)))
        await ensure_customer(ctx, CUSTOMER)
        made = await book_receivable(ctx, bill())
        await ctx.http.aclose()
        assert [e["bill_no"] for e in kingdee.effects() if e["effect"] == "receivable.saved"] == [made.number]
    assert 1 <= corrections(ctx) <= 8, "only those that were under way when nobody knew yet"
    told = next(each.answer for each in ctx.exchanges if each.method == "CLOCK")
    assert f"{ctx.vendor_clock.skew_s:+.0f} s" in told
    assert abs(ctx.vendor_clock.skew_s - skew_s) < 5


async def test_within_the_window_nothing_is_corrected(tmp_path: Path) -> None:
    with sandbox("kingdee", tmp_path, "--option", "clock_skew_s=240") as kingdee:
        ctx = testing.open_context(connector, kingdee.credentials)
        await probe(ctx)
        await ctx.http.aclose()
    assert (corrections(ctx), ctx.vendor_clock.skew_s, len(ctx.exchanges)) == (0, 0.0, 1)


class Vendor:
    """Refuses while `refuses` says so of a stamp, and tells `date`."""

    def __init__(self, date: str, refuses: Callable[[int], bool]) -> None:
        self.date, self.refuses, self.stamps = date, refuses, list[int]()

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.stamps.append(int(request.headers["x-api-timestamp"]))
        answer = LOST if self.refuses(self.stamps[-1]) else DONE
        return httpx.Response(200, json=answer, headers={"date": self.date, **OPEN})


@pytest.mark.parametrize("date", [PAST, FUTURE])
async def test_what_is_refused_by_the_corrected_clock_too_asks_for_a_person_and_nothing_is_learned(date: str) -> None:
    vendor = Vendor(date, lambda _: True)
    ctx = answering(vendor)
    with pytest.raises(sdk.NeedsReauth):
        await ctx.call("POST", address("Audit"), json={})
    assert len(vendor.stamps) == 4, "a session opened anew, twice: by our clock and by theirs"
    assert (corrections(ctx), ctx.vendor_clock.skew_s) == (1, 0.0)


async def test_a_wrong_date_of_a_vendor_that_takes_our_stamps_changes_nothing() -> None:
    vendor = Vendor(PAST, lambda _: False)
    ctx = answering(vendor)
    await ctx.call("POST", address("Audit"), json={})
    await ctx.call("POST", address("Audit"), json={})
    assert (corrections(ctx), ctx.vendor_clock.skew_s, len(vendor.stamps)) == (0, 0.0, 2)


async def test_a_vendor_that_mends_its_clock_is_followed() -> None:
    vendor = Vendor(FUTURE, lambda stamp: stamp < 4_000_000_000)
    ctx = answering(vendor)
    await ctx.call("POST", address("Audit"), json={})
    vendor.date, vendor.refuses = PAST, lambda stamp: stamp > 1_800_000_000
    await ctx.call("POST", address("Audit"), json={})
    assert corrections(ctx) == 2
    assert vendor.stamps[-1] < 1_700_000_000
