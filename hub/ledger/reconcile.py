"""Reconciliation: what we made, whose turn it is to be compared, and what was found last."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from hub.ledger.look import Known
from hub.sdk.connector import Made
from hub.sdk.home import Unit

ENSURE = """
INSERT INTO reconciliations (tenant_id, connection, entity, due_at)
SELECT $1, c.name, known.entity, hub_next_night() FROM connections c
JOIN jsonb_to_recordset($2) AS known (connector text, entity text) USING (connector) WHERE c.tenant_id = $1
ON CONFLICT DO NOTHING
"""
DUE_NOW = "UPDATE reconciliations SET due_at = now() WHERE tenant_id = $1 AND ($2 = '' OR connection = $2) RETURNING 1"
CLAIM = """
WITH due AS (
  SELECT connection, entity FROM reconciliations r WHERE tenant_id = $1 AND due_at <= now()
    AND (lease_until IS NULL OR lease_until < now())
    AND NOT EXISTS (SELECT FROM connections c
      WHERE c.tenant_id = $1 AND c.name = r.connection AND c.held_at IS NOT NULL)
  ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
UPDATE reconciliations r SET fence = fence + 1, lease_until = now() + make_interval(secs => $2) FROM due
WHERE r.tenant_id = $1 AND r.connection = due.connection AND r.entity = due.entity
RETURNING r.connection, r.entity, r.fence
"""
UNDER_WAY = """
SELECT EXISTS (SELECT FROM reconciliations
  WHERE tenant_id = $1 AND ($2 = '' OR connection = $2) AND lease_until > now())
"""
RENEW = """
UPDATE reconciliations SET lease_until = now() + make_interval(secs => $5)
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 AND fence = $4 RETURNING 1
"""
# What a delivery made last counts: what a person had made anew stands for what was lost.
OURS = """
SELECT DISTINCT ON (delivery_id) external_id, number, record, delivery_id FROM external_refs
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 AND created_at >= $4
ORDER BY delivery_id, created_at DESC
"""
KNOWN = """
SELECT external_id, number FROM external_refs
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 AND external_id = ANY($4::text[])
"""
KEEP = """
UPDATE reconciliations SET lease_until = NULL, due_at = hub_next_night(), since = $5, until = $6, ended_at = now(),
  ours = $7, theirs = $8, error = ''
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 AND fence = $4 RETURNING 1
"""
FORGET = "DELETE FROM findings WHERE tenant_id = $1 AND connection = $2 AND entity = $3"
FOUND = """
INSERT INTO findings (tenant_id, connection, entity, kind, external_id, number, record, delivery_id)
SELECT $1, $2, $3, f.* FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[]) AS f
"""
MISS = """
UPDATE reconciliations SET lease_until = NULL, due_at = now() + interval '1 h', error = $5
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 AND fence = $4
"""
LAST = """
SELECT connection, entity, since, until, ended_at, ours, theirs, error FROM reconciliations
WHERE tenant_id = $1 AND ($2 = '' OR connection = $2) ORDER BY connection, entity
"""
FINDINGS = """
SELECT kind, external_id, number, record, delivery_id FROM findings
WHERE tenant_id = $1 AND connection = $2 AND entity = $3 ORDER BY kind, number, external_id
"""


@dataclass(frozen=True, slots=True)
class Turn:
    """A comparison that is ours to make."""

    connection: str
    entity: str
    fence: int


@dataclass(frozen=True, slots=True)
class Ref:
    """What a delivery of ours made there for a record of ours."""

    external_id: str
    number: str
    record: str
    delivery_id: str


@dataclass(frozen=True, slots=True)
class Report:
    """What stands at the vendor against what we made between `since` and `until`.

    Attributes:
        ours: how many we made. theirs: how many the vendor lists; None where it cannot list.
        missing: ours, and not there. unknown: there, and not known to us.
        error: why the latest comparison failed, "" if it did not; the rest tells of the one before.
        ended_at: None when there was none yet.
    """

    connection: str
    entity: str
    since: datetime | None
    until: datetime | None
    ours: int
    theirs: int | None
    missing: Sequence[Ref] = ()
    unknown: Sequence[Made] = ()
    error: str = ""
    ended_at: datetime | None = None


async def ensure(unit: Unit, lists: Known) -> None:
    """Make sure that whatever a connection can list is compared every night; safe to repeat."""
    await unit.execute(ENSURE, unit.tenant_id, list(lists))


async def make_due(unit: Unit, connection: str = "") -> int:
    """Have a connection compared now, or all of them; how many comparisons that is."""
    return len(await unit.fetch(DUE_NOW, unit.tenant_id, connection))


async def take_turn(unit: Unit, lease_s: float) -> Turn | None:
    """Claim a comparison that is due, or None; two processes never get the same."""
    row = await unit.fetchrow(CLAIM, unit.tenant_id, lease_s)
    return Turn(**dict(row.items())) if row else None


async def is_under_way(unit: Unit, connection: str = "") -> bool:
    """Whether some process is comparing just now."""
    return bool(await unit.fetchval(UNDER_WAY, unit.tenant_id, connection))


async def renew(unit: Unit, turn: Turn, lease_s: float) -> set[str]:
    """Hold on to a turn that takes long; the entity when another has taken it over, else nothing."""
    return set() if await unit.fetchval(RENEW, *_place(unit, turn), lease_s) else {turn.entity}


async def ours_since(unit: Unit, turn: Turn, since: datetime) -> list[Ref]:
    """What we made there since then, by the delivery that made it."""
    rows = await unit.fetch(OURS, unit.tenant_id, turn.connection, turn.entity, since)
    return [Ref(**dict(row.items())) for row in rows]


async def known(unit: Unit, turn: Turn, ids: Collection[str]) -> dict[str, str]:
    """Those of the vendor's ids that we know, whenever we made them, and the number we know them by."""
    rows = await unit.fetch(KNOWN, unit.tenant_id, turn.connection, turn.entity, list(ids))
    return {row["external_id"]: row["number"] for row in rows}


