"""Group commit: many at once are few transactions, each is told only when it is committed, one bad one fails alone."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime

import pytest

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.inbound.intake import Intake
from hub.ledger.connections import save
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.receive import Receipt
from hub.ledger.record import Told

AT = datetime(2026, 11, 28, tzinfo=UTC)


def plan(event: Event) -> list[Owed]:
    return [
        Owed("f", 0, "acme", "acme.book", "m@1:0", event.subject, event.subject),
        Owed("g", 0, "nobody", "acme.book", "m@1:0", event.subject, event.subject, optional=True),
    ]


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=4, plan=plan)
    for tenant in ("demo", "other"):
        async with opened.unit(tenant) as unit:
            await save(unit, "acme", "acme", {}, {})
    yield opened
    await opened.close()


def paid(number: int, amount: str = "1.00", body: bytes = b"") -> Receipt:
    fact = Inbound("order.paid", f"o{number}", f"o{number}", AT, {"amount": amount})
    return Receipt("acme", "", {}, body or b"%d %s" % (number, amount.encode()), [fact])


async def rows(ledger: Database, sql: str, tenant: str = "demo") -> list[tuple[object, ...]]:
    async with ledger.unit(tenant) as unit:
        return [tuple(row) for row in await unit.fetch(sql)]


async def test_two_hundred_at_once_are_kept_once_each_in_a_few_transactions(ledger: Database) -> None:
    intake = Intake(ledger)
    await asyncio.gather(*(intake.keep("demo", paid(n // 2)) for n in range(200)))
    assert await rows(ledger, "SELECT count(*), sum(seen), count(DISTINCT xmin::text) < 10 FROM receipts") == [
        (100, 200, True)
    ]
    counts = "SELECT (SELECT count(*) FROM events), count(*), count(DISTINCT connection) FROM deliveries"
    assert await rows(ledger, counts) == [(100, 100, 1)]
    ordered = await rows(ledger, "SELECT record FROM deliveries ORDER BY seq")
    assert [record for (record,) in ordered] == [f"o{n}" for n in range(100)]


async def test_tenants_do_not_mix(ledger: Database) -> None:
    intake = Intake(ledger)
    await asyncio.gather(*(intake.keep(t, paid(n)) for n in range(20) for t in ("demo", "other")))
    for tenant in ("demo", "other"):
        found = "SELECT count(*), array_agg(DISTINCT tenant_id) FROM events"
        assert await rows(ledger, found, tenant) == [(20, [tenant])]


async def test_the_same_id_with_other_words_is_kept_as_a_conflict_and_changes_nothing(ledger: Database) -> None:
    intake = Intake(ledger)
    await intake.keep("demo", paid(1, "1.00"))
    await intake.keep("demo", paid(1, "1.00", b"the same again, written otherwise"))
    await intake.keep("demo", paid(1, "900.00"))
    assert await rows(ledger, "SELECT data FROM events") == [({"amount": "1.00"},)]
    assert await rows(ledger, "SELECT dedupe_key, data FROM conflicts") == [("o1", {"amount": "900.00"})]
    assert await rows(ledger, "SELECT count(*) FROM deliveries") == [(1,)]


async def test_what_cannot_be_kept_fails_alone(ledger: Database) -> None:
    intake = Intake(ledger)
    bad = paid(3, "1\x00")
    ended = await asyncio.gather(
        *(intake.keep("demo", each) for each in (paid(1), bad, paid(2))), return_exceptions=True
    )
    assert [isinstance(each, Exception) for each in ended] == [False, True, False]
    assert await rows(ledger, "SELECT count(*) FROM events") == [(2,)]
    await intake.keep("demo", paid(4))


async def test_nobody_is_told_before_the_commit(ledger: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    intake = Intake(ledger)
    gate = asyncio.Event()
    record = LedgerUnit.record_told

    async def slowly(unit: LedgerUnit, told: Sequence[Told]) -> int:
        await gate.wait()
        return await record(unit, told)

    monkeypatch.setattr(LedgerUnit, "record_told", slowly)
    first = asyncio.create_task(intake.keep("demo", paid(1)))
    await asyncio.sleep(0.1)
    later = [asyncio.create_task(intake.keep("demo", paid(n))) for n in range(2, 6)]
    await asyncio.sleep(0.1)
    assert not any(task.done() for task in (first, *later))
    gate.set()
    await asyncio.gather(first, *later)
    assert await rows(ledger, "SELECT count(DISTINCT xmin::text) FROM receipts") == [(2,)]
