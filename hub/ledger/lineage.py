"""Which deliveries wrote a record of the home system, or made one elsewhere, and what a person changed on the way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hub.sdk.exact import Json
from hub.sdk.home import Unit

MOST = 50
"""How many deliveries of a record are looked at, newest first."""

FROM = """
SELECT d.id, d.flow, d.step, d.connection, d.action, d.mapping, d.record, d.state, d.attempts, d.replays, d.payload,
  d.result, d.error, d.done_at, d.override IS NOT NULL AS edited, e.id AS event_id, e.type, e.connection AS source,
  e.subject, e.occurred_at, e.recorded_at, e.data, e.receipt_id, e.delivery_id AS caused_by,
  coalesce(c.connector, '') AS system, a.id AS attempt_id
FROM deliveries d JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
  LEFT JOIN connections c ON c.tenant_id = e.tenant_id AND c.name = e.connection
  LEFT JOIN attempts a ON a.tenant_id = d.tenant_id AND a.delivery_id = d.id AND a.number = d.attempts
WHERE d.tenant_id = $1
"""
WRITERS = f"""{FROM} AND d.wrote = ANY($2::text[]) AND d.action = ANY($3::text[]) AND d.state = 'done'
ORDER BY d.done_at DESC, d.seq DESC LIMIT {MOST}
"""
ONE = f"{FROM} AND d.id = $2"
REF = """
SELECT r.external_id, r.record, d.action FROM external_refs r
JOIN deliveries d ON d.tenant_id = r.tenant_id AND d.id = r.delivery_id
WHERE r.tenant_id = $1 AND r.connection = $2 AND r.entity = $3
"""
REF_BY_ID = f"{REF} AND r.external_id = $4"
REF_BY_RECORD = f"{REF} AND r.record = $4 ORDER BY r.created_at DESC LIMIT 1"
MAKERS = f"""{FROM} AND d.record = $2 AND d.connection = $3 AND d.action = $4 AND d.state = 'done'
ORDER BY d.seq DESC LIMIT {MOST}
"""
EDITED = """
SELECT p.id, p.who, p.why, p.created_at AS at, r.old_payload AS was FROM replayed r
JOIN replays p ON p.tenant_id = r.tenant_id AND p.id = r.replay_id
WHERE r.tenant_id = $1 AND r.delivery_id = $2 AND p.kind = 'edit' AND r.new_payload IS NOT NULL
ORDER BY p.id DESC LIMIT 1
"""
KEY_NAMES = "SELECT id, name FROM api_keys WHERE tenant_id = $1 AND id = ANY($2::text[])"


@dataclass(frozen=True, slots=True)
class Writer:
    """A delivery with its event. `system`: the connector of the event's connection, "" for our own.

    `edited`: a person wrote the payload. `caused_by`: the delivery whose doing the event tells of.
    """

    id: str
    flow: str
    step: int
    connection: str
    action: str
    mapping: str
    record: str
    state: str
    attempts: int
    replays: int
    payload: Json
    result: Json
    error: str
    done_at: datetime | None
    edited: bool
    event_id: str
    type: str
    source: str
    subject: str
    occurred_at: datetime
    recorded_at: datetime
    data: Json
    receipt_id: str | None
    caused_by: str | None
    system: str
    attempt_id: str | None


@dataclass(frozen=True, slots=True)
class Edited:
    """Who put another payload in place of what the mapping made, and the payload before."""

    id: str
    who: str
    why: str
    at: datetime
    was: Json


async def writers(unit: Unit, ids: Sequence[str], actions: Sequence[str]) -> list[Writer]:
    """The last deliveries of these actions that wrote one of these records, newest first, MOST of them."""
    rows = await unit.fetch(WRITERS, unit.tenant_id, ids, actions)
    return [_writer(row) for row in rows]


async def writer(unit: Unit, delivery_id: str) -> Writer | None:
    """One delivery, whatever it did; None when unknown."""
    row = await unit.fetchrow(ONE, unit.tenant_id, delivery_id)
    return _writer(row) if row else None


async def makers(unit: Unit, connection: str, entity: str, known_as: str) -> list[Writer]:
    """The deliveries that made a record there, newest first; `known_as`: its id there, or our record's.

    Of the last MOST that this action did for our record; none for one that is not known.
    """
    place = (unit.tenant_id, connection, entity, known_as)
    ref = await unit.fetchrow(REF_BY_ID, *place) or await unit.fetchrow(REF_BY_RECORD, *place)
    if ref is None:
        return []
    rows = await unit.fetch(MAKERS, unit.tenant_id, ref["record"], connection, ref["action"])
    return [_writer(row) for row in rows if row["result"] and row["result"]["id"] == ref["external_id"]]


async def edited(unit: Unit, delivery_id: str) -> Edited | None:
    """The last time a person wrote this delivery's payload."""
    row = await unit.fetchrow(EDITED, unit.tenant_id, delivery_id)
    return Edited(**dict(row.items())) if row else None


async def key_names(unit: Unit, key_ids: Sequence[str]) -> Mapping[str, str]:
    """What API keys are called, by id."""
    return {row["id"]: row["name"] for row in await unit.fetch(KEY_NAMES, unit.tenant_id, key_ids)}


def _writer(row: Any) -> Writer:
    return Writer(**dict(row.items()))
