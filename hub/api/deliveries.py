"""REST over deliveries: list, look, cancel."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from hub import sdk
from hub.api.access import permit
from hub.api.exact import Exact
from hub.domain.delivery import State
from hub.ledger.database import Database
from hub.ledger.queries import Listed, Wanted, Whole, newest, state_of, whole
from hub.ledger.replay import cancel

MOST = 200

UNKNOWN = sdk.Text("检查交付编号。", "Check the delivery's id.")
NOT_CANCELLABLE = sdk.Text(
    "只有还没完成、且不在发送中的交付可以放弃。", "Only what is neither done nor under way can be cancelled."
)
BAD_CURSOR = sdk.Text("用上一页回答里的 next。", "Use `next` from the page before.")


class Problem(BaseModel):
    """A refusal (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    hint: dict[str, str]
    errors: list[dict[str, str]]


class Moved(BaseModel):
    """Where a delivery now stands."""

    id: str
    state: State


class Row(BaseModel):
    """A delivery in a list; `ms` is how long its last finished attempt took."""

    id: str
    state: State
    flow: str
    step: int
    event: str
    source: str
    subject: str
    record: str
    action: str
    connection: str
    mapping: str
    attempts: int
    replays: int
    ms: int | None
    error: dict[str, Any] | None
    result: Any
    due_at: datetime
    created_at: datetime
    updated_at: datetime


class Page(BaseModel):
    """Deliveries, newest first; `next` is null on the last page."""

    items: list[Row]
    next: str | None


class Detail(Row):
    """A delivery with its event, payload, attempts and the refs of its record."""

    line: dict[str, Any]


REFUSALS: dict[int | str, dict[str, Any]] = {s: {"model": Problem} for s in (401, 403, 404, 409, 422, 503)}


def router(database: Database) -> APIRouter:
    """/deliveries. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/deliveries", tags=["deliveries"], responses=REFUSALS)

    @routes.get("", responses={200: {"model": Page}})
    async def list_deliveries(
        request: Request,
        state: Annotated[list[State] | None, Query(max_length=10)] = None,
        flow: Annotated[str, Query(max_length=200)] = "",
        record: Annotated[str, Query(max_length=200)] = "",
        connection: Annotated[str, Query(max_length=200)] = "",
        cursor: Annotated[str, Query(max_length=20)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> Response:
        """Deliveries, newest first. Needs deliveries:read."""
        principal = permit(request, "deliveries:read")
        wanted = Wanted(
            states=state or (),
            flow=clean(flow),
            record=clean(record),
            connection=clean(connection),
            before=_before(cursor),
            limit=limit,
        )
        async with database.unit(principal.tenant_id) as unit:
            found = await newest(unit, wanted)
        more = str(found[-1].seq) if len(found) == limit else None
        return Exact({"items": [row(each) for each in found], "next": more})

    @routes.get("/{delivery_id}", responses={200: {"model": Detail}})
    async def show_delivery(request: Request, delivery_id: str) -> Response:
        """One delivery, whole. Needs deliveries:read."""
        principal = permit(request, "deliveries:read")
        async with database.unit(principal.tenant_id) as unit:
            found = await whole(unit, clean(delivery_id))
        if found is None:
            raise _unknown()
        return Exact(detail(found))

    @routes.post("/{delivery_id}/cancel", responses={202: {"model": Moved}}, status_code=202)
    async def cancel_delivery(request: Request, delivery_id: str) -> Response:
        """Give it up, so that its lane goes on. Needs deliveries:replay. Twice is once."""
        principal = permit(request, "deliveries:replay")
        async with database.unit(principal.tenant_id) as unit:
            await cancel(unit, clean(delivery_id))
            state = await state_of(unit, clean(delivery_id))
        if state is None:
            raise _unknown()
        if state != State.CANCELLED:
            raise sdk.Problem(409, "not-in-this-state", f"the delivery is {state}", hint=NOT_CANCELLABLE)
        return Exact({"id": delivery_id, "state": state}, 202)

    return routes


def row(listed: Listed) -> dict[str, Any]:
    """A delivery as the list tells it."""
    error = {
        "code": listed.error_code,
        "message": listed.error,
        "hint": {"zh": listed.hint_zh, "en": listed.hint_en},
    }
    same = ("id", "state", "flow", "step", "source", "subject", "record", "action", "connection", "mapping")
    return {
        **{name: getattr(listed, name) for name in (*same, "attempts", "replays", "ms", "result")},
        **{name: getattr(listed, name).isoformat() for name in ("due_at", "created_at", "updated_at")},
        "event": listed.event_type,
        "error": error if listed.error_code or listed.error else None,
    }


def detail(found: Whole) -> dict[str, Any]:
    """A delivery with all that stands on its straight line."""
    event = {
        "id": found.event_id,
        "type": found.listed.event_type,
        "connection": found.listed.source,
        "subject": found.listed.subject,
        "occurred_at": found.occurred_at.isoformat(),
        "recorded_at": found.recorded_at.isoformat(),
        "caused_by": found.caused_by,
        "data": found.data,
    }
    attempts = [{name: _plain(value) for name, value in attempt.items()} for attempt in found.attempts]
    line = {"event": event, "lane": found.lane, "behind": found.behind, "payload": found.payload}
    line |= {"attempts": attempts, "refs": found.refs}
    return {**row(found.listed), "line": line}


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def _unknown() -> sdk.Problem:
    return sdk.Problem(404, "delivery-not-found", "no such delivery", hint=UNKNOWN)


def clean(text: str) -> str:
    """Text PostgreSQL can compare; a NUL is in no id."""
    return text.replace("\x00", "�")


def _before(cursor: str) -> int | None:
    if not cursor:
        return None
    if not (cursor.isascii() and cursor.isdigit() and int(cursor) < 2**63):
        raise sdk.Problem(422, "cursor-unknown", "not a cursor of ours", hint=BAD_CURSOR, fields={"cursor": "unknown"})
    return int(cursor)
