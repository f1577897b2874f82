"""The whole scene: a vendor renames a field; it is told, held, fixed, released, and nothing is nulled."""

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hub.domain.errors import Drifted
from hub.domain.event import Event
from hub.drift import Guard
from hub.embedded.postgres import Addresses
from hub.ledger import streams
from hub.sdk.home import Problem
from tests.hub.drift.shop import AT, GONE, STREAM, Shop, files, order


@pytest.fixture
async def shop(migrated: Addresses) -> AsyncIterator[Shop]:
    opened = await Shop().open(migrated)
    yield opened
    await opened.close()


def renamed(number: int) -> dict[str, Any]:
    """An order after the shop's upgrade: `total` is called `amount`."""
    data = order(number, total=GONE)
    return {**data, "amount": order(number)["total"]}


FIXED = {
    path: text.replace("take: total", "take: amount").replace("given: {total: 1}", "given: {amount: 1}")
    for path, text in files(2, "order_no").items()
}


async def test_a_renamed_field_is_told_held_fixed_and_released_and_nothing_is_nulled(shop: Shop) -> None:
    await shop.usual(200)
    await shop.set_policy("hold")
    await shop.tell(*(renamed(number) for number in range(200, 210)))
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 200, "held": 10}, "the first of them too"

    await shop.learner.step()
    (drift,) = await shop.drifts()
    assert (drift.what, drift.path, drift.seen) == ("absent", "total", 10)
    assert drift.now == "absent; new beside it: amount"
    assert drift.mappings == ["shop.order__books.sale@1"]
    async with shop.database.unit("demo") as unit:
        rows = await unit.fetch("SELECT error_code, error, hint_zh, hint_en FROM deliveries WHERE state = 'held'")
        assert await unit.fetchval("SELECT held_at FROM connections WHERE name = 'books'") is None
    assert {row["error_code"] for row in rows} == {"drift"}
    assert all("total" in row["hint_zh"] and "hub streams release shop order.paid" in row["hint_en"] for row in rows)

    with pytest.raises(Problem, match=r"sale@1.*total"):
        await shop.release()
    assert await shop.drifts(), "a refusal changes nothing"

    await shop.load(FIXED)
    assert await shop.release() == 10
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 210}
    assert await shop.drifts() == []

    at_the_target = Counter(sale.number for sale in shop.books.sales)
    assert at_the_target == Counter(f"SO-{number}" for number in range(210)), "each exactly once"
    assert all(sale.total == order(0)["total"] and sale.buyer for sale in shop.books.sales), "nothing nulled"


async def test_what_comes_after_the_release_goes_through_and_the_next_drift_is_held_again(shop: Shop) -> None:
    await shop.usual(60)
    await shop.set_policy("hold")
    await shop.load(FIXED)
    await shop.tell(renamed(100))
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 61}, "the new mapping does not read what is gone"
    await shop.learner.step()
    assert [each.mappings for each in await shop.drifts()] == [[]]
    assert await shop.release() == 0
    await shop.tell(*(renamed(number) for number in range(101, 160)))
    await shop.deliverer.drain("demo", "books")
    await shop.learner.step()
    await shop.tell(order(200, total=GONE))
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 120, "held": 1}


async def test_where_the_stream_accepts_it_is_told_after_three_and_sent(shop: Shop) -> None:
    await shop.usual(60)
    for number in range(100, 103):
        assert await shop.drifts() == []
        await shop.tell(renamed(number))
        await shop.learner.step()
    (drift,) = await shop.drifts()
    assert (drift.path, drift.mappings) == ("total", ["shop.order__books.sale@1"])
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 63}


async def test_quarantine_holds_what_no_mapping_reads_and_hold_does_not(shop: Shop) -> None:
    await shop.usual(60)
    await shop.set_policy("hold")
    await shop.tell(order(100, state="lost"))
    await shop.deliverer.drain("demo", "books")
    await shop.set_policy("quarantine")
    await shop.tell(order(101, state="lost"))
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 61, "held": 1}
    await shop.learner.step()
    (drift,) = await shop.drifts()
    assert (drift.what, drift.path, drift.was, drift.now) == ("value", "state", "paid, part", "lost")


async def test_what_was_released_meanwhile_is_not_held_by_a_process_that_has_not_heard_of_it(shop: Shop) -> None:
    await shop.usual(60)
    await shop.set_policy("hold")
    guard = Guard(shop.database, shop.reading, fresh_s=600)
    (pin,) = shop.catalogue.mappings
    event = Event("evt_1", "demo", *STREAM, "order 1", AT, renamed(1))
    with pytest.raises(Drifted, match="total is absent"):
        await guard.check("demo", event, pin)
    await shop.set_policy("accept")
    await guard.check("demo", event, pin)


async def test_a_mapping_that_is_not_loaded_here_may_read_anything(shop: Shop) -> None:
    await shop.usual(60)
    await shop.set_policy("hold")
    event = Event("evt_1", "demo", *STREAM, "order 1", AT, order(1, state="lost"))
    with pytest.raises(Drifted, match="state has a new value"):
        await shop.guard.check("demo", event, "shop.order__books.sale@0:older")


async def test_a_person_s_own_payload_is_not_held(shop: Shop) -> None:
    await shop.usual(60)
    await shop.set_policy("hold")
    await shop.tell(renamed(100))
    await shop.deliverer.drain("demo", "books")
    async with shop.database.unit("demo") as unit:
        held: Any = await unit.fetchval("SELECT id FROM deliveries WHERE state = 'held'")
    await shop.lab.edit("demo", "ops", "by hand", held, {"number": "SO-100", "total": "9.90"})
    await shop.deliverer.drain("demo", "books")
    assert await shop.states() == {"done": 61}


async def test_what_lies_waiting_is_sampled_and_a_drift_in_it_is_told_all_the_same(shop: Shop) -> None:
    await shop.usual(60)
    await shop.tell(*(order(number) for number in range(200)), *(renamed(number) for number in range(200, 500)))
    assert await shop.learner.read("demo") == 500
    (drift,) = await shop.drifts()
    assert drift.path == "total"


async def test_two_readers_count_every_event_once(shop: Shop) -> None:
    await shop.tell(*(order(number) for number in range(250)))
    assert await shop.learner.read("demo") == 250
    assert await shop.learner.read("demo") == 0
    async with shop.database.unit("demo") as unit:
        (stream,) = await streams.everyone(unit)
        assert (stream.connection, stream.type, stream.count) == (*STREAM, 250)
        async with shop.database.unit("demo") as second:
            assert await streams.take_turn(unit, 0) is not None
            assert await streams.take_turn(second, 0) is None, "another one reads"


async def test_a_tenant_s_streams_are_its_own(shop: Shop) -> None:
    await shop.usual(60)
    async with shop.database.unit("other") as unit:
        assert await streams.everyone(unit) == []
