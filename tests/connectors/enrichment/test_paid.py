"""What is paid for: once, within the budget, by one at a time, and not again when it is in doubt."""

import asyncio
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.enrichment import connector
from connectors.enrichment.company import Wanted
from hub import sdk
from tests.connectors.enrichment.registry import HENGRUI, Registry

DAY = timedelta(days=1).total_seconds()


@pytest.fixture(params=["tianyancha", "qichacha"])
def registry(request: pytest.FixtureRequest, tmp_path: Path) -> Registry:
    return Registry(tmp_path, request.param)


async def refused(registry: Registry, kind: type[sdk.VendorError], code: str, **given: Any) -> sdk.VendorError:
    with pytest.raises(kind) as caught:
        await registry.find(**(given or HENGRUI))
    assert type(caught.value) is kind
    assert caught.value.code == code
    assert caught.value.hint.zh
    return caught.value


async def test_a_second_customer_of_the_same_company_costs_nothing(registry: Registry) -> None:
    first = await registry.find("dlv_1", name=HENGRUI["name"])
    second = await registry.find("dlv_2", name="苏州 恒锐精密机械有限公司")
    assert (first.cost, second.cost) == (Decimal("0.30"), Decimal(0))
    assert second.model_copy(update={"cost": first.cost}) == first
    assert len(registry.effects()) == 2


async def test_a_repeated_delivery_tells_what_it_paid_and_pays_nothing_more(registry: Registry) -> None:
    assert await registry.find(**HENGRUI) == await registry.find(**HENGRUI)
    assert len(registry.effects()) == 1


async def test_an_answer_is_good_for_the_days_kept_and_no_longer(registry: Registry) -> None:
    await registry.find(**HENGRUI)
    registry.now += 29 * DAY
    assert (await registry.find("dlv_2", **HENGRUI)).fetched_at.startswith("2026-11-20")
    registry.now += 2 * DAY
    assert (await registry.find("dlv_3", **HENGRUI)).fetched_at.startswith("2026-12-21")
    assert len(registry.effects()) == 2


async def test_no_data_is_remembered_for_a_day(registry: Registry) -> None:
    for hours, billed in ((0, 1), (23, 1), (2, 2)):
        registry.now += hours * 3600
        assert (await registry.find(name="没有这家公司有限公司")).status == "none"
        assert len(registry.effects()) == billed


async def test_twenty_at_once_pay_once(registry: Registry) -> None:
    await registry.desk(slow_ms=50)
    told = await asyncio.gather(*(registry.find(f"dlv_{n}", **HENGRUI) for n in range(20)), return_exceptions=True)
    waiting = [each for each in told if isinstance(each, sdk.NotReady)]
    assert len(waiting) == 19
    assert {each.retry_after for each in waiting} == {timedelta(seconds=2)}
    assert (await registry.find("dlv_7", **HENGRUI)).status == "found"
    assert len(registry.effects()) == 1


async def test_the_budget_stops_before_the_call_and_goes_on_the_next_day_in_shanghai(registry: Registry) -> None:
    little = {"daily_budget": "0.30"}
    await registry.find(config=little, **HENGRUI)
    calls = len(registry.wire.requests)
    with pytest.raises(sdk.Throttled) as caught:
        await registry.find(config=little, credit_code="91310115MA1HR0004U")
    assert (caught.value.code, caught.value.retry_after) == ("budget", timedelta(hours=13))  # 11:00 to 24:00
    assert "预算" in caught.value.hint.zh
    assert len(registry.wire.requests) == calls
    registry.now += 13 * 3600
    assert (await registry.find(config=little, credit_code="91310115MA1HR0004U")).status == "found"


async def test_many_at_once_do_not_pass_the_budget(registry: Registry) -> None:
    codes = ["91310115MA1HR0004U", "91440300MA1HR0005L", "92320505MA1HR00068", "91330200MA1HR0008X"]
    finds = (registry.find(f"dlv_{n}", {"daily_budget": "0.50"}, credit_code=c) for n, c in enumerate(codes))
    told = await asyncio.gather(*finds, return_exceptions=True)
    assert sum(isinstance(each, sdk.Throttled) for each in told) == 2
    assert sum(each["price"] for each in registry.effects()) == Decimal("0.40")


async def test_a_lost_answer_is_asked_for_once_more_and_then_left_to_a_person(registry: Registry) -> None:
    registry.wire.lose = 5
    await refused(registry, sdk.Ambiguous, "ReadTimeout")
    error = await refused(registry, sdk.Rejected, "unanswered")
    assert "计费" in error.hint.zh
    assert len(registry.effects()) == 2
    registry.wire.lose = 0
    assert (await registry.find(**HENGRUI)).status == "found"  # the replay of a person begins anew


