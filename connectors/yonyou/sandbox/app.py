"""The fake YonBIP: data centre, token service, gateway, event pushes, and the people at their screens.

Options: `signature` sha1 (default) | sha256 | hmac of event pushes; `repeat_code` 100004 | 10004; `replay_s` (3600);
`ids` text | number; `stale` json | text; `tokens` exclusive | many; `token_s` (7200); `timestamp` ms | s;
`retry_ms` (500).
People: POST /_sandbox/callback {url}; /_sandbox/customer {code, name, credit_code}; /_sandbox/voucher {number};
/_sandbox/amend {number, amount}; /_sandbox/refuse {path, code, times, after}; /_sandbox/revoke_tokens;
GET /_sandbox/receivables.
"""

import contextlib
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.yonyou.sandbox.books import CURRENCY, ITEM, KIND, ORG, Books, now, total
from connectors.yonyou.sandbox.gate import APP_KEY, APP_SECRET, TENANT, Gate, RefusedError
from connectors.yonyou.sandbox.gateway import Gateway
from connectors.yonyou.sandbox.messenger import Messenger
from connectors.yonyou.sandbox.seal import Seal, letters
from hub import sdk

GATEWAY, AUTH = "/iuap-api-gateway", "/iuap-api-auth"


class Server:
    """One data centre with one tenant."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        options = kit.options
        self._kit = kit
        self._stale_as_text = options.get("stale") == "text"
        self._refusals: list[dict[str, Any]] = []
        per_second = 1 if options.get("timestamp") == "s" else 1000
        self._gate = Gate(int(options.get("token_s", "7200")), options.get("tokens") != "many", per_second)
        self.books = Books(
            options.get("ids") == "number", options.get("repeat_code", "100004"), int(options.get("replay_s", "3600"))
        )
        seal, pause_s = Seal(APP_KEY, APP_SECRET, letters(APP_SECRET)), int(options.get("retry_ms", "500")) / 1000
        self.messenger = Messenger(seal, kit, options.get("signature", "sha1"), pause_s)
        self._gateway = Gateway(self.books, kit, self.messenger)

    async def where(self, request: Request) -> Response:
        """Tell a tenant's addresses."""
        if request.query_params.get("tenantId") != TENANT:
            return _json({"code": "500", "message": "根据租户id获取网关地址出现异常"})
        addresses = {"gatewayUrl": f"{self._kit.url}{GATEWAY}", "tokenUrl": f"{self._kit.url}{AUTH}"}
        return _json({"code": "00000", "message": "成功！", "data": addresses})

    async def token(self, request: Request) -> Response:
        """Issue a token."""
        token = self._gate.issue(dict(request.query_params))
        data = {"access_token": token, "expire": self._gate.token_s}
        return _json({"code": "00000", "message": "成功！", "data": data})

    async def call(self, request: Request) -> Response:
        """One business call: path, method, token, bad manners, then the books."""
        path = "/" + request.path_params["path"]
        method, run = self._gateway.calls.get(path, ("", None))
        if run is None:
            raise RefusedError("310404", "请求路径不存在", 404)
        if method != request.method:
            raise RefusedError("310405", "请求方法不支持")
        self._admit(request)
        asked = await _asked(request)
        due = self._due(path)
        answer = None if due and not due.get("after") else run(asked, path)
        if due:
            raise RefusedError(str(due["code"]), str(due.get("message", "按要求拒绝")))
        return _json(answer)

    def _admit(self, request: Request) -> None:
        token = request.query_params.get("access_token")
        if self._kit.faults.hit("session_loss"):
            self._gate.tokens.clear()
        self._gate.admit(token)
        if self._kit.faults.hit("throttle"):
            raise RefusedError("310046", "API调用频率超过限制")

    def _due(self, path: str) -> dict[str, Any] | None:
        """The refusal that was ordered for this path, if any is left."""
        for due in self._refusals:
            if due["path"] == path and due["times"] > 0:
                due["times"] -= 1
                return due
        return None

    async def refuse(self, request: Request, error: Exception) -> Response:
        """A refusal as YonBIP writes it; some of its endpoints say plain text to a bad token."""
        assert isinstance(error, RefusedError)
        if error.code == "310036" and self._stale_as_text:
            return Response("非法token", media_type="text/plain")
        data = {} if error.data is None else {"data": error.data}
        return _json({"code": error.code, "message": error.message, **data}, error.status)

    async def subscribe(self, request: Request) -> Response:
        """The administrator saves the callback address; it is checked first."""
        detail = await self.messenger.subscribe((await _read(request))["url"])
        return _json({"ok": not detail, "detail": detail})

    async def customer(self, request: Request) -> Response:
        """Someone enters a customer by hand."""
        told = await _read(request)
        data = {"code": told["code"], "name": {"simplifiedName": told["name"]}, "createOrgCode": ORG}
        more = {"creditCode": told["credit_code"]} if told.get("credit_code") else {}
        made = self._gateway.add_customer({**data, **more, "_status": "Insert"})
        return _json({"id": str(made["id"])})

    async def voucher(self, request: Request) -> Response:
        """The accountant makes a voucher from a receivable."""
        bill = self.books.of_voucher((await _read(request))["number"])
        voucher = {"id": self.books.ident(), "accbook": "A01", "periodunion": bill["billDate"][:7]}
        voucher |= {"billcode": f"记-{bill['code'][-4:]}", "bussid": str(bill["id"])}
        self._kit.ledger.write("voucher.added", id=str(voucher["id"]), number=voucher["billcode"], amount=total(bill))
        self.messenger.tell("GL_VOUCHER_EVENT_ADD_AFTER", {"voucherVO": [voucher]})
        return _json({"id": str(voucher["id"])})

    async def amend(self, request: Request) -> Response:
        """The accountant changes the first line's amount."""
        told = await _read(request)
        bill = self.books.of_voucher(told["number"])
        bill["bodyItem"][0]["oriTaxIncludedAmount"] = Decimal(str(told["amount"]))
        bill["pubts"] = now()
        return _json({"ok": True})

    async def order_refusal(self, request: Request) -> Response:
        """The next calls of a path are refused, before or after they took effect."""
        self._refusals.append({"times": 1, **(await _read(request))})
        return _json({"ok": True})

    async def receivables(self, _request: Request) -> Response:
        """What the accountant sees."""
        rows = [
            {
                "id": str(bill["id"]),
                "code": bill["code"],
                "number": bill["extVouchCode"],
                "customer": bill["customerCode"],
                "amount": total(bill),
                "verify_state": bill["verifyState"],
            }
            for bill in self.books.receivables.values()
        ]
        return _json(rows)

    async def revoke(self, _request: Request) -> Response:
        """Every token dies."""
        self._gate.tokens.clear()
        return _json({"ok": True})

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """End the messenger with the server."""
        yield
        await self.messenger.close()


