"""Pages for monitoring: does the process live, can it work, what has it done. No key is asked."""

import time
from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST

from hub import sdk
from hub.api.exact import Exact
from hub.ledger.database import Database, Unavailable
from hub.ledger.queries import clock_s, count_everything, is_migrated
from hub.ledger.tables import MISSING, UPGRADE
from hub.observability import render_metrics

FRESH_S = 5.0
SKEW_S = 30.0
"""So far this machine's clock may be from PostgreSQL's, by which everything is due."""


def router(
    database: Database, redis_answers: Callable[[], Awaitable[bool]], version: str, release: Callable[[], str]
) -> APIRouter:
    """/healthz, /readyz, /metrics, /version. `redis_answers` must be quick and never raise; Redis is not required.

    `release` says "ok", or which release does not load here: what ran before goes on, so it is told and no more.
    """
    routes = APIRouter(tags=["operations"])
    counted = _Counted(database)

    @routes.get("/healthz")
    async def healthz() -> Response:
        """200 while the process lives, whatever else is down."""
        return Exact({"status": "ok"})

    @routes.get("/readyz")
    async def readyz() -> Response:
        """200 when PostgreSQL answers, is migrated and has our time, else 503; Redis and the release are told only."""
        postgresql = await _postgresql(database)
        clock = await _clock(database) if postgresql == "ok" else "unknown"
        redis = "ok" if await redis_answers() else "away"
        ready = (postgresql, clock) == ("ok", "ok")
        status = "ready" if ready else "not ready"
        body = {"status": status, "postgresql": postgresql, "clock": clock, "redis": redis, "release": release()}
        return Exact(body, 200 if ready else 503, None if ready else {"retry-after": "5"})

    @routes.get("/metrics")
    async def metrics() -> Response:
        """Prometheus text; the ledger is counted at most once in five seconds."""
        return Response(render_metrics(await counted.now(), version), media_type=CONTENT_TYPE_LATEST)

    @routes.get("/version")
    async def tell_version() -> Response:
        """The version that runs."""
        return Exact({"version": version})

    return routes


async def _postgresql(database: Database) -> sdk.Json:
    try:
        return "ok" if await is_migrated(database) else f"{MISSING} {UPGRADE}"
    except Unavailable:
        return "away"


async def _clock(database: Database) -> str:
    try:
        off_s = time.time() - await clock_s(database)
    except Unavailable:
        return "unknown"
    return "ok" if abs(off_s) <= SKEW_S else f"{off_s:+.0f} s from PostgreSQL's: set both by NTP"


class _Counted:
    """The ledger's counts, at most FRESH_S old, so that a flood of scrapes costs the database nothing."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: dict[str, dict[str, int]] = {}
        self._until = 0.0

    async def now(self) -> dict[str, dict[str, int]]:
        if time.monotonic() >= self._until:
            self._counts = await count_everything(self._database)
            self._until = time.monotonic() + FRESH_S
        return self._counts
