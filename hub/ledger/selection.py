"""Which deliveries a replay is for, and the walk over them: oldest first, a page at a time, in constant memory."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from hub.domain.delivery import State
from hub.domain.event import Event
from hub.domain.ids import id_at
from hub.sdk.exact import Json
from hub.sdk.home import Unit

PAGE = 100
"""Deliveries looked at in one statement, whether they are selected or not, so that none takes long."""

SLACK = timedelta(minutes=10)
"""How far a process's clock, from which ids are made, may be from PostgreSQL's, which dates deliveries."""

USUAL = (State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD)
"""What is selected when no state is named: what somebody gave up is only put back by its name."""

NEWEST = "SELECT coalesce(max(id), '') FROM deliveries WHERE tenant_id = $1"
READ_ONLY = "SET TRANSACTION READ ONLY"
# Ids begin with their time, so the primary key leads through a range of time.
END = """
SELECT coalesce(max(id), '') AS last, count(*) AS scanned FROM (SELECT id FROM deliveries
  WHERE tenant_id = $1 AND id > $2 AND id <= $3 ORDER BY id LIMIT $4) AS page
"""
SELECTED = """
SELECT d.id, d.flow, d.step, d.connection, d.action, d.mapping, d.lane, d.record, d.state, d.attempts, d.payload,
  d.override, d.result, d.error_code, d.error,
  d.event_id, e.connection AS source, e.type, e.subject, e.occurred_at, e.data
FROM deliveries d JOIN events e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
WHERE d.tenant_id = $1
"""
PAGED = f"""{SELECTED} AND d.id > $2 AND d.id <= $3 AND d.state = ANY($4::text[])
  AND ($5::timestamptz IS NULL OR d.created_at >= $5) AND ($6::timestamptz IS NULL OR d.created_at < $6)
  AND ($7 = '' OR d.flow = $7) AND ($8 = '' OR d.connection = $8) AND ($9 = '' OR d.record = $9)
  AND ($10 OR d.id = ANY($11::text[]))
  AND ($12 = '' OR strpos(lower(concat_ws(' ', d.id, d.record, e.subject, d.error_code, d.error, d.result, d.payload,
    e.data)), lower($12)) > 0)
ORDER BY d.id
"""


@dataclass(frozen=True, slots=True)
class Selection:
    """Deliveries recorded in [since, until) that have everything named here; what is empty does not narrow.

    Attributes:
        ids: nothing but these, in whatever state, unless states are named too.
        text: stands in the ids, the error, the result, the payload or the event, in any case.
        where: JMESPath over the candidate (see `Candidate.view`); not looked at by the ledger.
    """

    ids: tuple[str, ...] = ()
    since: datetime | None = None
    until: datetime | None = None
    states: tuple[State, ...] = ()
    flow: str = ""
    connection: str = ""
    record: str = ""
    text: str = ""
    where: str = ""

    def narrows(self) -> bool:
        """Whether anything is named at all."""
        return self != Selection()

    def as_json(self) -> dict[str, Json]:
        """What is named, as it is kept with a batch."""
        named = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: _plain(value) for name, value in named.items() if value}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Selection":
        """The selection that `as_json` wrote down."""
        times = {name: datetime.fromisoformat(kept[name]) for name in ("since", "until") if name in kept}
        many = {"ids": tuple(kept.get("ids", ())), "states": tuple(map(State, kept.get("states", ())))}
        return cls(**{**kept, **times, **many})


@dataclass(frozen=True, slots=True)
class Candidate:
    """A delivery that may be replayed, with its event. `payload`: what was sent last; `override`: a person's edit."""

    id: str
    flow: str
    step: int
    connection: str
    action: str
    mapping: str
    lane: str
    record: str
    state: State
    attempts: int
    payload: Json
    override: Json
    result: Json
    error_code: str
    error: str
    event: Event

    def view(self) -> dict[str, Json]:
        """What an expression sees: `data` of the event, `payload`, `result`, `error`, and its names."""
        names = ("id", "flow", "connection", "action", "record", "attempts", "payload", "result")
        return {
            **{name: getattr(self, name) for name in names},
            "state": self.state.value,
            "error": {"code": self.error_code, "message": self.error},
            "event": self.event.type,
            "subject": self.event.subject,
            "data": dict(self.event.data),
        }


@dataclass(frozen=True, slots=True)
class Page:
    """A step of the walk. `last`: where the next page begins, or "" at the end; `scanned`: how many were passed."""

    candidates: list[Candidate]
    last: str
    scanned: int


async def bounds(unit: Unit, selection: Selection) -> tuple[str, str]:
    """Where the walk begins (exclusive) and ends (inclusive); what is recorded from now on is not in it."""
    newest: str = await unit.fetchval(NEWEST, unit.tenant_id)
    if selection.ids:
        return min(selection.ids)[:-1], min(newest, max(selection.ids))
    after = id_at("dlv", selection.since - SLACK) if selection.since else ""
    return after, min(newest, f"{id_at('dlv', selection.until + SLACK)}g") if selection.until else newest


async def page(unit: Unit, selection: Selection, after: str, upto: str) -> Page:
    """The next page of the walk. The transaction can write nothing from here on; safe to repeat."""
    await unit.execute(READ_ONLY)
    end = await unit.fetchrow(END, unit.tenant_id, after, upto, PAGE)
    if end is None or not end["scanned"]:
        return Page([], "", 0)
    states = [state.value for state in selection.states or (State if selection.ids else USUAL)]
    names = (selection.since, selection.until, selection.flow, selection.connection, selection.record)
    rest = (not selection.ids, list(selection.ids), selection.text)
    rows = await unit.fetch(PAGED, unit.tenant_id, after, end["last"], states, *names, *rest)
    last = end["last"] if end["scanned"] == PAGE else ""
    return Page([_candidate(unit.tenant_id, row) for row in rows], last, end["scanned"])


async def candidate(unit: Unit, delivery_id: str) -> Candidate | None:
    """One delivery, in whatever state; None when unknown."""
    row = await unit.fetchrow(f"{SELECTED} AND d.id = $2", unit.tenant_id, delivery_id)
    return _candidate(unit.tenant_id, row) if row else None


def _candidate(tenant: str, row: Any) -> Candidate:
    event = Event(row["event_id"], tenant, row["source"], row["type"], row["subject"], row["occurred_at"], row["data"])
    kept = {field.name: row[field.name] for field in fields(Candidate) if field.name != "event"}
    return Candidate(**{**kept, "state": State(row["state"])}, event=event)


def _plain(value: Any) -> Json:
    return value.isoformat() if isinstance(value, datetime) else list(value) if isinstance(value, tuple) else value
