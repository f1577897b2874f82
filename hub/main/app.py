"""The API process: hooks, REST, console, monitoring."""

from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

import hub
from core_crm import api as home
from hub import api, console, inbound
from hub.api import acts, explain, reconcile, replays, streams
from hub.delivery.reconcile import ask
from hub.inbound.buckets import Buckets
from hub.jobs import answers
from hub.main import Hub
from hub.main.lab import explainer_of, lab_of


def create_app(opened: Hub) -> ASGIApp:
    """The API process: hooks, REST, console, monitoring."""
    settings = opened.settings
    # The stock documentation pages load scripts from elsewhere; the description itself is all a program needs.
    app = FastAPI(
        title="连枢 Lianshu", version=hub.__version__, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None
    )

    async def redis_answers() -> bool:
        return await answers(settings.redis_url.get_secret_value())

    lab = lab_of(opened)
    private = [home.router(opened), replays.router(opened.database, lab), acts.router(opened.database, lab)]
    private.append(explain.router(explainer_of(opened)))
    private.append(streams.router(opened.database, lab, opened.reading))
    private.append(reconcile.router(opened.database, partial(ask, opened.database, opened.registry)))
    for router in api.routers(opened.database, redis_answers, hub.__version__, private, lambda: opened.running.state):
        app.include_router(router)
    app.include_router(console.router(opened.database, settings.secret_key.get_secret_value(), opened.running.titles))
    api.guard(app, settings.max_body_bytes, settings.body_timeout_s)
    buckets = Buckets(settings.hook_per_s, settings.hook_burst)
    bare = inbound.Hooks(opened.database, opened.registry, buckets)
    hooks = api.guarded(bare, settings.max_body_bytes, settings.body_timeout_s)

    async def either(scope: Scope, receive: Receive, send: Send) -> None:
        await (hooks if scope.get("path", "").startswith(inbound.BELOW) else app)(scope, receive, send)

    return either
