"""Leases that are renewed while something takes its time, from a thread that no busy event loop can starve."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from hub.failpoints import point
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.presence import AWAY, Presence

Renew = Callable[[LedgerUnit], Awaitable[set[str]]]
"""Renews leases in the ledger; the names of those that turned out to be lost."""

BEATS = 3
"""How often a lease is renewed before it would lapse."""

SOON = 0.1
"""The part of a beat after which one that went wrong is tried again."""

log = structlog.get_logger("hub.ledger")


@dataclass(slots=True)
class Lease:
    """What we hold until `until` on the monotonic clock, unless it is renewed. `lost`: what another has taken over."""

    tenant: str
    renew: Renew
    lasts_s: float
    until: float
    present: Callable[[], bool]
    lost: set[str] = field(default_factory=set)

    def alive(self, name: str) -> bool:
        """Whether this is still ours, as far as this process can know; asked right before a write goes out."""
        return time.monotonic() < self.until and self.present() and name not in self.lost


class Heart:
    """Renews every lease of this process. Its thread has an event loop and a PostgreSQL connection of its own.

    While PostgreSQL is away nothing is renewed: a lease that lapses meanwhile is no longer alive.
    """

    def __init__(self, url: str, shortest_lease_s: float) -> None:
        self.presence = Presence(url, self._renew_all)
        self._url = url
        self._every_s = shortest_lease_s / BEATS
        self._leases: dict[int, Lease] = {}
        self._database: Database | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heart", daemon=True)

    def start(self) -> "Heart":
        """Begin to beat."""
        self._thread.start()
        return self

    def stop(self) -> None:
        """End the thread; leases lapse by themselves."""
        self._ended.set()
        self._thread.join()

    @contextmanager
    def kept(self, tenant: str, renew: Renew, lasts_s: float, now: float) -> Iterator[Lease]:
        """Keep what was claimed at `now` (monotonic, before the claim was asked for) until the block ends."""
        lease = Lease(tenant, renew, lasts_s, now + lasts_s, self.presence.believed)
        self._leases[id(lease)] = lease
        try:
            yield lease
        finally:
            del self._leases[id(lease)]

    def _run(self) -> None:
        asyncio.run(self._beat())

    async def _beat(self) -> None:
        staying = asyncio.create_task(self.presence.stay())
        pause_s = self._every_s
        while not await asyncio.to_thread(self._ended.wait, pause_s):
            pause_s = self._every_s
            try:
                await self._renew_all()
            except AWAY as error:
                log.warning("leases were not renewed", error=f"{type(error).__name__}: {error}")
                pause_s = self._every_s * SOON
        staying.cancel()
        await asyncio.gather(staying, return_exceptions=True)
        if self._database:
            await self._database.close()

    async def _renew_all(self) -> None:
        for lease in list(self._leases.values()):
            if self._database is None:
                self._database = await Database.open(self._url, 1, longest_s=max(1.0, self._every_s))
            await self._renew(self._database, lease)

    async def _renew(self, database: Database, lease: Lease) -> None:
        asked = time.monotonic()
        point("heartbeat.before")
        async with database.unit(lease.tenant) as unit:
            lease.lost |= await lease.renew(unit)
        point("heartbeat.after")
        lease.until = asked + lease.lasts_s
