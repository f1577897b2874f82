"""REST over what a person decides about one delivery: replay, edit and send, answer a doubt, force a new effect."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub import sdk
from hub.api.access import permit
from hub.api.deliveries import REFUSALS, Moved, clean
from hub.api.exact import Exact, ExactRoute
from hub.api.lab import MENDED, Lab
from hub.api.replay_shapes import Report, Why, reported
from hub.domain.errors import MappingError
from hub.ledger import batches, forces
from hub.ledger.batches import Choice
from hub.ledger.database import Database
from hub.ledger.forces import Force

NOTHING_ASKED = sdk.Text("没有待确认的申请。", "Nothing waits to be confirmed.")


class Strict(BaseModel):
    """A body; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Again(Strict):
    """With which mapping; what is sent with `current` is a recorded batch of one, and `why` is kept with it."""

    mapping: Annotated[Choice, Field(description="what it was planned with, or what its flow uses now")] = "pinned"
    why: Why = MENDED


class Replayed(Moved):
    """The delivery is due now, with this mapping."""

    mapping: str


class Edit(Strict):
    """A payload to send instead of what the mapping makes."""

    payload: dict[str, Any]
    why: Why


class Answer(Strict):
    """Whether it is there. `external_id` and `number`: what it is called there, where somebody needs to know."""

    there: bool
    external_id: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    number: Annotated[str, StringConstraints(strip_whitespace=True, max_length=200)] = ""
    why: Why


class Reason(Strict):
    """Why a new effect is wanted."""

    why: Why


class Asked(BaseModel):
    """A new effect that waits for a second person until `until`."""

    id: str
    delivery: str
    asked_by: str
    asked_at: datetime
    until: datetime
    why: str


class Forced(Moved):
    """The delivery is due now, under the key of this effect."""

    effect_no: int


def router(database: Database, lab: Lab) -> APIRouter:
    """More of /deliveries. The caller must be in `request.state.principal` already."""
    routes = APIRouter(
        prefix="/deliveries/{delivery_id}", tags=["deliveries"], responses=REFUSALS, route_class=ExactRoute
    )

    @routes.post("/replay", responses={202: {"model": Replayed}}, status_code=202)
    async def replay_delivery(request: Request, delivery_id: str, asked: Again | None = None) -> Response:
        """Make it due now, under the same idempotency key; twice is once. Needs deliveries:replay.

        Without a body it goes with the mapping that it was planned with.
        """
        who, asked = permit(request, "deliveries:replay"), asked or Again()
        try:
            now = await lab.again(who.tenant_id, (who.key_id, asked.why), clean(delivery_id), asked.mapping)
        except MappingError as error:
            raise sdk.Problem(409, "mapping", error.message, hint=error.hint) from error
        return Exact({"id": delivery_id, "state": now.state, "mapping": now.mapping}, 202)

    @routes.post("/edit", responses={202: {"model": Report}}, status_code=202)
    async def edit_delivery(request: Request, delivery_id: str, edit: Edit) -> Response:
        """Send this payload instead, under the same key; a recorded batch of one. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        replay_id = await lab.edit(who.tenant_id, who.key_id, edit.why, clean(delivery_id), edit.payload)
        async with database.unit(who.tenant_id) as unit:
            batch = await batches.find_batch(unit, replay_id)
            return Exact(await reported(unit, batch) if batch else {}, 202)

    @routes.post("/answer", responses={202: {"model": Moved}}, status_code=202)
    async def answer_delivery(request: Request, delivery_id: str, answer: Answer) -> Response:
        """Say of an uncertain delivery whether it is there: it is done, or sent again. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        made = sdk.Made(id=answer.external_id, number=answer.number) if answer.external_id else None
        async with database.unit(who.tenant_id) as unit:
            state = await lab.answer(unit, clean(delivery_id), answer.there, made, (who.key_id, answer.why))
        return Exact({"id": delivery_id, "state": state}, 202)

    @routes.get("/force", responses={200: {"model": Asked}})
    async def show_force(request: Request, delivery_id: str) -> Response:
        """The new effect somebody asked for, before it is confirmed. Needs deliveries:read."""
        who = permit(request, "deliveries:read")
        async with database.unit(who.tenant_id) as unit:
            asked = await forces.open_force(unit, clean(delivery_id))
        if asked is None:
            raise sdk.Problem(404, "not-asked", "no new effect is asked for", hint=NOTHING_ASKED)
        return Exact(told(asked))

    @routes.post("/force", responses={202: {"model": Asked}}, status_code=202)
    async def ask_force(request: Request, delivery_id: str, reason: Reason) -> Response:
        """Ask for a new effect under a new key, of a done delivery too. Twice is once. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        async with database.unit(who.tenant_id) as unit:
            return Exact(told(await forces.ask(unit, clean(delivery_id), who.key_id, reason.why)), 202)

    @routes.post("/force/confirm", responses={202: {"model": Forced}}, status_code=202)
    async def confirm_force(request: Request, delivery_id: str) -> Response:
        """Confirm what another person asked for within 24 hours. Needs deliveries:replay."""
        who = permit(request, "deliveries:replay")
        async with database.unit(who.tenant_id) as unit:
            number = await forces.confirm(unit, clean(delivery_id), who.key_id)
        return Exact({"id": delivery_id, "state": "pending", "effect_no": number}, 202)

    return routes


def told(asked: Force) -> dict[str, Any]:
    """What is asked for, as JSON."""
    times = {"asked_at": asked.asked_at.isoformat(), "until": asked.until.isoformat()}
    return {"id": asked.id, "delivery": asked.delivery_id, "asked_by": asked.asked_by, "why": asked.why, **times}
