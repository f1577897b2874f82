"""REST over reconciliation: the last reports, and having a connection compared now."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from hub import sdk
from hub.api.access import permit
from hub.api.deliveries import REFUSALS, clean
from hub.api.exact import Exact
from hub.ledger.database import Database
from hub.ledger.reconcile import Report, last_reports

Ask = Callable[[str, str], Awaitable[int]]
"""(tenant, connection or "" for all) → how many comparisons are due now."""

Name = Annotated[str, Query(max_length=200)]

NOTHING = sdk.Text(
    "检查连接名；只有声明了对账读法的连接器才能对账。",
    "Check the connection's name; only connectors that declare a lister are reconciled.",
)
REPAIR = sdk.Text(
    "缺的：hub deliveries force 编号 --why 原因，由第二个人确认后重发；多的：在对方核对。",
    "Missing: `hub deliveries force ID --why …`, a second person confirms. Unknown: look at it there.",
)


class Missing(BaseModel):
    """What our delivery made for a record of ours, and is not there any more."""

    external_id: str
    number: str
    record: str
    delivery_id: str


class Compared(BaseModel):
    """The last report of an entity; `theirs` and `unknown` are null where the vendor cannot list."""

    connection: str
    entity: str
    since: datetime | None
    until: datetime | None
    ended_at: datetime | None
    ours: int
    theirs: int | None
    missing: list[Missing]
    unknown: list[sdk.Made] | None
    error: str
    hint: dict[str, str] | None


class Reports(BaseModel):
    """The last reports by connection and entity."""

    items: list[Compared]


class Due(BaseModel):
    """How many comparisons a worker will make now."""

    due: int


def router(database: Database, ask: Ask) -> APIRouter:
    """/reconciliations. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/reconciliations", tags=["reconciliations"], responses=REFUSALS)

    @routes.get("", responses={200: {"model": Reports}})
    async def list_reports(request: Request, connection: Name = "") -> Response:
        """The last reports. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        async with database.unit(who.tenant_id) as unit:
            return Exact({"items": [shown(each) for each in await last_reports(unit, clean(connection))]})

    @routes.post("", responses={202: {"model": Due}}, status_code=202)
    async def reconcile(request: Request, connection: Name = "") -> Response:
        """Have a connection compared now, or all; a worker does it. Needs deliveries:replay. Twice is once."""
        who = permit(request, "deliveries:replay")
        due = await ask(who.tenant_id, clean(connection))
        if not due:
            raise sdk.Problem(404, "nothing-to-reconcile", "nothing to compare there", hint=NOTHING)
        return Exact({"due": due}, 202)

    return routes


def shown(report: Report) -> dict[str, Any]:
    """A report as JSON."""
    times = {name: _iso(getattr(report, name)) for name in ("since", "until", "ended_at")}
    same = {name: getattr(report, name) for name in ("connection", "entity", "ours", "theirs", "error")}
    unknown = None if report.theirs is None else [made.model_dump() for made in report.unknown]
    wrong = bool(report.missing or report.unknown)
    hint = {"zh": REPAIR.zh, "en": REPAIR.en} if wrong else None
    return {**same, **times, "missing": [asdict(ref) for ref in report.missing], "unknown": unknown, "hint": hint}


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
