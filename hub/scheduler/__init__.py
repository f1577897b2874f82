"""Time calls us: polls, and the sweep that finds missed wake-ups and lapsed leases."""

from dataclasses import dataclass
from datetime import timedelta

from hub.domain.errors import HubError, NeedsReauth
from hub.ledger.claim import reap
from hub.ledger.connections import everyone, find, hold
from hub.ledger.cursors import Turn, advance, ensure, miss, take_turns
from hub.ledger.database import Database
from hub.registry import Registry

POLL_LEASE_S = 60.0
ODD_SHAPES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a connector's parser runs into when a vendor answers in a shape nobody knows: that poll waits, no other."""


@dataclass(frozen=True, slots=True)
class Scheduler:
    """Polls and sweeps for one process; any number of processes may run it."""

    database: Database
    registry: Registry

    async def sweep(self) -> list[tuple[str, str]]:
        """Free what silent workers left, and return every (tenant, connection) with work that is due."""
        for tenant in await self.database.tenants():
            async with self.database.unit(tenant) as unit:
                await reap(unit)
        return await self.database.due()

    async def poll(self) -> int:
        """Make every poll that is due, page by page; how many facts were asked into the ledger."""
        told = 0
        for tenant in await self.database.tenants():
            async with self.database.unit(tenant) as unit:
                for stored in await everyone(unit):
                    if known := self.registry.connectors.get(stored.connector):
                        for event in known.polls:
                            await ensure(unit, stored.name, event)
                turns = await take_turns(unit, POLL_LEASE_S)
            for turn in turns:
                told += await self._ask(tenant, turn)
        return told

    async def _ask(self, tenant: str, turn: Turn) -> int:
        async with self.database.unit(tenant) as unit:
            stored = await find(unit, turn.connection)
        if stored is None:
            return 0
        try:
            connection = self.registry.open(stored)
            poll = connection.connector.polls[turn.event]
            page = await poll.run(connection.context(), turn.value)
        except (HubError, *ODD_SHAPES) as error:
            async with self.database.unit(tenant) as unit:
                await miss(unit, turn, f"{type(error).__name__}: {error}")
                if isinstance(error, NeedsReauth):
                    await hold(unit, turn.connection, str(error))
            return 0
        wait = timedelta(0) if page.more else poll.every
        async with self.database.unit(tenant, source=turn.connection) as unit:
            await advance(unit, turn, page.events, page.cursor, wait.total_seconds())
        return len(page.events)
