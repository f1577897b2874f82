"""Both fake registries on one port: Tianyancha below /services/, Qichacha elsewhere.

Option: `provider` tianyancha (default) | qichacha decides which credentials are printed.
People at their screens: POST /_sandbox/desk with any of {"quota": n or null, "slow_ms": n, "token": new, "secret": new,
"most_at_once": n, "not_bought": [path], "say": [code, ...] for the next calls, "spoil": ["truncated" | "http_502" |
"code_as_text", ...] for the next answers, "lock": true | false}; GET /_sandbox/desk tells {"charged", "quota"}.
"""

from typing import Any

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.enrichment.sandbox import qichacha, tianyancha
from connectors.enrichment.sandbox.desk import Desk
from hub import sdk

PROVIDERS = ("tianyancha", "qichacha")


class Server:
    """The answers, and how they are spoiled."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        self.desk = Desk(kit)

    async def serve(self, request: Request) -> Response:
        """One call of either registry."""
        path = request.url.path
        registry = tianyancha if path.startswith("/services/") else qichacha
        self.desk.busy += 1
        try:
            told = registry.answer(self.desk, path, request.query_params, request.headers)
            await self.desk.pause()
            return _answer(told, self.desk.spoil())
        finally:
            self.desk.busy -= 1

    async def change(self, request: Request) -> Response:
        """A person at the screens."""
        self.desk.set(simplejson.loads(await request.body()))
        return await self.tell(request)

    async def tell(self, _request: Request) -> Response:
        """What the screens show."""
        return JSONResponse({"charged": self.desk.charged, "quota": self.desk.quota})


def _answer(told: dict[str, Any], spoil: str) -> Response:
    if spoil == "http_502":
        return Response("<html>502 Bad Gateway</html>", 502, media_type="text/html")
    if spoil == "code_as_text" and "error_code" in told:
        told = {**told, "error_code": str(told["error_code"])}
    text = simplejson.dumps(told, ensure_ascii=False).encode()
    return Response(text[: len(text) // 2] if spoil == "truncated" else text, media_type="application/json")


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app."""
    _provider(kit)
    server = Server(kit)
    kit.places |= {"token": server.desk.token, "app_key": server.desk.key, "secret_key": server.desk.secret}
    return Starlette(
        routes=[
            Route("/_sandbox/desk", server.change, methods=["POST"]),
            Route("/_sandbox/desk", server.tell, methods=["GET"]),
            Route("/{path:path}", server.serve, methods=["GET"]),
        ]
    )


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to the chosen registry."""
    provider = _provider(kit)
    secrets = ("token",) if provider == "tianyancha" else ("app_key", "secret_key")
    return {"provider": provider, "api_url": kit.url, **{name: kit.places[name] for name in secrets}}


def _provider(kit: sdk.SandboxKit) -> str:
    provider = kit.options.get("provider", PROVIDERS[0])
    if provider not in PROVIDERS:
        raise sdk.ConfigError(f"provider {provider!r}; known: {', '.join(PROVIDERS)}")
    return provider


sandbox = sdk.Sandbox(build, credentials)
