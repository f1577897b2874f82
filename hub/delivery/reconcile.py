"""Compare what we made at a vendor with what stands there: every night, and when somebody asks. Repairs nothing."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog

from hub.domain.errors import ODD_SHAPES, ConfigError, HubError
from hub.ledger.connections import find
from hub.ledger.database import Database, again
from hub.ledger.leases import Heart
from hub.ledger.look import Known, comparisons
from hub.ledger.reconcile import Ref, Report, Turn, ensure, keep, known, make_due, miss, ours_since, renew, take_turn
from hub.registry import Registry
from hub.sdk.connector import Lister, Made
from hub.sdk.context import Context

LEASE_S, SOME = 30.0, 200
BACK = timedelta(days=30)
FRESH = timedelta(minutes=15)
"""What is younger there may be ours and not settled yet, or stamped by a clock that is not ours."""

log = structlog.get_logger("hub.worker")


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Compares for one process; any number of processes may run it. Looks back over what was made within `back`."""

    database: Database
    registry: Registry
    heart: Heart
    back: timedelta = BACK
    fresh: timedelta = FRESH

    async def run(self) -> int:
        """Make every comparison that is due, one after the other; how many reports were kept."""
        return sum([await self.run_for(tenant) for tenant in await comparisons(self.database, _lists(self.registry))])

    async def run_for(self, tenant: str) -> int:
        """The same for one tenant."""
        await _ensure(self.database, self.registry, tenant)
        kept = 0
        while turn := await self._next(tenant):
            kept += await self._take(tenant, turn)
        return kept

    async def _next(self, tenant: str) -> Turn | None:
        async with self.database.unit(tenant) as unit:
            return await take_turn(unit, LEASE_S)

    async def _take(self, tenant: str, turn: Turn) -> bool:
        since = time.monotonic()
        try:
            with self.heart.kept(tenant, lambda unit: renew(unit, turn, LEASE_S), LEASE_S, since):
                report = await self._compare(tenant, turn)
        except (HubError, *ODD_SHAPES) as error:  # that comparison waits, no other
            words = f"{type(error).__name__}: {error}"
            log.warning("reconciliation broke off", connection=turn.connection, entity=turn.entity, error=words)
            async with self.database.unit(tenant) as unit:
                await miss(unit, turn, words)
            return False
        return await again(lambda: self._keep(tenant, turn, report))

    async def _keep(self, tenant: str, turn: Turn, report: Report) -> bool:
        async with self.database.unit(tenant) as unit:
            return await keep(unit, turn, report)

    async def _compare(self, tenant: str, turn: Turn) -> Report:
        async with self.database.unit(tenant) as unit:
            since, until = unit.now - self.back, unit.now
            stored = await find(unit, turn.connection)
            ours = await ours_since(unit, turn, since)
        if stored is None:
            raise ConfigError(f"no connection {turn.connection!r}")
        connection = self.registry.open(stored)
        lister, context = connection.connector.listers[turn.entity], connection.context()
        theirs = await _listed(context, lister, since, until - self.fresh)
        there = {made.id: made.number for made in theirs or ()}
        doubtful = [ref for ref in ours if not _is(there, ref.external_id, ref.number)]
        missing = await _not_found(context, lister, doubtful)
        async with self.database.unit(tenant) as unit:
            here = await known(unit, turn, there.keys())
        unknown = [made for made in theirs or () if not _is(here, made.id, made.number)]
        counted = None if theirs is None else len(theirs)
        return Report(turn.connection, turn.entity, since, until, len(ours), counted, missing, unknown)


async def ask(database: Database, registry: Registry, tenant: str, connection: str = "") -> int:
    """Have a connection compared at the next run, or all; how many comparisons that is. Twice is once."""
    await _ensure(database, registry, tenant)
    async with database.unit(tenant) as unit:
        return await make_due(unit, connection)


async def _ensure(database: Database, registry: Registry, tenant: str) -> None:
    async with database.unit(tenant) as unit:
        await ensure(unit, _lists(registry))


def _lists(registry: Registry) -> Known:
    return [
        {"connector": name, "entity": entity} for name, each in registry.connectors.items() for entity in each.listers
    ]


async def _listed(context: Context[Any], lister: Lister, since: datetime, until: datetime) -> list[Made] | None:
    if lister.pages is None:
        return None
    return [made async for page in lister.pages(context, since, until) for made in page]


async def _not_found(context: Context[Any], lister: Lister, doubtful: Sequence[Ref]) -> list[Ref]:
    """What is not in the list may have been made earlier, or just now: only what is asked for by its id is missing."""
    missing: list[Ref] = []
    for first in range(0, len(doubtful), SOME):
        some = doubtful[first : first + SOME]
        found = await lister.find(context, [Made(id=ref.external_id, number=ref.number) for ref in some])
        there = {made.id: made.number for made in found}
        missing += [ref for ref in some if not _is(there, ref.external_id, ref.number)]
    return missing


def _is(there: Mapping[str, str], ident: str, number: str) -> bool:
    """Whether it is the same: a restored vendor may give an id away again, under another number."""
    return ident in there and (not number or not there[ident] or there[ident] == number)
