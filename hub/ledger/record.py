"""Record facts, each once, together with the deliveries they owe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.domain.ids import new_id
from hub.sdk.home import Unit

EVENT = """
INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data, receipt_id, delivery_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (tenant_id, connection, dedupe_key) DO NOTHING RETURNING id
"""
DELIVERY = """
INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record)
SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10
WHERE NOT $11 OR EXISTS (SELECT FROM connections WHERE tenant_id = $1 AND name = $6) RETURNING 1
"""


@dataclass(frozen=True, slots=True)
class Recorded:
    """How many facts were new, and the connections that now owe a delivery."""

    events: int
    connections: frozenset[str]


async def record(
    unit: Unit,
    connection: str,
    facts: Sequence[Inbound],
    plan: Callable[[Event], Sequence[Owed]],
    receipt_id: str | None,
    delivery_id: str | None,
) -> Recorded:
    """Write the facts of one source in order. Safe to repeat: a known dedupe key changes nothing and owes nothing."""
    new = 0
    owing: set[str] = set()
    for fact in facts:
        event = Event(
            new_id("evt"), unit.tenant_id, connection, fact.type, fact.subject, fact.occurred_at, dict(fact.data)
        )
        kept = await unit.fetchval(
            EVENT,
            event.tenant_id,
            event.id,
            connection,
            event.type,
            event.subject,
            fact.dedupe_key,
            event.occurred_at,
            event.data,
            receipt_id,
            delivery_id,
        )
        if kept is None:
            continue
        new += 1
        owing |= await _owe(unit, event, plan(event))
    return Recorded(new, frozenset(owing))


async def _owe(unit: Unit, event: Event, owed: Sequence[Owed]) -> set[str]:
    owing = set()
    for each in owed:
        place = (each.flow, each.step, each.connection, each.action, each.mapping, each.lane, each.record)
        if await unit.fetchval(DELIVERY, unit.tenant_id, new_id("dlv"), event.id, *place, each.optional):
            owing.add(each.connection)
    return owing
