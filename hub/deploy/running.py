"""What one process runs, and how it takes a new release: the catalogue is swapped whole, between two events."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import structlog
from prometheus_client import Gauge

from hub.domain.delivery import Owed
from hub.domain.errors import ConfigError
from hub.domain.event import Event
from hub.domain.text import Text
from hub.flows import Catalogue, Files, read_files
from hub.ledger.database import Database, again
from hub.ledger.releases import files_of, newest_number
from hub.ledger.versions import keep_versions, new_tenants
from hub.mapping import MappingFile

LOOK_S = 1.0
"""How often a process looks for a new release."""

NOTHING = Catalogue((), {})
RUNS = Gauge("hub_release", "The release that this process runs; 0: its own files")
REFUSED = Gauge("hub_release_refused", "The newest release, while it does not load in this process; else 0")

Load = Callable[[Files], Catalogue]
log = structlog.get_logger("hub.release")


class Running:
    """One catalogue at a time. The mappings of those before stay at hand: what is under way keeps its pin.

    `holding`: the tenants whose ledger holds the texts of what runs.
    """

    def __init__(self, catalogue: Catalogue = NOTHING) -> None:
        self.titles: dict[str, Text] = {}
        self.holding: set[str] = set()
        self._mappings: dict[str, MappingFile] = {}
        self.swap(catalogue, 0)

    def swap(self, catalogue: Catalogue, number: int) -> None:
        """Run this from now on. It never waits, so that no event is planned with parts of two."""
        self.catalogue, self.number, self.refused = catalogue, number, 0
        self._mappings.update(catalogue.mappings)
        self.titles.clear()
        self.titles.update({flow.name: flow.title for flow in catalogue.flows})
        RUNS.set(number)
        REFUSED.set(0)

    def refuse(self, number: int) -> None:
        """Stay with what runs: the release of this number does not load here."""
        self.refused = number
        REFUSED.set(number)

    def plan(self, event: Event) -> list[Owed]:
        """The deliveries an event owes."""
        return self.catalogue.plan(event)

    def mapping(self, pin: str) -> MappingFile:
        """The mapping of a pin; KeyError when this process never ran it."""
        return self._mappings[pin]

    @property
    def state(self) -> str:
        """ "ok", or which release does not load here, for /readyz."""
        return f"{self.refused} does not load here, {self.number} runs on: see the log" if self.refused else "ok"


@dataclass(frozen=True, slots=True)
class Follower:
    """Keeps what runs in step with the ledger. `load` is pure, and goes beside the event loop."""

    database: Database
    running: Running
    load: Load

    async def start(self, directory: Path, load: Load) -> None:
        """Take the newest release; while there is none, the files of this directory with `load`. Raises ConfigError."""
        number, files = await self._newest()
        await (self._take(number, files, self.load) if number else self._take(0, read_files(directory), load))

    async def look(self) -> None:
        """Take a release that is new; one that does not load is told once, and what runs goes on.

        First a tenant that came since is given the texts of what runs: it may owe something already.
        """
        holding = self.running.holding
        async with self.database.unit("") as unit:
            newest, missing = await newest_number(unit), await new_tenants(unit, holding)
        await self._hold(self.running.catalogue, holding, missing)
        if newest in (0, self.running.number, self.running.refused):
            return
        number, files = await self._newest()
        try:
            await self._take(number, files, self.load)
        except ConfigError as error:
            self.running.refuse(number)
            log.error("release.refused", release=number, runs=self.running.number, error=error.message)
        else:
            log.info("release.runs", release=number)

    async def _newest(self) -> tuple[int, Mapping[str, str]]:
        async with self.database.unit("") as unit:
            number = await newest_number(unit)
            return number, await files_of(unit, number)

    async def _take(self, number: int, files: Files, load: Load) -> None:
        """Before anything is planned with it, every tenant's ledger holds its texts."""
        catalogue, holding = await asyncio.to_thread(load, files), set[str]()
        async with self.database.unit("") as unit:
            everyone = await new_tenants(unit, holding)
        await self._hold(catalogue, holding, everyone)
        self.running.swap(catalogue, number)
        self.running.holding = holding

    async def _hold(self, catalogue: Catalogue, holding: set[str], missing: Iterable[str]) -> None:
        """These tenants' ledgers hold the texts as well, and are added to those that do."""
        for tenant in missing:
            await again(partial(self._keep, tenant, catalogue))
            holding.add(tenant)

    async def _keep(self, tenant: str, catalogue: Catalogue) -> None:
        async with self.database.unit(tenant) as unit:
            await keep_versions(unit, catalogue.versions)
