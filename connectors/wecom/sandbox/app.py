"""The fake WeCom: token, app card, customers, app messages, encrypted callbacks with retries, and the archive.

Options: `token_s` (7200); `retry_ms` (1000) between pushes; `check_ms` (1000) for the address check; `page` (500)
followers told at once; `archive` see archive.py.
People at their screens: POST /_sandbox/callback {url}; /_sandbox/add_customer {name, user_id, remark, corp_name,
mobile, tags, state, external_user_id, half}; /_sandbox/edit_customer {external_user_id, user_id, remark, corp_name};
/_sandbox/part {external_user_id, user_id, by: member | customer}; /_sandbox/agree {external_user_id, user_id};
/_sandbox/end_tokens {code: 42001 | 40014}; GET /_sandbox/messages.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any
from uuid import uuid4

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.wecom.sandbox.archive import SECRET as ARCHIVE_SECRET
from connectors.wecom.sandbox.archive import Archive, add_archive
from connectors.wecom.sandbox.messenger import Messenger, archive_news, change
from connectors.wecom.sandbox.office import AGENT, AGENT_NAME, Json, Office, RefusedError
from connectors.wecom.sandbox.seal import Seal
from hub import sdk

CORP, APP_SECRET = "wwlianshu0123456ab", "sandbox-app-secret-5f0c9e2d71"
SEAL = Seal("lianshuToken2026", "c2FuZGJveC1hZXMta2V5LWZvci1saWFuc2h1LTMyYnl", CORP)
Serve = Callable[[Request], Awaitable[Response]]


class Server:
    """One corp's WeCom."""

    def __init__(self, kit: sdk.SandboxKit, archive: Archive | None) -> None:
        self._kit = kit
        self._archive = archive
        self._token_s = int(kit.options.get("token_s", "7200"))
        self._tokens: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.office = Office(int(kit.options.get("page", "500")))
        pause, check = (int(kit.options.get(name, "1000")) / 1000 for name in ("retry_ms", "check_ms"))
        self.messenger = Messenger(SEAL, kit, AGENT, pause, check)

    async def token(self, request: Request) -> Response:
        """GET gettoken: the same token until it expires; the archive's secret has a token of its own."""
        query = request.query_params
        if query.get("corpid") != CORP:
            raise RefusedError(40013, "invalid corpid")
        if self._archive and query.get("corpsecret") == ARCHIVE_SECRET:
            return _yes({"access_token": self._archive.token, "expires_in": self._token_s})
        if query.get("corpsecret") != APP_SECRET:
            raise RefusedError(40001, "invalid credential")
        live = [token for token, until in self._tokens.items() if until > time.time()]
        if not live:
            live = [uuid4().hex * 6]
            self._tokens[live[0]] = int(time.time()) + self._token_s
        return _yes({"access_token": live[0], "expires_in": self._tokens[live[0]] - int(time.time())})

    def admit(self, request: Request) -> None:
        """Token and throttle, as every call is checked."""
        token = request.query_params.get("access_token", "")
        if not token:
            raise RefusedError(41001, "access_token missing")
        if self._kit.faults.hit("session_loss") and token in self._tokens:
            self._tokens[token] = 0
        if token not in self._tokens:
            raise RefusedError(40014, "invalid access_token")
        if self._tokens[token] <= time.time():
            raise RefusedError(42001, "access_token expired")
        if self._kit.faults.hit("throttle"):
            raise RefusedError(45009, "api freq out of limit")

    async def agent(self, request: Request) -> Response:
        """GET agent/get."""
        if request.query_params.get("agentid") != str(AGENT):
            raise RefusedError(301002, "not allow operate another agent with this accesstoken")
        return _yes({"agentid": AGENT, "name": AGENT_NAME, "close": 0})

    async def contact(self, request: Request) -> Response:
        """GET externalcontact/get."""
        query = request.query_params
        if not query.get("external_userid"):
            raise RefusedError(41035, "missing external userid")
        return _yes(self.office.card(query["external_userid"], query.get("cursor", "")))

    async def contacts(self, request: Request) -> Response:
        """GET externalcontact/list."""
        return _yes({"external_userid": self.office.of(request.query_params.get("userid", ""))})

    async def send(self, request: Request) -> Response:
        """POST message/send."""
        answer, out = self.office.post(await _body(request))
        if out:
            notice = self.office.notices[-1]
            self._kit.ledger.write("message.sent", **{k: notice[k] for k in ("msgid", "to", "content")})
        return _yes(answer)

    async def save_callback(self, request: Request) -> Response:
        """The administrator saves the callback address; it is checked first."""
        detail = await self.messenger.save((await _body(request))["url"])
        return JSONResponse({"ok": not detail, "detail": detail})

    async def add_customer(self, request: Request) -> Response:
        """A member and a customer add each other, or with `half` the member alone."""
        asked = await _body(request)
        customer, kind = self.office.add(asked), "add_half_external_contact" if asked.get("half") else ADDED
        facts = {"external_user_id": customer, "user_id": asked["user_id"], "name": asked["name"]}
        self._kit.ledger.write("contact.added", **facts)
        self.later(self.messenger.tell(change(kind, customer, asked["user_id"], asked.get("state", ""))))
        return JSONResponse({"external_user_id": customer})

    async def edit_customer(self, request: Request) -> Response:
        """A member changes a remark."""
        asked = await _body(request)
        told = self.office.follower(asked)
        told["remark"] = asked.get("remark", told["remark"])
        told["remark_corp_name"] = asked.get("corp_name", told["remark_corp_name"])
        return self._changed("contact.edited", "edit_external_contact", asked)

    async def part(self, request: Request) -> Response:
        """The member removes the customer, or the customer the member."""
        asked = await _body(request)
        self.office.part(asked)
        kind = "del_follow_user" if asked.get("by") == "customer" else "del_external_contact"
        return self._changed("contact.removed", kind, asked)

    async def agree(self, request: Request) -> Response:
        """The customer agrees to be archived."""
        asked = await _body(request)
        self.office.follower(asked)
        if self._archive:
            self._archive.agreed[asked["user_id"], asked["external_user_id"]] = "Agree"
        return self._changed("contact.agreed", "msg_audit_approved", asked)

    def _changed(self, effect: str, kind: str, asked: Json) -> Response:
        customer, member = asked["external_user_id"], asked["user_id"]
        self._kit.ledger.write(effect, external_user_id=customer, user_id=member)
        self.later(self.messenger.tell(change(kind, customer, member)))
        return JSONResponse({"ok": True})

    async def end_tokens(self, request: Request) -> Response:
        """Every token ends: it expires (42001), or is forgotten (40014)."""
        if (await _body(request)).get("code") == 40014:
            self._tokens.clear()
        self._tokens = dict.fromkeys(self._tokens, 0)
        return JSONResponse({"ok": True})

    async def messages(self, _request: Request) -> Response:
        """What the members see."""
        return JSONResponse(self.office.notices)

    async def archive_has_news(self) -> None:
        """Pushed as msgaudit_notify; the real one comes at most every 15 seconds."""
        self.later(self.messenger.tell(archive_news()))

    def later(self, work: Coroutine[Any, Any, None]) -> None:
        """Do it after the answer."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """End the messenger with the server."""
        yield
        for task in self._tasks:
            task.cancel()
        await self.messenger.close()
        if self._archive:
            self._archive.close()


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app."""
    archive = add_archive(kit)
    server = Server(kit, archive)
    if archive:
        archive.notify = server.archive_has_news
        kit.places.update(archive.credentials())

    def guarded(serve: Serve) -> Serve:
        async def checked(request: Request) -> Response:
            server.admit(request)
            return await serve(request)

        return checked

    routes = [
        Route("/cgi-bin/gettoken", server.token, methods=["GET"]),
        Route("/cgi-bin/agent/get", guarded(server.agent), methods=["GET"]),
        Route("/cgi-bin/externalcontact/get", guarded(server.contact), methods=["GET"]),
        Route("/cgi-bin/externalcontact/list", guarded(server.contacts), methods=["GET"]),
        Route("/cgi-bin/message/send", guarded(server.send), methods=["POST"]),
        Route("/_sandbox/callback", server.save_callback, methods=["POST"]),
        Route("/_sandbox/add_customer", server.add_customer, methods=["POST"]),
        Route("/_sandbox/edit_customer", server.edit_customer, methods=["POST"]),
        Route("/_sandbox/part", server.part, methods=["POST"]),
        Route("/_sandbox/agree", server.agree, methods=["POST"]),
        Route("/_sandbox/end_tokens", server.end_tokens, methods=["POST"]),
        Route("/_sandbox/messages", server.messages, methods=["GET"]),
        *(archive.routes() if archive else []),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan, exception_handlers={RefusedError: _refuse})


async def _body(request: Request) -> Json:
    """The JSON of a POST, whatever its content type."""
    try:
        told = simplejson.loads(await request.body())
    except ValueError as error:
        raise RefusedError(40058, "missing parameter. Warning: wrong json format.") from error
    return told if isinstance(told, dict) else {}


def _yes(told: Json) -> Response:
    return JSONResponse({"errcode": 0, "errmsg": "ok", **told})


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    more = f"https://open.work.weixin.qq.com/devtool/query?e={error.code}"
    tail = f"hint: [{uuid4().int % 10**20}], from ip: 127.0.0.1, more info at {more}"
    return JSONResponse({"errcode": error.code, "errmsg": f"{error.message}, {tail}"})


ADDED = "add_external_contact"


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this sandbox; the archive's fields when there is one."""
    return {
        "api_url": kit.url,
        "corp_id": CORP,
        "agent_id": str(AGENT),
        "secret": APP_SECRET,
        "callback_token": SEAL.token,
        "callback_aes_key": SEAL.aes_key,
        **kit.places,
    }


sandbox = sdk.Sandbox(build, credentials)
