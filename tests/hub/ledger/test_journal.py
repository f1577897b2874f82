"""The journal is read again whole: every event of the streams asked for, once, in order, and no other."""

from datetime import UTC, datetime, timedelta

from hub.domain.event import Inbound
from hub.ledger.connections import save
from hub.ledger.database import Database
from hub.ledger.journal import PAGE, pages, streams_of

DAY = timedelta(days=1)


async def told(database: Database, tenant: str, connection: str, kind: str, *subjects: str) -> None:
    facts = [Inbound(kind, subject, f"{kind} {subject}", datetime.now(UTC), {"n": subject}) for subject in subjects]
    async with database.unit(tenant) as unit:
        await unit.record(connection, facts)


async def read(database: Database, since: datetime, until: datetime, *sources: str) -> list[str]:
    streams = await streams_of(database, "demo", sources)
    return [event.subject async for page in pages(database, "demo", streams, since, until) for event in page.events]


async def test_every_event_of_a_source_comes_once_and_in_order(database: Database) -> None:
    before = datetime.now(UTC) - DAY
    subjects = [f"{number:04}" for number in range(2 * PAGE)]
    await told(database, "demo", "crm", "a.done", *subjects[:PAGE])
    await told(database, "demo", "crm", "b.done", *("other" + subject for subject in subjects))
    await told(database, "demo", "crm", "a.done", *subjects[PAGE:])
    await told(database, "other", "crm", "a.done", "not ours")
    after = datetime.now(UTC) + DAY
    assert sorted(await read(database, before, after, "crm.a.done")) == subjects
    assert await read(database, before, after, "crm.c.done") == []
    assert len(await read(database, before, after, "crm.a.done", "crm.b.done")) == 4 * PAGE
    assert await read(database, after, after + DAY, "crm.a.done") == []
    assert await read(database, before - DAY, before, "crm.a.done") == []


async def test_a_source_is_told_by_every_connection_of_its_connector(database: Database) -> None:
    async with database.unit("demo") as unit:
        await save(unit, "east", "erp", {}, {})
        await save(unit, "west", "erp", {}, {})
        await save(unit, "crmlike", "crm", {}, {})
        await save(unit, "shop", "webhook", {}, {})
    assert sorted(await streams_of(database, "demo", ["erp.bill.made"])) == [
        ("east", "bill.made"),
        ("erp", "bill.made"),
        ("west", "bill.made"),
    ]
    assert await streams_of(database, "demo", ["shop.order.paid"]) == []
    assert await streams_of(database, "other", ["erp.bill.made"]) == [("erp", "bill.made")]
