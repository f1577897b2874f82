"""The journal read again: what was recorded of some streams, oldest first, a page at a time, in constant memory."""

from collections.abc import AsyncIterator, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.domain.event import Event
from hub.domain.ids import id_at
from hub.ledger.connections import everyone
from hub.ledger.database import Database
from hub.ledger.selection import SLACK

PAGE = 250
"""Events passed in one transaction, whether they are of a stream that is asked for or not, so that none is long."""

# Ids begin with their time, so the primary key leads through a range of time.
EVENTS = """
SELECT id, connection, type, subject, occurred_at, recorded_at, CASE WHEN recorded_at >= $7 AND recorded_at < $8
  AND (connection, type) IN (SELECT * FROM unnest($5::text[], $6::text[])) THEN data END AS data
FROM events WHERE tenant_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4
"""

Stream = tuple[str, str]
"""A connection's name and an event type."""


@dataclass(frozen=True, slots=True)
class Page:
    """Events of the streams asked for, maybe none. `reached`: when the last event that was passed was recorded."""

    events: list[Event]
    reached: datetime


async def streams_of(database: Database, tenant: str, sources: Collection[str]) -> list[Stream]:
    """The streams of a tenant that tell these sources ("kingdee.receivable.audited"), of each of its connections.

    A name that is no connection's stands for itself: the home system, or a connection that is gone.
    """
    async with database.unit(tenant) as unit:
        connectors = {stored.name: stored.connector for stored in await everyone(unit)}
    found = []
    for connector, _, kind in (source.partition(".") for source in sources):
        names = [name for name, its in connectors.items() if its == connector]
        found += [(name, kind) for name in names + [connector] * (connector not in connectors)]
    return found


async def pages(
    database: Database, tenant: str, streams: Collection[Stream], since: datetime, until: datetime
) -> AsyncIterator[Page]:
    """All events of these streams that were recorded in [since, until). Writes nothing; no transaction stays open."""
    after, upto = id_at("evt", since - SLACK), f"{id_at('evt', until + SLACK)}g"
    columns = [[connection for connection, _ in streams], [kind for _, kind in streams]]
    while True:
        async with database.unit(tenant) as unit:
            rows = await unit.fetch(EVENTS, tenant, after, upto, PAGE, *columns, since, until)
        if rows:
            after = rows[-1]["id"]
            yield Page([_event(tenant, row) for row in rows if row["data"] is not None], rows[-1]["recorded_at"])
        if len(rows) < PAGE:
            return


def _event(tenant: str, row: Any) -> Event:
    return Event(row["id"], tenant, row["connection"], row["type"], row["subject"], row["occurred_at"], row["data"])
