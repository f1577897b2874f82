"""REST over source streams: what they look like, where they drifted, what becomes of that, and the release."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, ConfigDict

from hub import sdk
from hub.api.access import permit
from hub.api.deliveries import REFUSALS, clean
from hub.api.exact import Exact, ExactRoute
from hub.api.lab import Lab
from hub.api.replay_shapes import Report, Why, reported
from hub.drift import Reading, release, unknown
from hub.ledger import batches, streams
from hub.ledger.database import Database
from hub.ledger.streams import Drift, Failing, Policy, Stream

BUDGET_S = 2.0
"""How long one request goes on with a replay; what is left is gone on with by /replays/{id}/continue."""

Name = Annotated[str, Path(max_length=200)]


class Drifted(BaseModel):
    """A way in which a stream changed; `mappings`: those of today's flows that read the place."""

    id: str
    connection: str
    type: str
    what: str
    path: str
    was: str
    now: str
    event: str
    mappings: list[str]
    seen: int
    since: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str


class Poll(BaseModel):
    """A poll that fails: how often in a row, why, and when it last went well."""

    failures: int
    error: str
    went_well_at: datetime | None


class Known(BaseModel):
    """A stream; `events`: how many were read. `drifts`: those that nobody has acknowledged.

    `poll`: while the poll that it comes by fails, else null.
    """

    connection: str
    type: str
    policy: Policy
    events: int
    since: datetime | None
    drifts: list[Drifted]
    poll: Poll | None


class Streams(BaseModel):
    """All streams."""

    items: list[Known]


class Whole(Known):
    """A stream with its shape, its newest drifts, acknowledged ones too, and how many deliveries are held for them."""

    shape: dict[str, Any]
    held: int


class Strict(BaseModel):
    """A body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Chosen(Strict):
    """What becomes of deliveries whose event drifted."""

    policy: Policy


class Order(Strict):
    """A release. `as_it_is`: although mappings still read what is gone."""

    why: Why
    as_it_is: bool = False


class Released(BaseModel):
    """What was acknowledged, and the replay of what was held; null when nothing was."""

    acknowledged: list[Drifted]
    held: int
    replay: Report | None


def router(database: Database, lab: Lab, reading: Reading) -> APIRouter:
    """/streams. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/streams", tags=["streams"], responses=REFUSALS, route_class=ExactRoute)

    @routes.get("", responses={200: {"model": Streams}})
    async def list_streams(request: Request) -> Response:
        """All streams with their open drifts, and with the polls that fail. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        async with database.unit(who.tenant_id) as unit:
            return Exact({"items": await listed(unit)})

    @routes.get("/{connection}/{kind}", responses={200: {"model": Whole}})
    async def show_stream(request: Request, connection: Name, kind: Name) -> Response:
        """One stream whole. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        async with database.unit(who.tenant_id) as unit:
            return Exact(await whole(unit, clean(connection), clean(kind)))

    @routes.put("/{connection}/{kind}/policy", responses={200: {"model": Whole}})
    async def choose(request: Request, connection: Name, kind: Name, chosen: Chosen) -> Response:
        """Accept, hold or quarantine what drifts; within five seconds in every worker. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        async with database.unit(who.tenant_id) as unit:
            await whole(unit, clean(connection), clean(kind))
            await streams.set_policy(unit, connection, kind, chosen.policy)
            return Exact(await whole(unit, connection, kind))

    @routes.post("/{connection}/{kind}/release", responses={202: {"model": Released}}, status_code=202)
    async def let_go(request: Request, connection: Name, kind: Name, order: Order) -> Response:
        """Acknowledge what drifted and replay what was held, with today's mappings. Needs deliveries:replay.

        Safe to repeat: what is released already is not there to be released.
        """
        who = permit(request, "deliveries:replay")
        place, replay_id = (clean(connection), clean(kind)), None
        async with database.unit(who.tenant_id) as unit:
            let = await release(unit, reading, place, who.key_id, order.as_it_is)
            if let.selection:
                replay_id = await lab.begin(unit, who.key_id, order.why, let.selection, "current")
        told: dict[str, Any] = {"acknowledged": [shown(each) for each in let.drifts], "held": let.held, "replay": None}
        if replay_id:
            await lab.run(who.tenant_id, replay_id, BUDGET_S)
            async with database.unit(who.tenant_id) as unit:
                batch = await batches.find_batch(unit, replay_id)
                told["replay"] = await reported(unit, batch) if batch else None
        return Exact(told, 202)

    return routes


async def listed(unit: sdk.Unit) -> list[dict[str, Any]]:
    """All streams with their open drifts, and those that a poll should bring and does not, as JSON."""
    drifts, failing = await streams.open_drifts(unit), await streams.failing(unit)
    known = {(each.connection, each.type): each for each in await streams.everyone(unit)}
    known = {(each.connection, each.type): Stream(each.connection, each.type) for each in failing} | known
    return [
        _known(each, [d for d in drifts if (d.connection, d.type) == place], failing)
        for place, each in sorted(known.items())
    ]


async def whole(unit: sdk.Unit, connection: str, kind: str) -> dict[str, Any]:
    """One stream whole, as JSON. Raises Problem 404."""
    stream = await streams.find(unit, connection, kind)
    if stream is None:
        raise unknown(connection, kind)
    held, _ = await streams.held(unit, connection, kind)
    drifts = await streams.drifts_of(unit, connection, kind)
    return {**_known(stream, drifts, await streams.failing(unit)), "shape": stream.shape, "held": held}


def shown(drift: Drift) -> dict[str, Any]:
    """A drift as JSON."""
    same = ("id", "connection", "type", "what", "path", "was", "now", "seen", "acknowledged_by")
    return {
        **{name: getattr(drift, name) for name in same},
        "event": drift.event_id,
        "mappings": list(drift.mappings),
        "since": drift.since.isoformat(),
        "acknowledged_at": drift.acknowledged_at.isoformat() if drift.acknowledged_at else None,
    }


def _known(stream: Stream, drifts: list[Drift], failing: list[Failing]) -> dict[str, Any]:
    polls = (_poll(each) for each in failing if (each.connection, each.type) == (stream.connection, stream.type))
    return {
        **{name: getattr(stream, name) for name in ("connection", "type", "policy")},
        "events": stream.count,
        "since": stream.since.isoformat() if stream.since else None,
        "drifts": [shown(each) for each in drifts],
        "poll": next(polls, None),
    }


def _poll(failing: Failing) -> dict[str, Any]:
    at = failing.went_well_at.isoformat() if failing.went_well_at else None
    return {"failures": failing.failures, "error": failing.error, "went_well_at": at}
