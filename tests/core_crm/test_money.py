"""Receivables and payments: nothing is lost, nothing counts twice, in whatever order the news come."""

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from functools import partial
from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from core_crm import home
from hub import sdk
from tests.core_crm.samples import BOOKED, PAID, act, approved, draft, meet, rows
from tests.core_crm.works import Works

OWED = "SELECT amount, paid, outstanding, status FROM receivables"
ALLOCATED = "SELECT receivable_id IS NOT NULL FROM payments ORDER BY external_id"
LATER = "2026-11-28T09:00:00+08:00"
EARLIER = "2026-11-28T07:59:59+08:00"


async def book(works: Works, contract_id: str, **changes: Any) -> sdk.Made:
    return await act(works, "kingdee", "book_receivable", contract_id=contract_id, **{**BOOKED, **changes})


async def pay(works: Works, **changes: Any) -> sdk.Made:
    return await act(works, "kingdee", "record_payment", **{**PAID, **changes})


async def owed(works: Works) -> list[str]:
    return [str(value) for row in await rows(works, OWED) for value in row]


async def test_a_payment_lowers_what_is_outstanding_to_the_fen(works: Works) -> None:
    booked = await book(works, await approved(works))
    paid = await pay(works)
    assert (booked.number, paid.number) == ("AR-HT-1", "SKD-1")
    assert await owed(works) == ["628000.00", "200000.00", "428000.00", "open"]


async def test_repeats_of_both_change_nothing(works: Works) -> None:
    contract = await approved(works)
    assert len({(await book(works, contract)).id for _ in range(3)}) == 1
    assert len({(await pay(works)).id for _ in range(3)}) == 1
    assert await owed(works) == ["628000.00", "200000.00", "428000.00", "open"]


async def test_a_payment_that_comes_first_is_kept_and_allocated_when_its_receivable_comes(works: Works) -> None:
    contract = await approved(works)
    await pay(works)
    assert await rows(works, ALLOCATED) == [(False,)]
    await book(works, contract)
    assert await rows(works, ALLOCATED) == [(True,)]
    assert await owed(works) == ["628000.00", "200000.00", "428000.00", "open"]


async def test_the_last_payment_settles_and_overpayment_shows_below_zero(works: Works) -> None:
    await book(works, await approved(works))
    await pay(works, amount="628000.00")
    assert await owed(works) == ["628000.00", "628000.00", "0.00", "settled"]
    await pay(works, external_id="200002", amount="0.01")
    assert await owed(works) == ["628000.00", "628000.01", "-0.01", "settled"]


async def test_newer_news_correct_and_older_news_are_ignored_in_every_order(works: Works) -> None:
    await book(works, await approved(works))
    news = ((EARLIER, "1.00"), (PAID["modified_at"], "200000.00"), (LATER, "150000.50"))
    for n, order in enumerate(permutations(news)):
        for modified_at, amount in order:
            await pay(works, external_id=f"20{n}", modified_at=modified_at, amount=amount)
    amounts = {amount for (amount,) in await rows(works, "SELECT amount FROM payments")}
    assert amounts == {Decimal("150000.50")}
    assert (await owed(works))[1] == str(6 * Decimal("150000.50"))


async def test_a_correction_may_move_a_payment_to_another_receivable(works: Works) -> None:
    await book(works, await approved(works))
    await book(works, await approved(works, "HT-2"), external_id="100011", number="AR-HT-2")
    await pay(works)
    await pay(works, receivable_number="AR-HT-2", modified_at=LATER)
    paid = await rows(works, "SELECT number, paid FROM receivables ORDER BY number")
    assert paid == [("AR-HT-1", Decimal("0.00")), ("AR-HT-2", Decimal("200000.00"))]


@pytest.mark.parametrize(
    "changes",
    [{"receivable_number": ""}, {"receivable_number": "AR-UNKNOWN"}, {"currency": "USD"}],
    ids=["names none", "names an unknown one", "is in another currency"],
)
async def test_a_payment_that_fits_no_receivable_stays_unallocated(works: Works, changes: dict[str, str]) -> None:
    await book(works, await approved(works))
    await pay(works, **changes)
    assert await rows(works, ALLOCATED) == [(False,)]
    assert (await owed(works))[1:3] == ["0.00", "628000.00"]


async def test_a_number_means_the_receivable_of_the_same_source(works: Works) -> None:
    await book(works, await approved(works))
    await act(works, "yonyou", "record_payment", **PAID)
    assert await rows(works, ALLOCATED) == [(False,)]


async def test_a_corrected_receivable_keeps_its_payments(works: Works) -> None:
    contract = await approved(works)
    await book(works, contract)
    await pay(works)
    await book(works, contract, amount="600000.00", number="AR-HT-1A", due_on="2027-01-31")
    assert await owed(works) == ["600000.00", "200000.00", "400000.00", "open"]


@pytest.mark.parametrize(
    "changes",
    [{"external_id": "100099"}, {"external_id": "100099", "number": "AR-OTHER"}, {"currency": "USD"}],
    ids=["same number", "second receivable", "other currency"],
)
async def test_a_contract_has_one_receivable(works: Works, changes: dict[str, str]) -> None:
    contract = await approved(works)
    await book(works, contract)
    with pytest.raises(sdk.Rejected, match="AR-HT-1 \\(100010\\)") as refused:
        await book(works, contract, **changes)
    assert refused.value.code == "receivable-taken"


