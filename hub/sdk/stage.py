"""Where a fake vendor is served: on loopback, with the faults that lie below its protocol."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import partial
from typing import Any

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from hub.sdk.sandbox import Sandbox, SandboxKit


class _ConnectionDroppedError(Exception):
    """Raised to make the server close the socket in the middle of an answer."""


class _BadManners:
    """HTTP-level faults around a vendor's app, and its `Date`; the control paths are spared."""

    def __init__(self, app: ASGIApp, kit: SandboxKit) -> None:
        self._app = app
        self._faults = kit.faults
        self._now = kit.now

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith("/_sandbox/"):
            await self._app(scope, receive, send)
            return
        await asyncio.sleep(self._faults.latency_s)
        if self._faults.hit("http_503"):
            await send({"type": "http.response.start", "status": 503, "headers": [(b"content-type", b"text/html")]})
            await send({"type": "http.response.body", "body": b"<html>503 Service Unavailable</html>"})
            return
        if self._faults.hit("drop_before"):
            await _cut(send)
        if self._faults.hit("drop_after"):
            await self._app(scope, receive, _swallow)
            await _cut(send)
        await self._app(scope, receive, self._dated(send))

    def _dated(self, send: Send) -> Send:
        async def dated(message: Message) -> None:
            if message["type"] == "http.response.start":
                date = formatdate(self._now(), usegmt=True).encode()
                message = {**message, "headers": [*message.get("headers", []), (b"date", date)]}
            await send(message)

        return dated


async def _swallow(_message: Message) -> None:
    """The answer nobody hears."""


async def _cut(send: Send) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"65536")]}
    await send(start)
    raise _ConnectionDroppedError


def run_sandbox(sandbox: Sandbox, kit: SandboxKit, port: int, announce: Callable[[dict[str, Any]], None]) -> None:
    """Serve on loopback until SIGTERM; `announce` gets {url, port, credentials} once the port listens."""
    asyncio.run(_serve(sandbox, kit, port, announce))


async def _serve(sandbox: Sandbox, kit: SandboxKit, port: int, announce: Callable[[dict[str, Any]], None]) -> None:
    listening = socket.create_server(("127.0.0.1", port), backlog=512)
    port = listening.getsockname()[1]
    kit.url = f"http://127.0.0.1:{port}"
    kit.client = partial(make_client, egress=LOOPBACK)
    app = _BadManners(sandbox.build(kit), kit)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="on", access_log=False, date_header=False)
    )
    serving: Awaitable[None] = asyncio.ensure_future(server.serve(sockets=[listening]))
    announce({"url": kit.url, "port": port, "credentials": dict(sandbox.credentials(kit))})
    await serving
