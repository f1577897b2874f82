"""Leases that are renewed while something takes its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from hub.ledger.database import Database, LedgerUnit, Unavailable


@asynccontextmanager
async def kept(
    database: Database, tenant: str, lease_s: float, renew: Callable[[LedgerUnit], Awaitable[None]]
) -> AsyncIterator[None]:
    """Renew three times in each lease until the block ends.

    While PostgreSQL is away nothing is renewed: a lease that lapses meanwhile is found by the fence.
    """

    async def beat() -> None:
        while True:
            await asyncio.sleep(lease_s / 3)
            with suppress(Unavailable):
                async with database.unit(tenant) as unit:
                    await renew(unit)

    beating = asyncio.create_task(beat())
    try:
        yield
    finally:
        beating.cancel()
