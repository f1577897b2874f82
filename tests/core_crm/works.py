"""`sdk.Work` over a real database, as the composition root binds it, without flows."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from hub import sdk
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.keys import once


@dataclass(frozen=True, slots=True)
class Works:
    """Units of work for our own API, and `applying`: units as if an event of a connection were applied."""

    database: Database

    def begin(self, tenant_id: str) -> AbstractAsyncContextManager[LedgerUnit]:
        return self.database.unit(tenant_id)

    async def once(
        self, tenant_id: str, key: str, fingerprint: str, do: Callable[[sdk.Unit], Awaitable[tuple[int, sdk.Json]]]
    ) -> tuple[int, sdk.Json]:
        async with self.database.unit(tenant_id) as unit:
            return await once(unit, key, fingerprint, do)

    @asynccontextmanager
    async def applying(self, source: str, tenant_id: str = "demo") -> AsyncIterator[LedgerUnit]:
        async with self.database.unit(tenant_id, source=source) as unit:
            yield unit
