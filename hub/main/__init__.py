"""The only place where the rooms meet: what every process opens. `app` is the API's, `worker` the worker's own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from functools import partial

import core_crm
from hub import failpoints
from hub.credentials import Vault
from hub.delivery.work import every
from hub.deploy import Follower, Running
from hub.deploy.running import LOOK_S, Load
from hub.drift import Reading
from hub.flows import Catalogue
from hub.jobs import Waker
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.keys import once
from hub.ledger.tables import demand_tables
from hub.mapping.checks.streams import UNKNOWN
from hub.registry import Registry, discover
from hub.registry.memory import StoredMemory
from hub.registry.pace import Pace
from hub.registry.told import told_streams
from hub.sdk.exact import Json
from hub.sdk.home import Unit
from hub.sdk.http import Egress, MakeClient, no_client
from hub.settings import Settings

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


def make_registry(settings: Settings, make_client: MakeClient = no_client) -> Registry:
    """Connectors by folder, the home system, the vault; ConfigError for an unsafe key or a bad network."""
    vault = Vault(settings.secret_key.get_secret_value())
    return Registry(discover(), core_crm.home, vault, Egress.parse(settings.egress_allow), make_client)


def reader(registry: Registry, checked: bool = True) -> Load:
    """Reads mapping and flow files against every action and event there is.

    Not `checked`, it leaves out what is known of the events' data: what was released once must go on after an upgrade.
    """
    actions = {name: action.input for name, action in registry.actions.items()}
    streams = told_streams(registry) if checked else UNKNOWN
    return partial(Catalogue.of, actions=actions, events=registry.events, streams=streams)


@asynccontextmanager
async def open_hub(settings: Settings, loaded: bool = True, make_client: MakeClient = no_client) -> AsyncIterator[Hub]:
    """Open every room; ConfigError or Unavailable says what is wrong. Closes them again at the end.

    It runs the newest release; not `loaded`, it runs nothing. Without `make_client` it calls no vendor.
    """
    failpoints.arm(settings.failpoints, settings.environment)
    registry = make_registry(settings, make_client)
    running = Running()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(registry.close)
        waker = Waker(settings.redis_url.get_secret_value())
        stack.push_async_callback(waker.close)
        url = settings.database_url.get_secret_value()
        database = await Database.open(url, settings.pool_size, running.plan, waker.wake)
        stack.push_async_callback(database.close)
        await demand_tables(database)
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
