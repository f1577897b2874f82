"""Transactions of one tenant. The only door to PostgreSQL; row-level security is set before anything else."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, TypeVar
from urllib.parse import urlsplit

import asyncpg

from hub.domain.delivery import Owed
from hub.domain.errors import HubError
from hub.domain.event import Event, Inbound
from hub.domain.text import Text
from hub.ledger.record import Plan, Told, record
from hub.sdk.exact import dumps, loads
from hub.sdk.http import in_transaction

T = TypeVar("T")
Wake = Callable[[str, str], Awaitable[None]]

HOME = "crm"
# A plan kept from when the ledger was empty reads all there is by now, also in checks of foreign keys.
LIMITS = {
    "statement_timeout": "5000",
    "lock_timeout": "2000",
    "idle_in_transaction_session_timeout": "15000",
    "synchronous_commit": "on",
    "jit": "off",
    "plan_cache_mode": "force_custom_plan",
    "application_name": "lianshu",
}
LONGEST_S = 10.0
"""How long a transaction may wait for a connection, and how long it may last, whatever hangs."""

COLLIDED = (asyncpg.SerializationError, asyncpg.DeadlockDetectedError, asyncpg.LockNotAvailableError)
LOST = (
    OSError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.PostgresSystemError,
    asyncpg.ReadOnlySQLTransactionError,
    *COLLIDED,
)
SHUT = (asyncpg.InvalidCatalogNameError, asyncpg.InvalidAuthorizationSpecificationError)
CHECK = Text("核对 HUB_DATABASE_URL。", "Check HUB_DATABASE_URL.")
TRIES, PATIENCE_S, APART_S = 5, 3.0, 0.05


class Unavailable(HubError):
    """PostgreSQL cannot be reached or cannot commit; nothing may be promised."""


class Collision(Unavailable):
    """Two transactions stood in each other's way; nothing of this one was committed, and it may pass at once."""


async def again(do: Callable[[], Awaitable[T]]) -> T:
    """Do a transaction that asks nobody outside; five times at most, and for 3 s, while others stand in its way."""
    until = time.monotonic() + PATIENCE_S
    for _ in range(TRIES - 1):
        try:
            return await do()
        except Collision:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(random.uniform(0, APART_S))
    return await do()


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
    """A pool of connections as hub_app.

    `accepting` is the same ledger over connections that hooks alone use, so that whoever uses up the others keeps
    no sender waiting.
    """

    def __init__(
        self, pool: Any, plan: Plan, wake: Wake, longest_s: float, accepting: "Database | None" = None
    ) -> None:
        self._pool = pool
        self._plan = plan
        self._wake = wake
        self._longest_s = longest_s
        self.accepting = accepting or self

    @classmethod
    async def open(
        cls,
        url: str,
        size: int,
        plan: Plan = owes_nothing,
        wake: Wake = wakes_nobody,
        longest_s: float = LONGEST_S,
    ) -> "Database":
        """Connect; the connections of `accepting` come when used.

        Raises Unavailable when PostgreSQL, or this database in it, is not there, or does not let us in.
        """

        async def pool(least: int) -> Any:
            return await asyncpg.create_pool(
                url,
                min_size=least,
                max_size=size,
                init=_teach_json,
                reset=_leave_as_is,
                server_settings=LIMITS,
                timeout=longest_s,
            )

        try:
            others, accepting = await pool(1), await pool(0)
        except ValueError as error:  # its words may hold the password
            raise Unavailable("不是数据库的地址 / not the address of a database", hint=CHECK) from error
        except (*SHUT, *LOST) as error:
            raise Unavailable(_why_not(url, error), hint=CHECK) from error
        return cls(others, plan, wake, longest_s, cls(accepting, plan, wake, longest_s))

    async def close(self) -> None:
        """Close every connection; those that hang are broken off."""
        if self.accepting is not self:
            await self.accepting.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._longest_s):
                await self._pool.close()

    @asynccontextmanager
    async def unit(self, tenant_id: str, source: str = HOME) -> AsyncIterator[LedgerUnit]:
        """A transaction of one tenant; it commits when the block ends well, then wakes the lanes it owes.

        Raises Unavailable when PostgreSQL is lost, also at the commit: then nothing may be promised.
        """
        async with self._transaction() as connection:
            now = await connection.fetchval("SELECT now() FROM set_config('app.tenant', $1, true)", tenant_id)
            unit = LedgerUnit(connection, tenant_id, source, now, self._plan)
            inside = in_transaction.set(True)
            try:
                yield unit
            finally:
                in_transaction.reset(inside)
        for name in sorted(unit.owed_to):
            await self._wake(tenant_id, name)

    async def tenants(self) -> list[str]:
        """Ids of all tenants."""
        async with self._transaction() as connection:
            rows = await connection.fetch("SELECT id FROM tenants ORDER BY id")
        return [row["id"] for row in rows]

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Any]:
        """A connection inside a transaction. One that is lost, or hangs, is thrown away and the idle ones with it.

        They may be dead as well (a network that went away, a failover), and would be found out one by one.
        """
        try:
            async with self._pool.acquire(timeout=self._longest_s) as connection:
                watch = asyncio.get_running_loop().call_later(self._longest_s, connection.terminate)
                try:
                    async with connection.transaction():
                        yield connection
                except Exception as error:
                    if not _is_gone(connection):
                        raise
                    await self._pool.expire_connections()
                    raise ConnectionResetError(f"lost, or hung for {self._longest_s} s") from error
                finally:
                    watch.cancel()
        except LOST as error:
            raise _unavailable(error) from error


def _is_gone(connection: Any) -> bool:
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:  # the pool has taken it back, as it does with what is closed
        return True


async def _teach_json(connection: Any) -> None:
    await connection.set_type_codec("jsonb", encoder=dumps, decoder=loads, schema="pg_catalog")


async def _leave_as_is(_connection: Any) -> None:
    """Transactions leave nothing behind in their session, so there is nothing to reset between them."""


def _why_not(url: str, error: Exception) -> str:
    name = urlsplit(url).path.removeprefix("/")
    if isinstance(error, asyncpg.InvalidCatalogNameError):
        return f"没有数据库 {name} / no database {name}"
    if isinstance(error, SHUT):
        return f"数据库 {name} 拒绝登录 / database {name} refuses the login: {error}"
    return f"连不上数据库 {name} / cannot reach the database {name}: {type(error).__name__}: {error}"


def _unavailable(error: BaseException) -> Unavailable:
    hint = Text(
        "数据库暂时不可用：检查 PostgreSQL；发送方会重试。", "PostgreSQL is unavailable: check it; senders retry."
    )
    kind = Collision if isinstance(error, COLLIDED) else Unavailable
    return kind(f"{type(error).__name__}: {error}", hint=hint)
