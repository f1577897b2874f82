"""What a connection remembers between calls, in every process alike: tokens, caches, counters, single flight."""

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Protocol

from hub.sdk.exact import Json


class Memory(Protocol):
    """Durable and sealed, one connection's own. Raises Transient when PostgreSQL cannot be reached."""

    async def recall(self, name: str) -> Json | None:
        """What was kept under this name; None when there is nothing or its time is over."""

    async def keep(self, name: str, value: Json, lasts: timedelta | None = None) -> None:
        """Keep exact JSON under this name, over whatever was there; for ever unless `lasts` is given."""

    async def claim(self, name: str, lasts: timedelta) -> bool:
        """True for one caller until it is forgotten or its time is over: how one flight is kept single."""

    async def forget(self, name: str) -> None:
        """Forget it; safe to repeat."""

    async def spend(self, name: str, amount: Decimal, limit: Decimal) -> bool:
        """Add to a sum that starts at 0, unless that would pass `limit`: then False and nothing is added. Atomic.

        A negative amount gives back.
        """


class LocalMemory:
    """The same for one process: for tests, and for the probe of a connection that is not stored yet."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._kept: dict[str, tuple[Json, float | None]] = {}
        self._sums: dict[str, Decimal] = {}

    async def recall(self, name: str) -> Json | None:
        """See Memory."""
        value, until = self._kept.get(name, (None, None))
        return value if until is None or self._now() < until else None

    async def keep(self, name: str, value: Json, lasts: timedelta | None = None) -> None:
        """See Memory."""
        self._kept[name] = (value, None if lasts is None else self._now() + lasts.total_seconds())

    async def claim(self, name: str, lasts: timedelta) -> bool:
        """See Memory."""
        if await self.recall(name) is not None:
            return False
        await self.keep(name, True, lasts)
        return True

    async def forget(self, name: str) -> None:
        """See Memory."""
        self._kept.pop(name, None)

    async def spend(self, name: str, amount: Decimal, limit: Decimal) -> bool:
        """See Memory."""
        total = self._sums.get(name, Decimal(0)) + amount
        if total > limit:
            return False
        self._sums[name] = total
        return True