async def test_a_lost_answer_counts_towards_the_budget(registry: Registry) -> None:
    registry.wire.lose = 1
    for code in ("ReadTimeout", "budget"):
        with pytest.raises(sdk.VendorError) as caught:
            await registry.find(config={"daily_budget": "0.30"}, **HENGRUI)
        assert caught.value.code == code


async def test_a_crash_in_the_middle_of_the_call_is_a_doubt_too(registry: Registry) -> None:
    await registry.desk(slow_ms=10_000)
    for _ in range(2):
        task = asyncio.create_task(registry.find(**HENGRUI))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    calls = len(registry.wire.requests)
    assert calls == 2
    await refused(registry, sdk.Rejected, "unanswered")
    assert len(registry.wire.requests) == calls


class Killed(sdk.LocalMemory):
    """The memory of a process that is killed before it can give up its claim."""

    async def forget(self, name: str) -> None:
        if not name.startswith("asking:"):
            await super().forget(name)


async def test_a_flight_whose_process_died_is_over_after_a_minute(registry: Registry) -> None:
    registry.memory, registry.wire.lose = Killed(now=lambda: registry.now), 1
    await refused(registry, sdk.Ambiguous, "ReadTimeout")
    await refused(registry, sdk.NotReady, "asking")
    registry.now += 61
    assert (await registry.find(**HENGRUI)).status == "found"


async def test_what_could_not_be_remembered_is_used_all_the_same(registry: Registry) -> None:
    class Down(sdk.LocalMemory):
        async def keep(self, name: str, value: sdk.Json, lasts: timedelta | None = None) -> None:
            if isinstance(value, dict) and "raw" in value:
                raise sdk.Transient("no database", code="database")
            await super().keep(name, value, lasts)

    registry.memory = Down(now=lambda: registry.now)
    assert (await registry.find(**HENGRUI)).cost == Decimal("0.20")


async def test_what_never_left_us_is_neither_counted_nor_paid(registry: Registry) -> None:
    registry.wire.refuse = 5
    for _ in range(5):
        with pytest.raises(sdk.Transient):
            await registry.find(config={"daily_budget": "0.30"}, **HENGRUI)
    assert (await registry.find(config={"daily_budget": "0.30"}, **HENGRUI)).status == "found"


async def test_a_refusal_that_is_not_billed_is_given_back(registry: Registry) -> None:
    code = {"tianyancha": "300004", "qichacha": "120"}[registry.values["provider"]]
    await registry.desk(say=[code] * 5)
    for _ in range(5):
        with pytest.raises(sdk.Throttled):
            await registry.find(config={"daily_budget": "0.30"}, **HENGRUI)
    assert (await registry.find(config={"daily_budget": "0.30"}, **HENGRUI)).status == "found"


@pytest.mark.parametrize(("billed", "cost"), [(True, Decimal("0.10")), (False, Decimal(0))])
async def test_no_data_costs_what_the_contract_says(registry: Registry, billed: bool, cost: Decimal) -> None:
    tight = {"no_data_billed": billed, "daily_budget": "0.30"}
    assert (await registry.find(config=tight, name="没有这家公司有限公司")).cost == cost
    finding = registry.find(config=tight, name=HENGRUI["name"])
    if billed:
        with pytest.raises(sdk.Throttled):
            await finding
    else:
        assert (await finding).status == "found"


async def test_a_provider_that_fails_is_asked_three_times(registry: Registry) -> None:
    code = {"tianyancha": "300001", "qichacha": "199"}[registry.values["provider"]]
    await registry.desk(say=[code] * 3)
    await refused(registry, sdk.Transient, code)
    await refused(registry, sdk.Transient, code)
    error = await refused(registry, sdk.Rejected, "unanswered")
    assert "连续失败" in error.hint.zh
    assert len(registry.wire.requests) == 3


@pytest.mark.parametrize("spoiled", ["truncated", "http_502"])
async def test_a_spoiled_answer_is_a_doubt_and_is_not_remembered(registry: Registry, spoiled: str) -> None:
    await registry.desk(spoil=[spoiled])
    with pytest.raises(sdk.Ambiguous):
        await registry.find(**HENGRUI)
    assert (await registry.find(**HENGRUI)).status == "found"
    assert len(registry.effects()) == 2


async def test_a_late_answer_is_a_doubt(registry: Registry) -> None:
    await registry.desk(slow_ms=300)
    ctx = registry.context()
    ctx.deadline = timedelta(milliseconds=50)
    with pytest.raises(sdk.Ambiguous) as caught:
        await connector.actions["find_company"].run(ctx, Wanted.model_validate(HENGRUI))
    assert caught.value.code == "timeout"
