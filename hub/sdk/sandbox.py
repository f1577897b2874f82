"""The kit our fake vendors are built with: a ledger of effects, seeded faults, one way to start.

It holds nothing of any vendor's protocol: a sandbox writes that itself, apart from its connector's client.
"""

import asyncio
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import formatdate
from pathlib import Path
from typing import Any

import httpx
import simplejson
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub.domain.errors import ConfigError
from hub.sdk.http import LOOPBACK, make_client

HTTP_FAULTS = ("latency", "http_503", "drop_before", "drop_after")
FAULTS = (*HTTP_FAULTS, "duplicate", "session_loss", "throttle", "part")


class EffectLedger:
    """One JSON line per effect, flushed to disk before the vendor's answer is sent."""

    def __init__(self, path: Path | None) -> None:
        self._file = path.open("a", encoding="utf-8") if path else None

    def write(self, effect: str, **facts: Any) -> None:
        """Append {"at", "effect", **facts}; Decimals are written as exact numbers."""
        if self._file is None:
            return
        line = {"at": datetime.now(UTC).isoformat(), "effect": effect, **facts}
        self._file.write(simplejson.dumps(line, use_decimal=True, ensure_ascii=False) + "\n")
        self._file.flush()
        os.fsync(self._file.fileno())


class Faults:
    """A seeded plan of bad manners. SPEC: "http_503=0.1,drop_after=0.05,latency=50ms,throttle=0.02".

    Numbers are probabilities from 0 to 1; latency is a duration added to every answer.
    """

    def __init__(self, spec: str = "", seed: int = 0) -> None:
        self._random = random.Random(seed)
        self._odds: dict[str, float] = {}
        self.latency_s = 0.0
        for part in filter(None, (p.strip() for p in spec.split(","))):
            name, _, value = part.partition("=")
            if name not in FAULTS:
                raise ConfigError(f"unknown fault {name!r}; known: {', '.join(FAULTS)}")
            if name == "latency":
                self.latency_s = float(value.removesuffix("ms")) / 1000
            else:
                self._odds[name] = float(value or 1)

    def hit(self, name: str) -> bool:
        """Draw once for this fault."""
        odds = self._odds.get(name, 0.0)
        return odds > 0 and self._random.random() < odds


@dataclass(slots=True)
class SandboxKit:
    """What a sandbox is given: where to write effects, which faults to show, and its options (name → text).

    Every sandbox knows the option `clock_skew_s`: how far its clock is ahead of the true time.

    Attributes:
        url: its own address, known before `build` is called.
        places: for the sandbox's own use: what `build` found out and `credentials` must tell.
    """

    ledger: EffectLedger
    faults: Faults
    options: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    places: dict[str, str] = field(default_factory=dict)

    def now(self) -> float:
        """The vendor's own clock, seconds since 1970, as its `Date` headers tell it."""
        return time.time() + float(self.options.get("clock_skew_s", "0"))

    def listen(self) -> socket.socket:
        """A listening loopback socket for a further server, which the app starts in its lifespan."""
        return socket.create_server(("127.0.0.1", 0), backlog=512)

    def client(self) -> httpx.AsyncClient:
        """A client for the vendor's own calls, such as callbacks; it dials loopback only. The caller closes it."""
        return make_client(egress=LOOPBACK)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A fake vendor.

    Attributes:
        build: makes the ASGI app; paths under /_sandbox/ are the people behind the vendor's own screens.
        credentials: the config values a connection to it uses; called after `build`.
    """

    build: Callable[[SandboxKit], ASGIApp]
    credentials: Callable[[SandboxKit], Mapping[str, str]]


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
    app = _BadManners(sandbox.build(kit), kit)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="critical", lifespan="on", access_log=False, date_header=False)
    )
    serving: Awaitable[None] = asyncio.ensure_future(server.serve(sockets=[listening]))
    announce({"url": kit.url, "port": port, "credentials": dict(sandbox.credentials(kit))})
    await serving
