"""Every refusal of our own API as problem+json (RFC 9457); what was sent is never echoed."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import sdk
from hub.ledger.database import Unavailable

log = structlog.get_logger("hub.api")

CODES = {401: "unauthorized", 403: "forbidden", 404: "not-found", 405: "method-not-allowed", 413: "too-large"}
HINTS = {
    404: sdk.Text("检查地址与编号。", "Check the address and the id."),
    405: sdk.Text("检查请求方法。", "Check the method."),
}
FIX = sdk.Text("改正列出的字段后重发。", "Correct the fields listed and send again.")
LATER = sdk.Text("稍后重试；请求没有生效。", "Try again later; nothing was done.")
OURS = sdk.Text("这是我们的错误：把时间与地址告诉维护者。", "This is our fault: tell the maintainers when and where.")

SAFE_NAME = re.compile(r"[A-Za-z0-9_-]{1,60}")
ECHOING = {"union_tag_invalid", "literal_error", "enum"}


def problem(
    status: int,
    code: str,
    detail: str,
    hint: sdk.Text,
    fields: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """One problem+json answer."""
    body = {
        "type": f"urn:lianshu:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
        "hint": {"zh": hint.zh, "en": hint.en},
        "errors": [{"field": name, "message": wrong} for name, wrong in (fields or {}).items()],
    }
    return Response(sdk.dumps(body), status, dict(headers or {}), media_type="application/problem+json")


def handle_problems(app: FastAPI) -> None:
    """Make every error of this app a problem."""
    app.add_exception_handler(sdk.Problem, _refused)
    app.add_exception_handler(sdk.Unreadable, _unreadable)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Unavailable, _unavailable)
    app.add_middleware(Unexpected)


async def _refused(_request: Request, error: Any) -> Response:
    return problem(error.status, error.code, error.message, error.hint, error.fields, _challenge(error.status))


async def _unreadable(_request: Request, error: Any) -> Response:
    return problem(400, "unreadable", error.message, error.hint)


async def _invalid(_request: Request, error: Any) -> Response:
    found = error.errors()
    if any(e["type"] == "json_invalid" for e in found):
        return problem(400, "unreadable", "the body is not JSON", FIX)
    return problem(422, "invalid", "the request is not valid", FIX, {_place(e["loc"]): _words(e) for e in found[:50]})


async def _http(_request: Request, error: Any) -> Response:
    code = CODES.get(error.status_code, "refused")
    hint = HINTS.get(error.status_code, sdk.Text("", ""))
    headers = {**(error.headers or {}), **_challenge(error.status_code)}
    return problem(error.status_code, code, HTTPStatus(error.status_code).phrase, hint, headers=headers)


async def _unavailable(_request: Request, error: Any) -> Response:
    log.warning("postgresql is away", error=error.message)
    return problem(503, "unavailable", "PostgreSQL is unavailable", LATER, headers={"retry-after": "5"})


class Unexpected:
    """Answer an error nobody foresaw with a bare 500; the log has the rest."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = False

        async def watch(message: Message) -> None:
            nonlocal begun
            begun = True
            await send(message)

        try:
            await self._app(scope, receive, watch)
        except Exception as error:
            log.exception("unexpected", method=scope["method"], path=scope["path"], kind=type(error).__name__)
            if begun:
                raise
            await problem(500, "unexpected", "something went wrong here", OURS)(scope, receive, send)


def _challenge(status: int) -> dict[str, str]:
    return {"www-authenticate": "Bearer"} if status == 401 else {}


def _place(where: tuple[int | str, ...]) -> str:
    """The field's path; a name the sender made up (an extra field) shows only when it is harmless."""
    return ".".join(str(part) if SAFE_NAME.fullmatch(str(part)) else "?" for part in where)


def _words(error: Mapping[str, Any]) -> str:
    return "not one of the values allowed" if error["type"] in ECHOING else str(error["msg"])
