"""The only place where the rooms meet."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

import core_crm
import hub
from hub import api, console, failpoints, inbound
from hub.api import acts, explain, reconcile, replays, streams
from hub.api.explain import Explainer
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.delivery.reconcile import Reconciler, ask
from hub.delivery.work import Drains, every
from hub.deploy import Follower, Running
from hub.deploy.running import LOOK_S, Load
from hub.drift import Guard, Learner, Reading
from hub.flows import Catalogue
from hub.inbound.buckets import Buckets
from hub.jobs import Waker, answers, listen
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.keys import once
from hub.ledger.leases import Heart
from hub.mapping.checks.streams import UNKNOWN
from hub.registry import Registry, discover
from hub.registry.memory import StoredMemory
from hub.registry.pace import Pace
from hub.registry.told import told_streams
from hub.scheduler import Scheduler
from hub.sdk.exact import Json
from hub.sdk.home import Unit
from hub.sdk.http import Egress
from hub.settings import Settings

FINISH_S = 25.0
"""How long a worker that is told to stop may go on with what it has begun."""

RECONCILE_S = 10.0
"""How often a worker looks whether something is to be compared: at night, or because somebody asked."""

LEARN_S = 5.0
"""How often a worker reads what came in since, to learn what each stream looks like and to tell where it drifts."""

HOME_MIGRATIONS = core_crm.MIGRATIONS


@dataclass(frozen=True, slots=True)
class Hub:
    """One process's rooms, open and joined."""

    settings: Settings
    database: Database
    registry: Registry
    running: Running

    @property
    def catalogue(self) -> Catalogue:
        """What runs at this moment; a release swaps it, so ask anew each time."""
        return self.running.catalogue

    @property
    def lab(self) -> Lab:
        """The replay lab over what is loaded now."""
        planner = Planner(self.registry.actions, self.running.plan)
        return Lab(self.database, planner, self.running.mapping)

    @property
    def explainer(self) -> Explainer:
        """Explains values by what is loaded now."""
        inputs = {name: action.input for name, action in self.registry.actions.items()}
        return Explainer(self.database, core_crm.home, inputs, lambda: self.catalogue.mappings)

    @property
    def reading(self) -> Reading:
        """What the mappings that run now read of their streams."""
        return Reading(lambda: self.running.catalogue.flows, self.running.mapping)

    def begin(self, tenant_id: str) -> AbstractAsyncContextManager[LedgerUnit]:
        """A unit of work of the home system (see `hub.sdk.Work`)."""
        return self.database.unit(tenant_id)

    async def once(
        self, tenant_id: str, key: str, fingerprint: str, do: Callable[[Unit], Awaitable[tuple[int, Json]]]
    ) -> tuple[int, Json]:
        """A command at most once per key (see `hub.sdk.Work`)."""
        async with self.database.unit(tenant_id) as unit:
            return await once(unit, key, fingerprint, do)


def make_registry(settings: Settings) -> Registry:
    """Connectors by folder, the home system, the vault; ConfigError for an unsafe key or a bad network."""
    vault = Vault(settings.secret_key.get_secret_value())
    return Registry(discover(), core_crm.home, vault, Egress.parse(settings.egress_allow))


def reader(registry: Registry, checked: bool = True) -> Load:
    """Reads mapping and flow files against every action and event there is.

    Not `checked`, it leaves out what is known of the events' data: what was released once must go on after an upgrade.
    """
    actions = {name: action.input for name, action in registry.actions.items()}
    streams = told_streams(registry) if checked else UNKNOWN
    return partial(Catalogue.of, actions=actions, events=registry.events, streams=streams)


@asynccontextmanager
async def open_hub(settings: Settings, loaded: bool = True) -> AsyncIterator[Hub]:
    """Open every room; ConfigError or Unavailable says what is wrong. Closes them again at the end.

    It runs the newest release; not `loaded`, it runs nothing.
    """
    failpoints.arm(settings.failpoints, settings.environment)
    registry = make_registry(settings)
    running = Running()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(registry.close)
        waker = Waker(settings.redis_url.get_secret_value())
        stack.push_async_callback(waker.close)
        url = settings.database_url.get_secret_value()
        database = await Database.open(url, settings.pool_size, running.plan, waker.wake)
        stack.push_async_callback(database.close)
        registry.share(
            lambda tenant, name: StoredMemory(database, registry.vault, tenant, name), partial(Pace, database)
        )
        if loaded:
            follower = Follower(database, running, reader(registry, checked=False))
            await follower.start(settings.mappings_dir, reader(registry))
        yield Hub(settings, database, registry, running)


@asynccontextmanager
async def following(opened: Hub) -> AsyncIterator[None]:
    """For the length of a block, take every new release; what is under way goes on with what it began with."""
    follower = Follower(opened.database, opened.running, reader(opened.registry, checked=False))
    task = asyncio.create_task(every(LOOK_S, follower.look))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def create_app(opened: Hub) -> ASGIApp:
    """The API process: hooks, REST, console, monitoring."""
    settings = opened.settings
    # The stock documentation pages load scripts from elsewhere; the description itself is all a program needs.
    app = FastAPI(
        title="连枢 Lianshu", version=hub.__version__, openapi_url="/api/v1/openapi.json", docs_url=None, redoc_url=None
    )

    async def redis_answers() -> bool:
        return await answers(settings.redis_url.get_secret_value())

    lab = opened.lab
    private = [core_crm.router(opened), replays.router(opened.database, lab), acts.router(opened.database, lab)]
    private.append(explain.router(opened.explainer))
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


async def work(opened: Hub) -> None:
    """The worker process: wake-ups, sweep and polls, until cancelled; then it finishes what it holds."""
    settings = opened.settings
    heart = Heart(settings.database_url.get_secret_value(), settings.lease_s).start()
    guard, learner = Guard(opened.database, opened.reading), Learner(opened.database, opened.reading)
    preparer = Preparer(opened.database, opened.registry, opened.running.mapping, guard.check)
    deliverer = Deliverer(opened.database, opened.registry, preparer, settings.lease_s, heart)
    scheduler = Scheduler(opened.database, opened.registry, heart)
    reconciler = Reconciler(opened.database, opened.registry, heart)
    drains = Drains(deliverer.drain)

    async def sweep() -> None:
        for tenant, connection in await scheduler.sweep():
            await drains.ask(tenant, connection)

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(every(settings.sweep_s, sweep))
            group.create_task(every(settings.sweep_s, scheduler.start_polls))
            group.create_task(every(RECONCILE_S, reconciler.run))
            group.create_task(every(LEARN_S, learner.step))
            group.create_task(listen(settings.redis_url.get_secret_value(), drains.ask))
    finally:
        deliverer.stopping.set()
        await scheduler.stop()
        await drains.finish(FINISH_S)
        await asyncio.to_thread(heart.stop)
