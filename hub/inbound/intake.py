"""Keeping what comes in: many receipts in one transaction, each sender answered only after it."""

from collections.abc import Sequence

import structlog
from prometheus_client import Counter

from hub.failpoints import point
from hub.ledger.database import Database
from hub.ledger.receive import Receipt, keep
from hub.ledger.together import Together

log = structlog.get_logger("hub.inbound")
CONFLICTS = Counter("hub_conflicts_total", "Facts that came again under a known id with other words")


class Intake:
    """Keeps receipts for one process."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._together: Together[Receipt] = Together(self._commit)

    async def keep(self, tenant: str, receipt: Receipt) -> None:
        """Return when it is committed. Raises Unavailable when it may not be: then nothing may be promised."""
        await self._together.do(tenant, receipt)

    async def _commit(self, tenant: str, receipts: Sequence[Receipt]) -> None:
        async with self.database.unit(tenant) as unit:
            point("ingress.before_insert")
            await keep(unit, receipts)
            point("ingress.after_insert")
            point("ingress.before_commit")
        point("ingress.after_commit")
        for known in unit.conflicts:
            log.warning("an id came again with other words; the first stands", tenant=tenant, id=known)
            CONFLICTS.inc()