async def _read(request: Request) -> Any:
    return simplejson.loads(await request.body(), use_decimal=True)


async def _asked(request: Request) -> dict[str, Any]:
    if request.method == "GET":
        return dict(request.query_params)
    try:
        asked: dict[str, Any] = await _read(request)
        return asked
    except ValueError as error:
        raise RefusedError("310002", "请求体不是JSON") from error


def _json(value: Any, status: int = 200) -> Response:
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False)
    return Response(text.encode(), status_code=status, headers={"content-type": "application/json; charset=utf-8"})


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app."""
    server = Server(kit)
    sign_in = f"{AUTH}/open-auth/selfAppAuth"
    routes = [
        Route("/open-auth/dataCenter/getGatewayAddress", server.where, methods=["GET"]),
        Route(f"{sign_in}/base/v1/getAccessToken", server.token, methods=["GET"]),
        Route(f"{sign_in}/getAccessToken", server.token, methods=["GET"]),
        Route(f"{GATEWAY}/yonbip/{{path:path}}", server.call, methods=["GET", "POST", "PUT", "DELETE"]),
        Route("/_sandbox/callback", server.subscribe, methods=["POST"]),
        Route("/_sandbox/customer", server.customer, methods=["POST"]),
        Route("/_sandbox/voucher", server.voucher, methods=["POST"]),
        Route("/_sandbox/amend", server.amend, methods=["POST"]),
        Route("/_sandbox/refuse", server.order_refusal, methods=["POST"]),
        Route("/_sandbox/receivables", server.receivables, methods=["GET"]),
        Route("/_sandbox/revoke_tokens", server.revoke, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan, exception_handlers={RefusedError: server.refuse})


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this sandbox."""
    return {
        "tenant_id": TENANT,
        "app_key": APP_KEY,
        "app_secret": APP_SECRET,
        "org_code": ORG,
        "item_code": ITEM,
        "business_type_code": KIND,
        "currency_code": CURRENCY,
        "discovery_url": kit.url,
    }


sandbox = sdk.Sandbox(build, credentials)
