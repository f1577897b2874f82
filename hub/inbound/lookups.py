"""Finding the connections that are called: those who ask while a look runs share the next one, so none is outdated."""

from collections.abc import Sequence
from dataclasses import dataclass

from hub.ledger.connections import Stored, find
from hub.ledger.database import Database
from hub.ledger.together import Together


@dataclass(slots=True)
class _Look:
    name: str
    found: Stored | None = None


class Lookups:
    """Looks for one process. A flood costs PostgreSQL a look at a time, not one for each request."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._together: Together[_Look] = Together(self._look)

    async def find(self, tenant: str, name: str) -> Stored | None:
        """A connection as it was after this was asked; raises Unavailable."""
        look = _Look(name)
        await self._together.do(tenant, look)
        return look.found

    async def _look(self, tenant: str, looks: Sequence[_Look]) -> None:
        async with self._database.unit(tenant) as unit:
            found = {name: await find(unit, name) for name in {look.name for look in looks}}
        for look in looks:
            look.found = found[look.name]