async def keep(unit: Unit, turn: Turn, report: Report) -> bool:
    """Put a report in the place of the last one. False: another has taken the turn over; nothing is kept."""
    facts = (report.since, report.until, report.ours, report.theirs)
    if await unit.fetchval(KEEP, *_place(unit, turn), *facts) is None:
        return False
    rows = [("missing", ref.external_id, ref.number, ref.record, ref.delivery_id) for ref in report.missing]
    rows += [("unknown", made.id, made.number, "", "") for made in report.unknown]
    place = (unit.tenant_id, turn.connection, turn.entity)
    await unit.execute(FORGET, *place)
    if rows:
        await unit.execute(FOUND, *place, *(list(column) for column in zip(*rows, strict=True)))
    return True


async def miss(unit: Unit, turn: Turn, error: str) -> None:
    """It could not be compared: say why, and try again in an hour. The last report stays."""
    await unit.execute(MISS, *_place(unit, turn), error[:2000])


async def last_reports(unit: Unit, connection: str = "") -> list[Report]:
    """The last report of every entity that is compared, of one connection or of all."""
    reports = []
    for row in await unit.fetch(LAST, unit.tenant_id, connection):
        found = await unit.fetch(FINDINGS, unit.tenant_id, row["connection"], row["entity"])
        refs = [Ref(**{n: each[n] for n in Ref.__slots__}) for each in found if each["kind"] == "missing"]
        others = [Made(id=each["external_id"], number=each["number"]) for each in found if each["kind"] == "unknown"]
        reports.append(Report(**dict(row.items()), missing=refs, unknown=others))
    return reports


def _place(unit: Unit, turn: Turn) -> tuple[str, str, str, int]:
    return unit.tenant_id, turn.connection, turn.entity, turn.fence
