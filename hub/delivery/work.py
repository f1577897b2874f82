"""The worker's loop: drain what wake-ups and the sweep name, one drain at a time for each connection."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable

import structlog

from hub.ledger.database import Unavailable

Drain = Callable[[str, str, asyncio.Event], Awaitable[object]]
"""(tenant, connection, more): drains until nothing is due. It clears `more` before it looks; set, it looks again."""

log = structlog.get_logger("hub.worker")


class Drains:
    """One asked for while another of the same connection runs has that one look again, at once and after its end."""

    def __init__(self, drain: Drain) -> None:
        self._drain = drain
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._more: defaultdict[tuple[str, str], asyncio.Event] = defaultdict(asyncio.Event)

    async def ask(self, tenant: str, connection: str) -> None:
        """Have a connection drained soon; returns at once."""
        place = (tenant, connection)
        self._more[place].set()
        if place not in self._running:
            task = self._running[place] = asyncio.create_task(self._run(place))
            task.add_done_callback(_tell)

    async def _run(self, place: tuple[str, str]) -> None:
        try:
            while (more := self._more[place]).is_set():
                await self._drain(*place, more)
        except Unavailable as error:
            log.warning("postgresql is away; the sweep takes it up again", error=error.message)
        finally:
            del self._running[place], self._more[place]

    async def finish(self, patience_s: float) -> None:
        """Wait for the drains under way; those that take longer are broken off, and their leases lapse."""
        if running := list(self._running.values()):
            _, late = await asyncio.wait(running, timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)


def _tell(task: asyncio.Task[None]) -> None:
    """A bug in a drain ends that drain alone: it is logged, the lease lapses, the sweep takes the delivery up again."""
    if not task.cancelled() and (error := task.exception()):
        log.error("a drain broke off", exc_info=error)


async def every(seconds: float, do: Callable[[], Awaitable[object]]) -> None:
    """Do something again and again until cancelled; a PostgreSQL that is away is waited for, a bug is told."""
    while True:
        try:
            await do()
        except Unavailable as error:
            log.warning("postgresql is away", error=error.message)
        except Exception as error:
            log.error("a round broke off", exc_info=error)
        await asyncio.sleep(seconds)
