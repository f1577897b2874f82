"""A FastAPI route that reads and writes exact JSON: a body's numbers are Decimal, and money leaves as text."""

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from hub import sdk
from hub.sdk.requests import ExactRequest

PLAIN = re.compile(r"[A-Za-z0-9_-]{1,60}")
INVALID = sdk.Text("按字段提示改正后重发。", "Correct the fields named and send it again.")


class ExactRoute(APIRoute):
    """Refuses with our own Problem: 400 for an unreadable body, 422 naming the fields, never echoing values."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            request = ExactRequest(request.scope, request.receive)
            try:
                return await handle(request)
            except RequestValidationError as error:
                unreadable: sdk.Unreadable | None = getattr(request.state, "unreadable", None)
                if unreadable:
                    raise sdk.Problem(400, "unreadable", unreadable.message, hint=unreadable.hint) from error
                raise sdk.Problem(
                    422, "invalid", "some fields are not valid", hint=INVALID, fields=_fields(error)
                ) from error

        return exactly


def _fields(error: RequestValidationError) -> dict[str, str]:
    """Field ("lines.0.quantity") → what is wrong with it, 50 at most; a name the sender made up is shown as "?"."""
    found: dict[str, str] = {}
    for each in error.errors()[:50]:
        place = [str(part) for part in each["loc"] if part != "body"]
        name = ".".join(part if PLAIN.fullmatch(part) else "?" for part in place) or "body"
        found[name] = str(each["ctx"]["error"] if each["type"] == "value_error" else each["msg"])
    return found


def answer(status: int, body: sdk.Json) -> Response:
    """An answer in exact JSON."""
    return Response(sdk.dumps(body), status, media_type="application/json")