async def test_a_receivable_cannot_change_hands(works: Works) -> None:
    await book(works, await approved(works))
    other = await approved(works, "HT-2")
    for changes in ({}, {"external_id": "100011"}, {"number": "AR-HT-2"}):
        with pytest.raises(sdk.Rejected, match="stands there"):
            await book(works, other, **changes)


async def test_only_an_approved_contract_is_booked(works: Works) -> None:
    with pytest.raises(sdk.Rejected, match="cannot become booked"):
        await book(works, await draft(works))
    assert await rows(works, OWED) == []


async def test_fifty_payments_at_once_all_count(works: Works) -> None:
    await book(works, await approved(works))
    await meet(works, *(partial(pay, works, external_id=str(n), amount="0.01") for n in range(50)))
    assert await owed(works) == ["628000.00", "0.50", "627999.50", "open"]


async def test_one_payment_told_twenty_times_at_once_counts_once(works: Works) -> None:
    await book(works, await approved(works))
    made = await meet(works, *[partial(pay, works)] * 20)
    assert len({each.id for each in made}) == 1
    assert (await owed(works))[1] == "200000.00"


async def test_a_receivable_and_its_payments_that_come_at_once_find_each_other(works: Works) -> None:
    contracts = [await approved(works, f"HT-{n}") for n in range(12)]
    for n, contract in enumerate(contracts):
        same = {"external_id": f"R{n}", "number": f"AR-{n}"}
        pays = (partial(pay, works, external_id=f"P{n}-{k}", receivable_number=f"AR-{n}") for k in range(3))
        await meet(works, partial(book, works, contract, **same), *pays)
    assert {paid for (paid,) in await rows(works, "SELECT paid FROM receivables")} == {Decimal("600000.00")}
    assert {found for (found,) in await rows(works, ALLOCATED)} == {True}


async def test_a_payment_that_meets_a_booking_not_yet_committed_waits_for_it(works: Works) -> None:
    contract = await approved(works)
    action = home.actions["book_receivable"]
    run: Any = action.run
    async with works.applying("kingdee") as unit:
        await run(unit, action.input.model_validate({**BOOKED, "contract_id": contract}))
        paying = asyncio.create_task(pay(works))
        await asyncio.sleep(0.3)
        assert not paying.done()
    await paying
    assert (await owed(works))[1] == "200000.00"


async def test_a_correction_that_meets_a_correction_not_yet_committed_takes_it_back_from_where_it_went(
    works: Works,
) -> None:
    for n in (1, 2, 3):
        await book(works, await approved(works, f"HT-{n}"), external_id=f"R{n}", number=f"AR-{n}")
    await pay(works, receivable_number="AR-1")
    action = home.actions["record_payment"]
    run: Any = action.run
    async with works.applying("kingdee") as unit:
        await run(unit, action.input.model_validate({**PAID, "receivable_number": "AR-2", "modified_at": LATER}))
        last = {"receivable_number": "AR-3", "modified_at": "2026-11-28T10:00:00+08:00"}
        paying = asyncio.create_task(pay(works, **last))
        await asyncio.sleep(0.3)
        assert not paying.done()
    await paying
    paid = [str(value) for (value,) in await rows(works, "SELECT paid FROM receivables ORDER BY number")]
    assert paid == ["0.00", "0.00", "200000.00"]


async def test_moving_payments_to_and_fro_at_once_never_deadlocks_and_adds_up(works: Works) -> None:
    for n in (1, 2):
        await book(works, await approved(works, f"HT-{n}"), external_id=f"R{n}", number=f"AR-{n}")

    def move(payment: int, second: int) -> Callable[[], Awaitable[sdk.Made]]:
        place = {"external_id": f"P{payment}", "receivable_number": f"AR-{1 + (payment + second) % 2}"}
        return partial(pay, works, **place, modified_at=f"2026-11-28T08:00:{second:02d}Z")

    await meet(works, *(move(payment, second) for second in range(30) for payment in range(4)))
    paid = await rows(works, "SELECT number, paid FROM receivables ORDER BY number")
    assert paid == [("AR-1", Decimal("400000.00")), ("AR-2", Decimal("400000.00"))]


async def test_an_external_id_booked_for_two_contracts_at_once_goes_to_one(works: Works) -> None:
    one, two = await approved(works, "HT-1"), await approved(works, "HT-2")
    action = home.actions["book_receivable"]
    run: Any = action.run
    async with works.applying("kingdee") as unit:
        await run(unit, action.input.model_validate({**BOOKED, "contract_id": one}))
        booking = asyncio.create_task(book(works, two, number="AR-HT-2"))
        await asyncio.sleep(0.3)
    with pytest.raises(sdk.Rejected, match="stands there"):
        await booking
    assert await rows(works, "SELECT contract_id, number FROM receivables") == [(one, "AR-HT-1")]


@pytest.mark.parametrize("name", ["book_receivable", "record_payment"])
@pytest.mark.parametrize("amount", [200000.0, True, "1e3", "0.001", None], ids=repr)
def test_an_action_takes_no_float_and_no_lost_digit(name: str, amount: object) -> None:
    given = {"book_receivable": {**BOOKED, "contract_id": "ctr_1"}, "record_payment": PAID}[name]
    assert home.actions[name].input.model_validate(given).model_dump()["amount"] == Decimal(given["amount"])
    with pytest.raises(ValidationError, match="amount"):
        home.actions[name].input.model_validate({**given, "amount": amount})


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValidationError, match="modified_at"):
        home.actions["record_payment"].input.model_validate({**PAID, "modified_at": "2026-11-28T08:00:00"})
