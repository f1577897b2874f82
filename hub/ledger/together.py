"""Group commit: what comes in while a transaction commits goes into the next one, and nothing waits for a timer."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import structlog

from hub.ledger.database import Unavailable, again

T = TypeVar("T")

log = structlog.get_logger("hub.ledger")
MOST = 200
"""Items in one transaction."""


class Together(Generic[T]):
    """Commits items of one process, a tenant's in their order, one transaction after the other."""

    def __init__(self, commit: Callable[[str, Sequence[T]], Awaitable[None]]) -> None:
        self._commit = commit
        self._waiting: defaultdict[str, list[tuple[T, asyncio.Future[None]]]] = defaultdict(list)
        self._running: dict[str, asyncio.Task[None]] = {}

    async def do(self, tenant: str, item: T) -> None:
        """Return when it is committed. Raises what the commit raised: then nothing may be promised."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[tenant].append((item, done))
        if tenant not in self._running:
            self._running[tenant] = asyncio.create_task(self._run(tenant))
        await done

    async def _run(self, tenant: str) -> None:
        try:
            while some := self._waiting[tenant][:MOST]:
                del self._waiting[tenant][:MOST]
                await self._try(tenant, some)
        finally:
            del self._running[tenant], self._waiting[tenant]

    async def _try(self, tenant: str, some: list[tuple[T, asyncio.Future[None]]]) -> None:
        try:
            await again(lambda: self._commit(tenant, [item for item, _ in some]))
        except Unavailable as error:
            _tell(some, error)
        except Exception as error:
            if len(some) == 1:
                log.error("cannot be committed", exc_info=error)
                _tell(some, error)
            else:  # one of them is the reason: it fails alone
                for each in some:
                    await self._try(tenant, [each])
        else:
            _tell(some, None)


def _tell(some: Sequence[tuple[object, asyncio.Future[None]]], error: Exception | None) -> None:
    for _, done in some:
        if done.done():
            continue
        if error:
            done.set_exception(error)
        else:
            done.set_result(None)
