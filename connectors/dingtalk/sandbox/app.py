"""The fake DingTalk: token, workflow, and encrypted callbacks with retries.

Options: `approver` agree (default) | refuse | manual; `approve_after_ms` (50); `retry_ms` (500); `token_s` (7200).
People at their screens: POST /_sandbox/callback {url}, POST /_sandbox/decide {instance_id, result},
GET /_sandbox/instances, POST /_sandbox/revoke_tokens, POST /_sandbox/restore {percent}: an older backup is put back.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from uuid import uuid4

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.dingtalk.sandbox.messenger import Messenger, ended, started
from connectors.dingtalk.sandbox.office import ORIGINATOR, TEMPLATE, Instance, Office, RefusedError, shown
from connectors.dingtalk.sandbox.seal import Seal
from hub import sdk

APP_KEY, APP_SECRET = "dingsandboxappkey01", "sandbox-secret-0d4f1c2b7a"
SEAL = Seal("lianshuToken2026", "c2FuZGJveC1hZXMta2V5LWZvci1saWFuc2h1LTMyYnk", APP_KEY)


class Server:
    """One organisation's DingTalk."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        self._kit = kit
        self._approver = kit.options.get("approver", "agree")
        self._pause_s = int(kit.options.get("approve_after_ms", "50")) / 1000
        self._token_s = int(kit.options.get("token_s", "7200"))
        self._tokens: dict[str, int] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.office = Office()
        self.messenger = Messenger(SEAL, kit, int(kit.options.get("retry_ms", "500")) / 1000)

    async def token(self, request: Request) -> Response:
        """POST /v1.0/oauth2/accessToken."""
        asked = simplejson.loads(await request.body())
        if (asked.get("appKey"), asked.get("appSecret")) != (APP_KEY, APP_SECRET):
            raise RefusedError("invalidClientIdOrSecret", "无效的clientId或者clientSecret")
        live = [token for token, until in self._tokens.items() if until > time.time()]
        token = live[0] if live else uuid4().hex
        self._tokens[token] = int(time.time()) + self._token_s
        return JSONResponse({"accessToken": token, "expireIn": self._token_s})

    def admit(self, request: Request) -> None:
        """Token and throttle, as every call of the new API is checked."""
        token = request.headers.get("x-acs-dingtalk-access-token", "")
        if self._kit.faults.hit("session_loss"):
            self._tokens.pop(token, None)
        if self._tokens.get(token, 0) <= time.time():
            raise RefusedError("InvalidAuthentication", "不合法的access_token")
        if self._kit.faults.hit("throttle"):
            code = "Forbidden.AccessDenied.QpsLimitForAppkeyAndApi"
            raise RefusedError(code, "请求过于频繁", status=403)

    async def create(self, request: Request) -> Response:
        """POST processInstances."""
        made = self.office.start(simplejson.loads(await request.body(), use_decimal=True))
        amount = next((v["value"] for v in made.values if v["name"] == "合同金额（元）"), "")
        self._kit.ledger.write(
            "approval.created", instance_id=made.id, request_id=made.key, title=made.title, amount=amount
        )
        self._later(self._approve(made))
        return JSONResponse({"instanceId": made.id})

    async def get(self, request: Request) -> Response:
        """GET processInstances."""
        made = self.office.find(request.query_params.get("processInstanceId", ""))
        result = {
            "title": made.title,
            "createTime": made.created.strftime("%Y-%m-%dT%H:%MZ"),
            "finishTime": made.finished.strftime("%Y-%m-%dT%H:%MZ") if made.finished else None,
            "originatorUserId": made.originator,
            "status": made.status,
            "result": made.result,
            "businessId": made.id,
            "formComponentValues": [shown(value) for value in made.values],
            "operationRecords": [],
            "tasks": [],
        }
        return JSONResponse({"result": result, "success": "true"})

    async def ids(self, request: Request) -> Response:
        """POST processes/instanceIds/query."""
        asked = simplejson.loads(await request.body())
        found = [
            i.id
            for i in self.office.instances.values()
            if asked["startTime"] <= i.created.timestamp() * 1000 <= asked["endTime"]
            and i.originator in (asked.get("userIds") or [i.originator])
        ]
        first, most = int(asked.get("nextToken") or 0), min(int(asked["maxResults"]), 20)
        page = {"list": found[first : first + most]}
        more = {"nextToken": str(first + most)} if first + most < len(found) else {}
        return JSONResponse({"result": {**page, **more}, "success": True})

    async def schema(self, request: Request) -> Response:
        """GET forms/schemas/processCodes."""
        if request.query_params.get("processCode") != TEMPLATE:
            raise RefusedError("processCodeError", "审批模板编码错误")
        return JSONResponse({"result": {"name": "合同审批", "processCode": TEMPLATE}, "success": True})

    async def subscribe(self, request: Request) -> Response:
        """The administrator saves the callback address; DingTalk checks it first."""
        detail = await self.messenger.subscribe(simplejson.loads(await request.body())["url"])
        return JSONResponse({"ok": not detail, "detail": detail})

    async def decide(self, request: Request) -> Response:
        """The approver decides by hand."""
        asked = simplejson.loads(await request.body())
        self._decided(self.office.decide(asked["instance_id"], asked["result"]))
        return JSONResponse({"ok": True})

    async def instances(self, _request: Request) -> Response:
        """What the approver sees."""
        rows = [
            {"id": i.id, "status": i.status, "result": i.result, "key": i.key} for i in self.office.instances.values()
        ]
        return JSONResponse(rows)

    async def restore(self, request: Request) -> Response:
        """An older backup is put back: the newest instances are gone, {"percent": 5} of them."""
        given = simplejson.loads(await request.body() or b"{}")
        return JSONResponse(self.office.forget_newest(int(given.get("percent", 5))))

    async def revoke(self, _request: Request) -> Response:
        """Every token dies."""
        self._tokens.clear()
        return JSONResponse({"ok": True})

    async def _approve(self, made: Instance) -> None:
        await self.messenger.tell(started(made))
        if self._approver != "manual":
            await asyncio.sleep(self._pause_s)
            self._decided(self.office.decide(made.id, self._approver))

    def _decided(self, made: Instance) -> None:
        effect = "approval.agreed" if made.result == "agree" else "approval.refused"
        self._kit.ledger.write(effect, instance_id=made.id, request_id=made.key)
        self._later(self.messenger.tell(ended(made)))

    def _later(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """End the approver and the messenger with the server."""
        yield
        for task in self._tasks:
            task.cancel()
        await self.messenger.close()


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app."""
    server = Server(kit)

    def guarded(serve: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        async def checked(request: Request) -> Response:
            server.admit(request)
            return await serve(request)

        return checked

    flow = "/v1.0/workflow"
    routes = [
        Route("/v1.0/oauth2/accessToken", server.token, methods=["POST"]),
        Route(f"{flow}/processInstances", guarded(server.create), methods=["POST"]),
        Route(f"{flow}/processInstances", guarded(server.get), methods=["GET"]),
        Route(f"{flow}/processes/instanceIds/query", guarded(server.ids), methods=["POST"]),
        Route(f"{flow}/forms/schemas/processCodes", guarded(server.schema), methods=["GET"]),
        Route("/_sandbox/callback", server.subscribe, methods=["POST"]),
        Route("/_sandbox/decide", server.decide, methods=["POST"]),
        Route("/_sandbox/instances", server.instances, methods=["GET"]),
        Route("/_sandbox/restore", server.restore, methods=["POST"]),
        Route("/_sandbox/revoke_tokens", server.revoke, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan, exception_handlers={RefusedError: _refuse})


async def _refuse(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RefusedError)
    return JSONResponse({"code": error.code, "message": error.message, "requestid": uuid4().hex.upper()}, error.status)


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this sandbox."""
    return {
        "api_url": kit.url,
        "app_key": APP_KEY,
        "app_secret": APP_SECRET,
        "process_code": TEMPLATE,
        "originator_user_id": ORIGINATOR,
        "callback_token": SEAL.token,
        "callback_aes_key": SEAL.aes_key,
    }


sandbox = sdk.Sandbox(build, credentials)
