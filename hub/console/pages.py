"""The console's routes: sign in, the sync log, one delivery with its straight line, replay and give up."""

import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlencode

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse
from fastapi.routing import APIRoute

from hub import sdk
from hub.console import view
from hub.console.screen import Screen
from hub.console.session import COOKIE, LASTS_S, PLACE, Sessions, is_own_form, keep
from hub.domain.delivery import State
from hub.ledger.database import Database, LedgerUnit, Unavailable
from hub.ledger.keys import check_key, tenant_of
from hub.ledger.queries import Wanted, held, newest, state_of, whole
from hub.ledger.replay import cancel, replay

ROWS = 50
LOG = f"{PLACE}/deliveries"
OWN_PAGE = re.compile(r"/console/deliveries[A-Za-z0-9_/?=&.%~+-]{0,500}")
SAID = {"replayed", "cancelled", "unchanged"}
FILTERS = ("state", "flow", "record")


class Turn(Exception):
    """Not this page but another answer."""

    def __init__(self, answer: Response) -> None:
        super().__init__()
        self.answer = answer


def router(database: Database, secret_key: str, flows: Mapping[str, sdk.Text]) -> APIRouter:
    """/console. `secret_key` is HUB_SECRET_KEY; `flows` gives each flow's title."""
    desk = Desk(database, Sessions(secret_key), Screen(flows))
    routes = APIRouter(prefix=PLACE, include_in_schema=False, route_class=_route_class(desk))
    routes.add_api_route("", desk.home, methods=["GET"])
    routes.add_api_route("/login", desk.ask_key, methods=["GET"])
    routes.add_api_route("/login", desk.sign_in, methods=["POST"])
    routes.add_api_route("/logout", desk.sign_out, methods=["POST"])
    routes.add_api_route("/deliveries", desk.log, methods=["GET"])
    routes.add_api_route("/deliveries/{delivery_id}", desk.delivery, methods=["GET"])
    routes.add_api_route("/deliveries/{delivery_id}/replay", desk.replay, methods=["POST"])
    routes.add_api_route("/deliveries/{delivery_id}/cancel", desk.cancel, methods=["POST"])
    routes.add_api_route("/static/{name}", desk.static, methods=["GET"])
    return routes


