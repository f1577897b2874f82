"""An account's rate over all workers: calls are reserved in the ledger, a few at a time, and made no faster."""

import asyncio
import time
from dataclasses import dataclass, field

from hub.domain.errors import Transient
from hub.domain.text import Text
from hub.ledger import gates
from hub.ledger.database import Database, Unavailable

AT_ONCE_S = 0.05
AWAY = Text("数据库暂时不可用，会自动重试。", "PostgreSQL is away; it is retried.")


@dataclass(slots=True)
class Pace:
    """One connection's calls of this process. Reserves as many as make up 50 ms, so a fast account asks seldom."""

    database: Database
    tenant: str
    connection: str
    calls_per_second: float
    _left: int = 0
    _from: float = 0.0
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self) -> None:
        """Wait until one more call may go. Raises Transient when PostgreSQL is away: nothing was sent."""
        async with self._turn:
            if self._left == 0:
                await self._reserve()
            self._left -= 1
            starts = self._from
        await asyncio.sleep(max(0.0, starts - time.monotonic()))

    async def _reserve(self) -> None:
        calls = max(1, round(self.calls_per_second * AT_ONCE_S))
        try:
            async with self.database.unit(self.tenant) as unit:
                wait_s = await gates.reserve(unit, self.connection, calls, self.calls_per_second)
        except Unavailable as error:
            raise Transient(error.message, code="database", hint=AWAY) from error
        self._left, self._from = calls, time.monotonic() + wait_s
