"""What the replay lab takes and gives over REST and the command line."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from hub.api.deliveries import MOST
from hub.api.lab import Previews, replayable
from hub.api.preview import Preview
from hub.domain.delivery import State
from hub.ledger.batches import Batch, Choice, report
from hub.ledger.selection import Selection
from hub.sdk.home import Unit

NAMES = {"since", "until", "flow", "connection", "record", "text", "where"}

Why = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Name = Annotated[str, StringConstraints(max_length=200)]


class Wanted(BaseModel):
    """Which deliveries; what is left out does not narrow. No `states`: waiting, uncertain, held and dead."""

    model_config = ConfigDict(extra="forbid")

    ids: Annotated[list[Name], Field(max_length=MOST)] = []
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    states: Annotated[list[State], Field(max_length=10)] = []
    flow: Name = ""
    connection: Name = ""
    record: Name = ""
    text: Name = ""
    where: Annotated[
        str,
        StringConstraints(max_length=2000),
        Field(description="JMESPath over {data, payload, result, error, state, …}, such as payload.amount > `100`"),
    ] = ""
    mapping: Annotated[Choice, Field(description="what it was planned with, or what its flow uses now")] = "pinned"

    def selection(self) -> Selection:
        """The same for the ledger."""
        return Selection(tuple(self.ids), states=tuple(self.states), **self.model_dump(include=NAMES))


class Ask(Wanted):
    """A page of a dry run."""

    cursor: Annotated[str, StringConstraints(max_length=100)] = ""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 50


class Order(Wanted):
    """A replay to run, and why."""

    why: Why


class Changed(BaseModel):
    """One field that would differ."""

    path: str
    change: Literal["added", "removed", "changed"]
    was: Any
    would_be: Any


class Would(BaseModel):
    """What would be sent for a delivery; `error` when nothing could be. `was`: what was sent last, null if nothing."""

    id: str
    state: State
    replayable: bool
    flow: str
    record: str
    connection: str
    action: str
    mapping_was: str
    mapping: str
    was: Any
    would_be: Any
    changes: list[Changed]
    error: dict[str, Any] | None


class DryRun(BaseModel):
    """A page of a dry run, oldest first; `next` is null at the end. A page may be short, or empty, before the end."""

    items: list[Would]
    next: str | None
    scanned: int
    unanswerable: int


class Failure(BaseModel):
    """Deliveries of a batch that failed alike; `example` is one of them."""

    state: str
    count: int
    example: str
    error: dict[str, Any]


class Replay(BaseModel):
    """A batch. `counts`: its deliveries by where they stand now, or stood when a later batch took them."""

    id: str
    kind: Literal["range", "edit"]
    state: Literal["running", "finished"]
    who: str
    why: str
    selection: dict[str, Any]
    mapping: Choice
    scanned: int
    unanswerable: int
    chosen: int
    refused: int
    created_at: datetime
    finished_at: datetime | None


class Report(Replay):
    """A batch with what became of it."""

    counts: dict[str, int]
    failures: list[Failure]


class Replays(BaseModel):
    """Batches, newest first; `next` is null on the last page."""

    items: list[Replay]
    next: str | None


class Item(BaseModel):
    """A delivery in a batch: where it stood, which mapping it had and got, and what became of it."""

    delivery: str
    flow: str
    record: str
    connection: str
    was: str
    state: str
    old_mapping: str
    new_mapping: str
    old_payload: Any
    new_payload: Any
    error: dict[str, Any] | None


class Items(BaseModel):
    """A batch's deliveries, oldest first; `next` is null on the last page."""

    items: list[Item]
    next: str | None


async def reported(unit: Unit, batch: Batch) -> dict[str, Any]:
    """A batch with what became of it, as JSON."""
    counts, failures = await report(unit, batch.id)
    told = [{**{n: f[n] for n in ("state", "count", "example")}, "error": _error(f)} for f in failures]
    return {**shown(batch), "counts": counts, "failures": told}


def shown(batch: Batch) -> dict[str, Any]:
    """A batch in a list, as JSON."""
    same = ("id", "kind", "who", "why", "mapping", "scanned", "unanswerable", "chosen", "refused")
    return {
        **{name: getattr(batch, name) for name in same},
        "state": "finished" if batch.finished_at else "running",
        "selection": dict(batch.selection),
        "created_at": batch.created_at.isoformat(),
        "finished_at": batch.finished_at.isoformat() if batch.finished_at else None,
    }


def item(row: Mapping[str, Any]) -> dict[str, Any]:
    """A delivery of a batch, as JSON."""
    same = ("flow", "record", "connection", "was", "state", "old_payload", "new_payload")
    names = {"delivery": row["delivery_id"], "old_mapping": row["old_pin"], "new_mapping": row["new_pin"]}
    return {**names, **{name: row[name] for name in same}, "error": _error(row)}


def previews(told: Previews) -> dict[str, Any]:
    """A page of a dry run, as JSON."""
    numbers = {"scanned": told.scanned, "unanswerable": told.unanswerable}
    return {"items": [_would(each) for each in told.items], "next": told.next or None, **numbers}


def _would(preview: Preview) -> dict[str, Any]:
    candidate = preview.candidate
    same = ("id", "flow", "record", "connection", "action")
    hint = {"zh": preview.hint.zh, "en": preview.hint.en}
    return {
        **{name: getattr(candidate, name) for name in same},
        "state": candidate.state.value,
        "replayable": replayable(candidate.state),
        "mapping_was": candidate.mapping,
        "mapping": preview.pin,
        "was": candidate.payload,
        "would_be": preview.payload,
        "changes": [asdict(change) for change in preview.changes],
        "error": {"code": "mapping", "message": preview.error, "hint": hint} if preview.error else None,
    }


def _error(row: Mapping[str, Any]) -> dict[str, Any] | None:
    if not (row["error_code"] or row["error"]):
        return None
    return {"code": row["error_code"], "message": row["error"], "hint": {"zh": row["hint_zh"], "en": row["hint_en"]}}
