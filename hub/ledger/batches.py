"""Replays as recorded batches: who, when, why, what was selected, and what became of each delivery."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hub.domain.ids import new_id
from hub.domain.text import NOTHING, Text
from hub.ledger.database import LedgerUnit
from hub.ledger.replay import AGAIN, REPLAYABLE
from hub.ledger.selection import Selection, bounds
from hub.sdk.exact import Json
from hub.sdk.home import Unit

Choice = Literal["pinned", "current"]
"""The mapping version a delivery was planned with, or the one its flow uses now."""

COLUMNS = """
SELECT id, kind, who, why, selection, mapping, after, upto, scanned, unanswerable, chosen, refused, created_at,
  finished_at FROM replays WHERE tenant_id = $1
"""
BEGIN = """
INSERT INTO replays (tenant_id, id, kind, who, why, selection, mapping, after, upto)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
ADVANCE = """
UPDATE replays SET after = $3, scanned = scanned + $4, unanswerable = unanswerable + $5, chosen = chosen + $6,
  refused = refused + $7, finished_at = CASE WHEN $8 THEN now() END
WHERE tenant_id = $1 AND id = $2
"""
# All that is about to be noted, always in the same order, so that two batches never wait for each other.
TAKE = """
SELECT id, state FROM deliveries WHERE tenant_id = $1 AND id = ANY($2::text[]) ORDER BY id FOR NO KEY UPDATE
"""
CLOSE = """
UPDATE replayed r SET outcome = d.state, error_code = d.error_code, error = d.error, hint_zh = d.hint_zh,
  hint_en = d.hint_en
FROM deliveries d
WHERE r.tenant_id = $1 AND r.delivery_id = ANY($2::text[]) AND r.outcome = '' AND d.tenant_id = $1
  AND d.id = r.delivery_id
"""
NOTE = """
INSERT INTO replayed (tenant_id, replay_id, delivery_id, was, old_pin, new_pin, old_payload, new_payload)
SELECT $1, $2, d.id, d.state, d.mapping, coalesce(n.mapping, d.mapping),
  CASE WHEN n.override IS NOT NULL THEN coalesce(d.override, d.payload) END, n.override
FROM unnest($3::text[], $4::text[], $5::jsonb[]) AS n (id, mapping, override)
JOIN deliveries d ON d.tenant_id = $1 AND d.id = n.id
"""
MOVE = f"""{AGAIN} backlog = $7, mapping = coalesce(n.mapping, d.mapping), lane = coalesce(n.lane, d.lane),
  record = coalesce(n.record, d.record),
  override = coalesce(n.override, CASE WHEN n.mapping IS NULL THEN d.override END)
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::jsonb[]) AS n (id, mapping, lane, record, override)
WHERE d.tenant_id = $1 AND d.id = n.id RETURNING d.connection
"""
REFUSE = """
INSERT INTO replayed (tenant_id, replay_id, delivery_id, was, old_pin, new_pin, outcome, error, hint_zh, hint_en)
SELECT $1, $2, d.id, d.state, d.mapping, d.mapping, 'refused', n.error, n.zh, n.en
FROM unnest($3::text[], $4::text[], $5::text[], $6::text[]) AS n (id, error, zh, en)
JOIN deliveries d ON d.tenant_id = $1 AND d.id = n.id
"""
COUNTS = "SELECT state, count(*) FROM replayed_now WHERE tenant_id = $1 AND replay_id = $2 GROUP BY 1"
FAILURES = """
SELECT state, error_code, error, hint_zh, hint_en, count(*) AS count, min(delivery_id) AS example FROM replayed_now
WHERE tenant_id = $1 AND replay_id = $2 AND state IN ('dead', 'held', 'uncertain', 'refused')
GROUP BY 1, 2, 3, 4, 5 ORDER BY 6 DESC, 7 LIMIT 50
"""
NOW = """
SELECT delivery_id, was, old_pin, new_pin, old_payload, new_payload, flow, record, connection, state, error_code, error,
  hint_zh, hint_en FROM replayed_now
WHERE tenant_id = $1 AND replay_id = $2 AND delivery_id > $3 ORDER BY delivery_id LIMIT $4
"""

BUSY = Text("它已经完成，或正在处理中：看它的状态。", "It is done, or being worked on just now: look at its state.")


@dataclass(frozen=True, slots=True)
class Batch:
    """A replay as it was asked for, and how far it has come; `finished` when nothing is left to choose from."""

    id: str
    kind: str
    who: str
    why: str
    selection: Mapping[str, Json]
    mapping: Choice
    after: str
    upto: str
    scanned: int
    unanswerable: int
    chosen: int
    refused: int
    created_at: Any
    finished_at: Any


