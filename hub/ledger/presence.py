"""Who is there: a worker holds a number as long as it lives, as a lock of its own session.

PostgreSQL lets the lock go the moment the process dies, so what a dead worker held is free again within seconds. A
worker that hangs, or whose network hangs, keeps it: then the leases decide.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from hub.ledger.database import Unavailable
from hub.sdk.home import Unit

KIND = 0x4C53
"""Our kind of two-part advisory locks; the other part is the worker's number."""

PING_S, PRESENT_S, ORPHAN_S = 0.5, 1.5, 2.0
"""A worker asks PostgreSQL so often whether its session lives, and believes the answer so long. What has nobody is
free after a longer time, so that whoever thinks it is there has stopped sending by then."""

SESSION = {
    "application_name": "lianshu presence",
    "tcp_keepalives_idle": "5",
    "tcp_keepalives_interval": "1",
    "tcp_keepalives_count": "3",
}
AWAY = (Unavailable, OSError, asyncpg.PostgresError, asyncpg.InterfaceError)
ORPHANS = """
SELECT id, lease_until FROM deliveries d
WHERE d.tenant_id = $1 AND d.state IN ('claimed', 'sending') AND d.worker IS NOT NULL
  AND d.worker NOT IN (SELECT objid::int4 FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted
    AND l.classid = $2::int4::oid AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""

Orphan = tuple[str, datetime]
"""A delivery's id and its lease: renewed, it is another one."""


class Presence:
    """Keeps this process's number. `number` is 0 before it has one, and stays the same afterwards."""

    def __init__(self, url: str, back: Callable[[], Awaitable[None]]) -> None:
        self.number = 0
        self._url = url
        self._back = back
        self._until = 0.0

    def believed(self) -> bool:
        """Whether nobody can have taken over what we hold because he missed us."""
        return self.number == 0 or time.monotonic() < self._until

    async def stay(self) -> None:
        """Hold the number until cancelled. `back` is done each time it was got, before we count as present."""
        while True:
            try:
                async with asyncio.timeout(PRESENT_S):
                    session = await asyncpg.connect(self._url, server_settings=SESSION)
                try:
                    await self._hold(session)
                finally:
                    session.terminate()
            except AWAY:
                await asyncio.sleep(PING_S)

    async def _hold(self, session: "asyncpg.Connection[asyncpg.Record]") -> None:
        number = self.number or random.randrange(1, 2**31)
        asked = time.monotonic()
        if not await session.fetchval("SELECT pg_try_advisory_lock($1, $2)", KIND, number, timeout=PRESENT_S):
            raise TimeoutError(f"another session holds the number {number}")
        self.number = number
        await self._back()
        while True:
            self._until = asked + PRESENT_S
            await asyncio.sleep(PING_S)
            asked = time.monotonic()
            await session.fetchval("SELECT true", timeout=PRESENT_S)


@dataclass(slots=True)
class Orphans:
    """What lies around without its worker, and since when this process saw it so."""

    _since_s: dict[str, dict[Orphan, float]] = field(default_factory=dict)

    async def long_alone(self, unit: Unit) -> list[Orphan]:
        """Those of a tenant that nobody has held for so long that nobody can still be sending them."""
        now = time.monotonic()
        alone = [(row["id"], row["lease_until"]) for row in await unit.fetch(ORPHANS, unit.tenant_id, KIND)]
        before = self._since_s.get(unit.tenant_id, {})
        since = self._since_s[unit.tenant_id] = {each: before.get(each, now) for each in alone}
        return [each for each in alone if now - since[each] >= ORPHAN_S]
