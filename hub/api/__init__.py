"""REST v1: access, problems, limits, deliveries and the pages for monitoring. Composed by hub.main."""

from collections.abc import Awaitable, Callable, Sequence

from fastapi import APIRouter, Depends, FastAPI
from starlette.types import ASGIApp

from hub.api import deliveries, files, health
from hub.api.access import authenticated
from hub.api.limits import Guard
from hub.api.problems import Unexpected, handle_problems
from hub.ledger.database import Database

__all__ = ["authenticated", "guard", "guarded", "routers"]


def routers(
    database: Database,
    redis_answers: Callable[[], Awaitable[bool]],
    version: str,
    private: Sequence[APIRouter] = (),
    release: Callable[[], str] = lambda: "ok",
) -> list[APIRouter]:
    """The pages for monitoring, and /api/v1 behind API keys: deliveries, files and the `private` routers handed in.

    `release` says "ok", or which release does not load in this process.
    """
    v1 = APIRouter(prefix="/api/v1", dependencies=[Depends(authenticated(database))])
    for each in (deliveries.router(database), files.router(database), *private):
        v1.include_router(each)
    return [health.router(database, redis_answers, version, release), v1]


def guard(app: FastAPI, max_body_bytes: int, body_timeout_s: float) -> None:
    """Problems for errors, limits for bodies, security headers for every answer. Call it last: it goes outermost."""
    handle_problems(app)
    app.add_middleware(Guard, max_body_bytes=max_body_bytes, body_timeout_s=body_timeout_s)


def guarded(app: ASGIApp, max_body_bytes: int, body_timeout_s: float) -> ASGIApp:
    """The same around an app that is not FastAPI's and answers its own errors, but for those nobody foresaw."""
    return Guard(Unexpected(app), max_body_bytes, body_timeout_s)