@dataclass(frozen=True, slots=True)
class Put:
    """A delivery to put back. `mapping`: its new pin, with its lane and record where these could not be planned before.

    `override`: a payload a person wrote, sent instead of what the mapping makes. A new pin ends an older override.
    """

    id: str
    mapping: str | None = None
    lane: str | None = None
    record: str | None = None
    override: Json = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A delivery that cannot be put back so, and why."""

    id: str
    error: str
    hint: Text = NOTHING


@dataclass(frozen=True, slots=True)
class Step:
    """What one page came to: the place after it ("" at the end) and its numbers."""

    last: str
    scanned: int = 0
    unanswerable: int = 0
    puts: Sequence[Put] = ()
    refused: Sequence[Refused] = ()


async def begin(unit: Unit, who: str, why: str, selection: Selection, mapping: Choice, kind: str = "range") -> str:
    """Write down a batch; nothing is put back yet. Its id."""
    replay_id = new_id("rpl")
    after, upto = await bounds(unit, selection)
    values = (replay_id, kind, who, why, selection.as_json(), mapping, after, upto)
    await unit.execute(BEGIN, unit.tenant_id, *values)
    return replay_id


async def find_batch(unit: Unit, replay_id: str, lock: bool = False) -> Batch | None:
    """A batch, or None. With `lock` the batch is ours alone until the transaction ends."""
    row = await unit.fetchrow(f"{COLUMNS} AND id = $2{' FOR UPDATE' if lock else ''}", unit.tenant_id, replay_id)
    return Batch(**dict(row.items())) if row else None


async def newest_batches(unit: Unit, before: str, limit: int) -> list[Batch]:
    """Batches, newest first; `before` is the id the page ends before, or ""."""
    narrow = "AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
    return [
        Batch(**dict(row.items())) for row in await unit.fetch(f"{COLUMNS} {narrow}", unit.tenant_id, before, limit)
    ]


async def advance(unit: LedgerUnit, batch: Batch, step: Step) -> int | None:
    """Put a page's deliveries back and note them; how many, or None when somebody else went on with the batch first.

    Only what may be replayed and is in nobody's hands moves; the rest is noted as refused.
    """
    now = await find_batch(unit, batch.id, lock=True)
    if now is None or now.finished_at or now.after != batch.after:
        return None
    wanted = {put.id for put in step.puts}
    taken = wanted & await _take(unit, [*wanted, *(refused.id for refused in step.refused)])
    busy = [Refused(put.id, "done, or in other hands", BUSY) for put in step.puts if put.id not in taken]
    await _put_back(unit, batch, [put for put in step.puts if put.id in taken])
    refused = [*step.refused, *busy]
    told = list(zip(*((r.id, r.error[:2000], r.hint.zh, r.hint.en) for r in refused), strict=True)) or [(), (), (), ()]
    await unit.execute(REFUSE, unit.tenant_id, batch.id, *map(list, told))
    numbers = (step.scanned, step.unanswerable, len(taken), len(refused))
    await unit.execute(ADVANCE, unit.tenant_id, batch.id, step.last or batch.after, *numbers, not step.last)
    return len(taken)


async def _take(unit: Unit, ids: list[str]) -> set[str]:
    """Lock these; those that may be replayed as they stand now."""
    return {row["id"] for row in await unit.fetch(TAKE, unit.tenant_id, ids) if row["state"] in REPLAYABLE}


async def _put_back(unit: LedgerUnit, batch: Batch, puts: Sequence[Put]) -> None:
    ids, pins, overrides = [p.id for p in puts], [p.mapping for p in puts], [p.override for p in puts]
    places = [p.lane for p in puts], [p.record for p in puts]
    await unit.execute(CLOSE, unit.tenant_id, ids)
    await unit.execute(NOTE, unit.tenant_id, batch.id, ids, pins, overrides)
    moved = await unit.fetch(MOVE, unit.tenant_id, ids, pins, *places, overrides, batch.kind == "range")
    unit.owed_to.update(row["connection"] for row in moved)


async def report(unit: Unit, replay_id: str) -> tuple[dict[str, int], list[Mapping[str, Any]]]:
    """How many of a batch's deliveries stand in each state, and its failures, alike ones as one.

    A delivery stands as it is now, or as it was when a later batch took it.
    """
    counts = {row["state"]: row["count"] for row in await unit.fetch(COUNTS, unit.tenant_id, replay_id)}
    return counts, [dict(row.items()) for row in await unit.fetch(FAILURES, unit.tenant_id, replay_id)]


async def deliveries_of(unit: Unit, replay_id: str, after: str, limit: int) -> list[Mapping[str, Any]]:
    """A batch's deliveries in the order of their ids; `after` is the id the page begins after, or ""."""
    return [dict(row.items()) for row in await unit.fetch(NOW, unit.tenant_id, replay_id, after, limit)]
