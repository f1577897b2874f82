"""Time calls us: polls, and the sweep that finds missed wake-ups and lapsed leases."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from hub.domain.errors import ODD_SHAPES, HubError, NeedsReauth
from hub.failpoints import point
from hub.ledger.claim import reap
from hub.ledger.connections import find, hold
from hub.ledger.cursors import Turn, advance, ensure_all, miss, renew, take_turns
from hub.ledger.database import Database, again
from hub.ledger.leases import Heart
from hub.ledger.look import Known, work
from hub.ledger.presence import Orphans
from hub.registry import Registry
from hub.sdk.connector import Page

POLL_LEASE_S = 15.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Polls and sweeps for one process; any number of processes may run it.

    Polls run beside one another, so one that waits for its vendor (IDLE) or hangs keeps no other waiting.
    """

    database: Database
    registry: Registry
    heart: Heart
    orphans: Orphans = field(default_factory=Orphans)
    polling: set[asyncio.Task[int]] = field(default_factory=set)

    async def sweep(self, drain: Callable[[str, str], Awaitable[object]]) -> None:
        """Free what silent workers left, ask for a drain of every connection with work that is due, begin the polls."""
        found = await work(self.database, self._polls)
        due = set(found.due)
        for tenant in found.left:
            async with self.database.unit(tenant) as unit:
                point("reaper.before")
                due |= {(tenant, name) for name in await reap(unit, await self.orphans.long_alone(unit))}
            point("reaper.after")
        for place in sorted(due):
            await drain(*place)
        await self._start(found.polls)

    async def poll(self) -> int:
        """Make every poll that is due and wait for them; how many facts were asked into the ledger."""
        return sum(await asyncio.gather(*await self.start_polls()))

    async def start_polls(self) -> list[asyncio.Task[int]]:
        """Begin every poll that is due, page by page."""
        return await self._start((await work(self.database, self._polls)).polls)

    async def _start(self, tenants: Sequence[str]) -> list[asyncio.Task[int]]:
        begun = []
        for tenant in tenants:
            for turn in await self._due(tenant):
                task = asyncio.create_task(self._ask(tenant, turn))
                task.add_done_callback(self._ended)
                self.polling.add(task)
                begun.append(task)
        return begun

    @property
    def _polls(self) -> Known:
        return [
            {"connector": name, "event": event}
            for name, each in self.registry.connectors.items()
            for event in each.polls
        ]

    async def stop(self) -> None:
        """Break off the polls that run: their checkpoints stand where they stood."""
        for task in (running := list(self.polling)):
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _ended(self, task: asyncio.Task[int]) -> None:
        """A poll that died of a bug is told, and comes round again when its lease lapses."""
        self.polling.discard(task)
        if not task.cancelled() and (error := task.exception()):
            log.error("poll.broken", error=f"{type(error).__name__}: {error}")

    async def _due(self, tenant: str) -> list[Turn]:
        async with self.database.unit(tenant) as unit:
            await ensure_all(unit, self._polls)
            return await take_turns(unit, POLL_LEASE_S)

    async def _ask(self, tenant: str, turn: Turn) -> int:
        since = time.monotonic()
        point("poller.after_turn")
        async with self.database.unit(tenant) as unit:
            stored = await find(unit, turn.connection)
        if stored is None:
            return 0
        try:
            connection = self.registry.open(stored)
            poll = connection.connector.polls[turn.event]
            with self.heart.kept(tenant, lambda unit: renew(unit, turn, POLL_LEASE_S), POLL_LEASE_S, since):
                page = await poll.run(connection.context(), turn.value)
        except (HubError, *ODD_SHAPES) as error:  # that poll waits, no other
            await self._miss(tenant, turn, error)
            return 0
        point("poller.after_page")
        return await again(lambda: self._advance(tenant, turn, page, poll.every))

    async def _advance(self, tenant: str, turn: Turn, page: Page, every: timedelta) -> int:
        wait_s = 0.0 if page.more else every.total_seconds()
        async with self.database.unit(tenant, source=turn.connection) as unit:
            await advance(unit, turn, page.events, page.files, page.cursor, wait_s)
            point("poller.before_commit")
        point("poller.after_commit")
        return len(page.events)

    async def _miss(self, tenant: str, turn: Turn, error: Exception) -> None:
        log.warning("a poll fails", tenant=tenant, connection=turn.connection, type=turn.event, error=str(error))
        async with self.database.unit(tenant) as unit:
            await miss(unit, turn, f"{type(error).__name__}: {error}")
            if isinstance(error, NeedsReauth):
                await hold(unit, turn.connection, str(error))
