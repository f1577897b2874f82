"""The kit our fake vendors are built with: a ledger of effects, seeded faults. `hub.sdk.stage` starts them.

It holds nothing of any vendor's protocol: a sandbox writes that itself, apart from its connector's client.
"""

import os
import random
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import simplejson
from starlette.types import ASGIApp

from hub.domain.errors import ConfigError
from hub.sdk.clock import VendorClock
from hub.sdk.http import LOOPBACK, no_client

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


def calls_nobody() -> httpx.AsyncClient:
    """The client of a sandbox that is built and not served."""
    return no_client(base_url="", auth=None, egress=LOOPBACK, concurrency=1, clock=VendorClock())


@dataclass(slots=True)
class SandboxKit:
    """What a sandbox is given: where to write effects, which faults to show, and its options (name → text).

    Every sandbox knows the option `clock_skew_s`: how far its clock is ahead of the true time.

    Attributes:
        url: its own address, known before `build` is called.
        places: for the sandbox's own use: what `build` found out and `credentials` must tell.
        client: makes a client for the vendor's own calls, such as callbacks; it dials loopback only once the sandbox
            is served, and nobody before. The caller closes it.
    """

    ledger: EffectLedger
    faults: Faults
    options: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    places: dict[str, str] = field(default_factory=dict)
    client: Callable[[], httpx.AsyncClient] = calls_nobody

    def now(self) -> float:
        """The vendor's own clock, seconds since 1970, as its `Date` headers tell it."""
        return time.time() + float(self.options.get("clock_skew_s", "0"))

    def listen(self) -> socket.socket:
        """A listening loopback socket for a further server, which the app starts in its lifespan."""
        return socket.create_server(("127.0.0.1", 0), backlog=512)


@dataclass(frozen=True, slots=True)
class Sandbox:
    """A fake vendor.

    Attributes:
        build: makes the ASGI app; paths under /_sandbox/ are the people behind the vendor's own screens.
        credentials: the config values a connection to it uses; called after `build`.
    """

    build: Callable[[SandboxKit], ASGIApp]
    credentials: Callable[[SandboxKit], Mapping[str, str]]
