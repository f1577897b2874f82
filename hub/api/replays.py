"""REST over replays: a dry run, a recorded batch, its report and its deliveries."""

import re
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response

from hub import sdk
from hub.api.access import permit
from hub.api.deliveries import BAD_CURSOR, MOST, REFUSALS, clean
from hub.api.exact import Exact, ExactRoute
from hub.api.lab import Lab
from hub.api.replay_shapes import Ask, DryRun, Items, Order, Replays, Report, item, previews, reported, shown
from hub.ledger import batches
from hub.ledger.database import Database
from hub.ledger.keys import once

BUDGET_S = 10.0
"""How long one request goes on; what is left is gone on with by the next."""

UNKNOWN = sdk.Text("检查重放编号，或用 hub replays list 查看。", "Check the replay's id; see `hub replays list`.")

Key = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=255,
        description="a repeat gets the same batch / 重复提交得到同一批",
    ),
]


def router(database: Database, lab: Lab) -> APIRouter:
    """/replays. The caller must be in `request.state.principal` already."""
    routes = APIRouter(prefix="/replays", tags=["replays"], responses=REFUSALS, route_class=ExactRoute)

    @routes.post("/dry-run", responses={200: {"model": DryRun}})
    async def dry_run(request: Request, ask: Ask) -> Response:
        """What a replay would send, and how that differs from what was. Writes nothing. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        after = after_id(ask.cursor, "dlv")
        told = await lab.dry_run(who.tenant_id, ask.selection(), ask.mapping, after, ask.limit, BUDGET_S)
        return Exact(previews(told))

    @routes.post("", responses={202: {"model": Report}}, status_code=202)
    async def run(request: Request, order: Order, key: Key = None) -> Response:
        """Make every selected delivery due again, as a batch. Needs deliveries:replay.

        A large batch is still `running` in the answer: go on with it. The same Idempotency-Key gives the same batch.
        """
        who = permit(request, "deliveries:replay")

        async def begin(unit: sdk.Unit) -> tuple[int, sdk.Json]:
            begun = await lab.begin(unit, who.key_id, order.why, order.selection(), order.mapping)
            return 202, begun

        mark = sha256(f"{request.method} {request.url.path} ".encode() + await request.body()).hexdigest()
        async with database.unit(who.tenant_id) as unit:
            _, replay_id = await once(unit, key or "", mark, begin)
        return await went_on(who.tenant_id, replay_id)

    @routes.post("/{replay_id}/continue", responses={202: {"model": Report}}, status_code=202)
    async def go_on(request: Request, replay_id: str) -> Response:
        """Go on with a batch that is still running; nothing is done twice. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        await whole(who.tenant_id, clean(replay_id))
        return await went_on(who.tenant_id, replay_id)

    @routes.get("", responses={200: {"model": Replays}})
    async def list_replays(
        request: Request,
        cursor: Annotated[str, Query(max_length=100)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> Response:
        """Batches, newest first. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        before = after_id(cursor, "rpl")
        async with database.unit(who.tenant_id) as unit:
            found = await batches.newest_batches(unit, before, limit)
        return Exact({"items": [shown(b) for b in found], "next": found[-1].id if len(found) == limit else None})

    @routes.get("/{replay_id}", responses={200: {"model": Report}})
    async def show_replay(request: Request, replay_id: str) -> Response:
        """A batch and what became of it. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        return Exact(await whole(who.tenant_id, clean(replay_id)))

    @routes.get("/{replay_id}/deliveries", responses={200: {"model": Items}})
    async def list_items(
        request: Request,
        replay_id: str,
        cursor: Annotated[str, Query(max_length=100)] = "",
        limit: Annotated[int, Query(ge=1, le=MOST)] = 50,
    ) -> Response:
        """A batch's deliveries, oldest first. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        after = after_id(cursor, "dlv")
        await whole(who.tenant_id, clean(replay_id))
        async with database.unit(who.tenant_id) as unit:
            found = await batches.deliveries_of(unit, replay_id, after, limit)
        last = found[-1]["delivery_id"] if len(found) == limit else None
        return Exact({"items": [item(row) for row in found], "next": last})

    async def went_on(tenant: str, replay_id: str) -> Response:
        await lab.run(tenant, replay_id, BUDGET_S)
        return Exact(await whole(tenant, replay_id), 202)

    async def whole(tenant: str, replay_id: str) -> dict[str, Any]:
        async with database.unit(tenant) as unit:
            batch = await batches.find_batch(unit, replay_id)
            if batch is None:
                raise sdk.Problem(404, "replay-not-found", "no such replay", hint=UNKNOWN)
            return await reported(unit, batch)

    return routes


def after_id(cursor: str, prefix: str) -> str:
    """The id a cursor stands for, or "" for none; Problem 422 for one that is not of this list."""
    if cursor and not re.fullmatch(f"{prefix}_[0-9a-f]{{28}}", cursor):
        raise sdk.Problem(422, "cursor-unknown", "not a cursor of ours", hint=BAD_CURSOR, fields={"cursor": "unknown"})
    return cursor
