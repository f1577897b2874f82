"""Transactions of one tenant. The only door to PostgreSQL; row-level security is set before anything else."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg

from hub.domain.delivery import Owed
from hub.domain.errors import HubError
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.ledger.record import Plan, Told, record
from hub.sdk.exact import dumps, loads
from hub.sdk.http import in_transaction

Wake = Callable[[str, str], Awaitable[None]]

HOME = "crm"
LIMITS = {
    "statement_timeout": "5000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "15000",
    "synchronous_commit": "on",
    "application_name": "lianshu",
}
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.LockNotAvailableError,
)


class Unavailable(HubError):
    """PostgreSQL cannot be reached or cannot commit; nothing may be promised."""


def owes_nothing(_event: Event) -> Sequence[Owed]:
    """The plan of a hub without flows."""
    return ()


async def wakes_nobody(_tenant: str, _connection: str) -> None:
    """The wake-up of a hub without a worker; the sweep finds the work."""


class LedgerUnit:
    """One open transaction (see `hub.sdk.Unit`)."""

    def __init__(self, connection: Any, tenant_id: str, source: str, now: datetime, plan: Plan) -> None:
        self._connection = connection
        self._plan = plan
        self.tenant_id = tenant_id
        self.source = source
        self.now = now
        self.owed_to: set[str] = set()
        self.conflicts: list[str] = []

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        """All rows."""
        return list(await self._connection.fetch(sql, *values))

    async def fetchrow(self, sql: str, *values: Any) -> Any | None:
        """The first row, or None."""
        return await self._connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        """The first column of the first row."""
        return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> str:
        """Run a statement; its command tag."""
        return str(await self._connection.execute(sql, *values))

    async def emit(self, *facts: Inbound) -> None:
        """Record facts of the home system and the deliveries they owe, in this transaction."""
        await self.record(HOME, facts)

    async def record(
        self, connection: str, facts: Sequence[Inbound], receipt_id: str | None = None, delivery_id: str | None = None
    ) -> int:
        """Record facts a connection told, once each, with the deliveries they owe; how many were new."""
        return await self.record_told([Told(connection, fact, receipt_id, delivery_id) for fact in facts])

    async def record_told(self, told: Sequence[Told]) -> int:
        """The same for facts of several sources."""
        found = await record(self, told, self._plan)
        self.owed_to |= found.connections
        self.conflicts += found.conflicts
        return found.events


class Database:
    """A pool of connections as hub_app."""

    def __init__(self, pool: Any, plan: Plan, wake: Wake) -> None:
        self._pool = pool
        self._plan = plan
        self._wake = wake

    @classmethod
    async def open(cls, url: str, size: int, plan: Plan = owes_nothing, wake: Wake = wakes_nobody) -> "Database":
        """Connect; raises Unavailable when PostgreSQL is not there."""
        try:
            pool = await asyncpg.create_pool(url, min_size=1, max_size=size, init=_teach_json, server_settings=LIMITS)
        except LOST as error:
            raise _unavailable(error) from error
        return cls(pool, plan, wake)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()

    @asynccontextmanager
    async def unit(self, tenant_id: str, source: str = HOME) -> AsyncIterator[LedgerUnit]:
        """A transaction of one tenant; it commits when the block ends well, then wakes the lanes it owes.

        Raises Unavailable when PostgreSQL is lost, also at the commit: then nothing may be promised.
        """
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                now = await connection.fetchval("SELECT now() FROM set_config('app.tenant', $1, true)", tenant_id)
                unit = LedgerUnit(connection, tenant_id, source, now, self._plan)
                inside = in_transaction.set(True)
                try:
                    yield unit
                finally:
                    in_transaction.reset(inside)
        except LOST as error:
            raise _unavailable(error) from error
        for name in sorted(unit.owed_to):
            await self._wake(tenant_id, name)

    async def due(self) -> list[tuple[str, str]]:
        """Every (tenant, connection) that has a delivery due now."""
        try:
            rows = await self._pool.fetch("SELECT tenant, connection FROM hub_due()")
        except LOST as error:
            raise _unavailable(error) from error
        return [(row["tenant"], row["connection"]) for row in rows]

    async def tenants(self) -> list[str]:
        """Ids of all tenants."""
        try:
            rows = await self._pool.fetch("SELECT id FROM tenants ORDER BY id")
        except LOST as error:
            raise _unavailable(error) from error
        return [row["id"] for row in rows]


async def _teach_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=dumps, decoder=loads, schema="pg_catalog")


def _unavailable(error: BaseException) -> Unavailable:
    hint = Text(
        "数据库暂时不可用：检查 PostgreSQL；发送方会重试。", "PostgreSQL is unavailable: check it; senders retry."
    )
    return Unavailable(f"{type(error).__name__}: {error}", hint=hint)