def _route_class(desk: "Desk") -> type[APIRoute]:
    class PageRoute(APIRoute):
        """A route whose errors are pages too."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            inner = super().get_route_handler()

            async def handle(request: Request) -> Response:
                try:
                    return await inner(request)
                except Turn as turn:
                    return turn.answer
                except Unavailable:
                    answer = desk.trouble(request, 503, "away")
                    answer.headers["retry-after"] = "5"
                    return answer

            return handle

    return PageRoute


class Desk:
    """What every page needs: the ledger, who sits there, how to draw."""

    def __init__(self, database: Database, sessions: Sessions, screen: Screen) -> None:
        self._database = database
        self._sessions = sessions
        self._screen = screen

    def trouble(self, request: Request, status: int, what: str, **values: str) -> Response:
        """A page that says what is wrong and what to do."""
        return self._screen.draw(request, "trouble.html", status, what=what, values=values)

    async def static(self, request: Request, name: str) -> Response:
        return self._screen.file(name) or self.trouble(request, 404, "missing")

    async def home(self) -> Response:
        return RedirectResponse(LOG, 303)

    async def ask_key(self, request: Request) -> Response:
        ended = bool(request.cookies.get(COOKIE)) and not self._sessions.of(request)
        return self._login(request, 200, "ended" if ended else "")

    async def sign_in(self, request: Request) -> Response:
        """Check the pasted key and seal it into the cookie."""
        self._refuse_foreign(request)
        form = parse_qs((await request.body()).decode("utf-8", "replace"))
        text = form.get("key", [""])[0].strip()
        async with self._database.unit(tenant_of(text)) as unit:
            who = await check_key(unit, text)
        if who is None:
            return self._login(request, 401, "wrong")
        wanted = request.query_params.get("next", "")
        answer = RedirectResponse(wanted if OWN_PAGE.fullmatch(wanted) else LOG, 303)
        keep(answer, request, COOKIE, self._sessions.seal(text, secrets.token_bytes(12), time.time()), LASTS_S)
        return answer

    async def sign_out(self, request: Request) -> Response:
        self._refuse_foreign(request)
        answer = RedirectResponse(f"{PLACE}/login", 303)
        answer.delete_cookie(COOKIE, path=PLACE)
        return answer

    async def log(self, request: Request) -> Response:
        """The sync log; filters and place live in the address."""
        chosen = {name: request.query_params.get(name, "").strip().replace("\x00", "�")[:200] for name in FILTERS}
        before = _number(request.query_params.get("before", ""))
        wanted = Wanted(_states(chosen["state"]), chosen["flow"], chosen["record"], before=before, limit=ROWS + 1)
        async with self._unit(request, "deliveries:read") as (unit, who):
            found = await newest(unit, wanted)
            waiting = await held(unit)
        kept = {name: value for name, value in chosen.items() if value}
        older = f"?{urlencode({**kept, 'before': found[ROWS - 1].seq})}" if len(found) > ROWS else ""
        page: dict[str, Any] = {"rows": found[:ROWS], "held": waiting, "older": older, "first": before is None}
        page |= {"chosen": chosen, "kept": urlencode(kept), "flows": self._screen.flows, "states": list(State)}
        return self._screen.draw(request, "log.html", who=who, **page)

    async def delivery(self, request: Request, delivery_id: str) -> Response:
        """One delivery: event, payload, attempts, refs."""
        async with self._unit(request, "deliveries:read") as (unit, who):
            found = await whole(unit, delivery_id.replace("\x00", "�"))
        if found is None:
            return self.trouble(request, 404, "missing")
        may = "deliveries:replay" in who.scopes
        state = State(found.listed.state)
        said = request.query_params.get("said", "")
        return self._screen.draw(
            request,
            "delivery.html",
            who=who,
            d=found.listed,
            whole=found,
            said=said if said in SAID else "",
            replayable=may and state in view.REPLAYABLE,
            cancellable=may and state in view.CANCELLABLE,
        )

    async def replay(self, request: Request, delivery_id: str) -> Response:
        return await self._move(request, delivery_id, replay, "replayed")

    async def cancel(self, request: Request, delivery_id: str) -> Response:
        return await self._move(request, delivery_id, cancel, "cancelled")

    async def _move(
        self, request: Request, delivery_id: str, move: Callable[[LedgerUnit, str], Awaitable[str | None]], good: str
    ) -> Response:
        """Move a delivery and show it again."""
        self._refuse_foreign(request)
        ident = delivery_id.replace("\x00", "�")
        async with self._unit(request, "deliveries:replay") as (unit, _who):
            woken = await move(unit, ident)
            known = await state_of(unit, ident)
        if known is None:
            return self.trouble(request, 404, "missing")
        return RedirectResponse(f"{LOG}/{ident}?said={good if woken else 'unchanged'}", 303)

    @asynccontextmanager
    async def _unit(self, request: Request, scope: str) -> AsyncIterator[tuple[LedgerUnit, sdk.Principal]]:
        """A unit of work of the person signed in, who must hold the scope; else the login page or a refusal."""
        text = self._sessions.of(request)
        async with self._database.unit(tenant_of(text)) as unit:
            who = await check_key(unit, text)
            if who is None:
                here = str(request.url.path) + (f"?{request.url.query}" if request.url.query else "")
                wanted = here if request.method == "GET" else LOG
                raise Turn(RedirectResponse(f"{PLACE}/login?{urlencode({'next': wanted})}", 303))
            if scope not in who.scopes:
                raise Turn(self.trouble(request, 403, "forbidden", scope=scope))
            yield unit, who

    def _login(self, request: Request, status: int, said: str) -> Response:
        wanted = request.query_params.get("next", "")
        kept = urlencode({"next": wanted}) if OWN_PAGE.fullmatch(wanted) else ""
        return self._screen.draw(request, "login.html", status, said=said, kept=kept)

    def _refuse_foreign(self, request: Request) -> None:
        if not is_own_form(request):
            raise Turn(self.trouble(request, 403, "foreign"))


def _states(chosen: str) -> tuple[str, ...]:
    if chosen == "trouble":
        return view.TROUBLE
    return (chosen,) if chosen in set(State) else ()


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
