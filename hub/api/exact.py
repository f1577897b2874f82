"""Requests and answers in exact JSON: money keeps its fen."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import Response

from hub import sdk
from hub.sdk.requests import ExactRequest


class Exact(Response):
    """JSON as `sdk.dumps` writes it; a float is refused."""

    media_type = "application/json"

    def render(self, content: sdk.Json) -> bytes:
        return sdk.dumps(content).encode()


class ExactRoute(APIRoute):
    """A route that takes exact JSON: a number with a point is a Decimal."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def exactly(request: Request) -> Response:
            request = ExactRequest(request.scope, request.receive)
            try:
                return await handle(request)
            except RequestValidationError as error:
                raise getattr(request.state, "unreadable", error) from None

        return exactly
