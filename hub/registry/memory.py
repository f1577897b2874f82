"""A stored connection's memory: rows of the ledger, sealed by the vault."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

from hub.credentials import Vault
from hub.domain.errors import Transient
from hub.ledger import memory
from hub.ledger.database import Database, LedgerUnit, Unavailable
from hub.sdk.exact import Json, dumps, loads


@dataclass(frozen=True, slots=True)
class StoredMemory:
    """See `hub.sdk.Memory`."""

    database: Database
    vault: Vault
    tenant: str
    connection: str

    async def recall(self, name: str) -> Json | None:
        """See Memory."""
        async with self._unit() as unit:
            sealed = await memory.recall(unit, self.connection, name)
        return None if sealed is None else loads(self.vault.open(sealed, self.tenant, self.connection, _field(name)))

    async def keep(self, name: str, value: Json, lasts: timedelta | None = None) -> None:
        """See Memory."""
        async with self._unit() as unit:
            await memory.keep(unit, self.connection, name, self._seal(name, value), lasts)

    async def claim(self, name: str, lasts: timedelta) -> bool:
        """See Memory."""
        async with self._unit() as unit:
            return await memory.claim(unit, self.connection, name, self._seal(name, True), lasts)

    async def forget(self, name: str) -> None:
        """See Memory."""
        async with self._unit() as unit:
            await memory.forget(unit, self.connection, name)

    async def spend(self, name: str, amount: Decimal, limit: Decimal) -> bool:
        """See Memory."""
        async with self._unit() as unit:
            return await memory.spend(unit, self.connection, name, amount, limit)

    def _seal(self, name: str, value: Json) -> str:
        return self.vault.seal(dumps(value), self.tenant, self.connection, _field(name))

    @asynccontextmanager
    async def _unit(self) -> AsyncIterator[LedgerUnit]:
        try:
            async with self.database.unit(self.tenant) as unit:
                yield unit
        except Unavailable as error:
            raise Transient(error.message, code="memory", hint=error.hint) from error


def _field(name: str) -> str:
    return f"memory:{name}"
