"""One look over all tenants: what it finds in each, what it passes over, and that it stays behind no tenant's wall."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.claim import claim
from hub.ledger.connections import hold, release, save
from hub.ledger.cursors import advance, ensure_all, nudge, take_turns
from hub.ledger.database import Database
from hub.ledger.gates import rest
from hub.ledger.look import comparisons, unread, work
from hub.ledger.reconcile import ensure, make_due, take_turn
from hub.ledger.streams import has_read
from hub.ledger.streams import take_turn as take_reader

POLLS = [{"connector": "acme", "event": "receipt.booked"}, {"connector": "absent", "event": "x"}]
LISTS = [{"connector": "acme", "entity": "bill"}]


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "books", "books.book", "m@1:0", event.subject, event.subject)]


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    """Two tenants with a connection each; nothing has happened."""
    opened = await Database.open(migrated.app, size=2, plan=plan)
    for tenant in ("demo", "other"):
        async with opened.unit(tenant) as unit:
            await save(unit, "books", "acme", {}, {})
    yield opened
    await opened.close()


async def tell(ledger: Database, tenant: str, subject: str) -> str:
    async with ledger.unit(tenant) as unit:
        await unit.emit(Inbound("order.paid", subject, subject, datetime.now(UTC), {}))
        return str(await unit.fetchval("SELECT max(id) FROM events"))


async def test_work_that_is_due_is_found_and_what_is_held_or_rests_is_not(ledger: Database) -> None:
    assert (await work(ledger, ())).due == []
    await tell(ledger, "demo", "one")
    await tell(ledger, "other", "two")
    assert (await work(ledger, ())).due == [("demo", "books"), ("other", "books")]
    async with ledger.unit("demo") as unit:
        await hold(unit, "books", "no")
    async with ledger.unit("other") as unit:
        await rest(unit, "books", 60, "slower")
    assert (await work(ledger, ())).due == []
    async with ledger.unit("demo") as unit:
        await release(unit, "books")
    found = await work(ledger, ())
    assert (found.due, found.left) == ([("demo", "books")], [])


async def test_only_a_tenant_with_deliveries_under_way_can_have_some_left_lying(ledger: Database) -> None:
    await tell(ledger, "other", "one")
    async with ledger.unit("other") as unit:
        assert len(await claim(unit, "books", 10, lease_s=15)) == 1
    found = await work(ledger, ())
    assert (found.due, found.left) == ([], ["other"])


async def test_a_poll_is_found_before_it_was_ever_made_then_when_it_is_due_and_not_while_it_is_held(
    ledger: Database,
) -> None:
    assert (await work(ledger, POLLS)).polls == ["demo", "other"]
    for tenant in ("demo", "other"):
        async with ledger.unit(tenant) as unit:
            await ensure_all(unit, POLLS)
            (turn,) = await take_turns(unit, 30)
            assert (turn.connection, turn.event) == ("books", "receipt.booked")
    assert (await work(ledger, POLLS)).polls == [], "both are being made"
    async with ledger.unit("demo") as unit:
        assert await advance(unit, turn, [], [], "7", 3600)
    assert (await work(ledger, POLLS)).polls == []
    async with ledger.unit("demo") as unit:
        await nudge(unit, "books", "receipt.booked")
    assert (await work(ledger, POLLS)).polls == ["demo"]
    async with ledger.unit("demo") as unit:
        await hold(unit, "books", "no")
    assert (await work(ledger, POLLS)).polls == []


async def test_a_comparison_is_found_before_the_first_and_whenever_somebody_asks(ledger: Database) -> None:
    assert await comparisons(ledger, LISTS) == ["demo", "other"]
    for tenant in ("demo", "other"):
        async with ledger.unit(tenant) as unit:
            await ensure(unit, LISTS)
    assert await comparisons(ledger, LISTS) == [], "they are due at night"
    async with ledger.unit("other") as unit:
        assert await make_due(unit) == 1
    assert await comparisons(ledger, LISTS) == ["other"]
    async with ledger.unit("other") as unit:
        assert await take_turn(unit, 30)
    assert await comparisons(ledger, LISTS) == []


async def test_a_tenant_is_unread_until_its_newest_event_was_read(ledger: Database) -> None:
    assert await unread(ledger) == []
    first = await tell(ledger, "demo", "one")
    assert await unread(ledger) == ["demo"]
    async with ledger.unit("demo") as unit:
        await take_reader(unit, 10)
        await has_read(unit, first)
    assert await unread(ledger) == []
    await tell(ledger, "demo", "two")
    assert await unread(ledger) == ["demo"]


async def test_a_look_ends_where_it_began_inside_no_tenant(ledger: Database) -> None:
    ask = "SELECT 'connection', name FROM connections"
    async with ledger.unit("demo") as unit:
        rows = await unit.fetch("SELECT tenant, what, name FROM hub_everywhere($1, $2)", ask, None)
        assert [tuple(row) for row in rows] == [("demo", "connection", "books"), ("other", "connection", "books")]
        assert await unit.fetch("SELECT 1 FROM connections") == []
    async with ledger.unit("demo") as unit:
        assert len(await unit.fetch("SELECT 1 FROM connections")) == 1
