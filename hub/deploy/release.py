"""From files and declared connections to what runs: first the difference, then one transaction, or back again."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from pydantic import SecretStr

from hub.deploy.difference import Change, connection_change, file_changes, undeclared
from hub.deploy.environment import Declared, Environment, Look, Place, Wanted, want
from hub.deploy.running import Load
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.flows import Catalogue, Files
from hub.flows.learned import learned
from hub.ledger.connections import Stored, everyone, save
from hub.ledger.database import HOME, Database, LedgerUnit
from hub.ledger.releases import (
    File,
    declare,
    declared_of,
    enter,
    files_of,
    find_release,
    newest_number,
    stamp,
    write_release,
)
from hub.mapping.files.nearest import unknown
from hub.mapping.files.yaml_text import Document
from hub.mapping.shapes.shape import Shape
from hub.registry import Connection, Registry
from hub.registry.told import told_streams
from hub.sdk.exact import Json

AGAIN = Text("重新运行 hub plan，看过差别再应用。", "Run `hub plan` again and look at the difference.")
FIRST = Text("先运行 hub apply。", "Run `hub apply` first.")
LIST = Text("用 hub releases 查看。", "See them with `hub releases`.")


@dataclass(frozen=True, slots=True)
class Doubt:
    """What may go wrong with some data. `tenants`: whose streams it was held against; none while nothing came in."""

    words: str
    tenants: Sequence[str]


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be applied, and what it was held against: release `follows`, and when each connection was changed.

    `absent`: connections that flows need and no tenant has; what is owed to them waits. `doubts` stop nothing.
    """

    follows: int
    files: Sequence[File]
    declared: Mapping[Place, Declared]
    saving: Sequence[tuple[Wanted, datetime | None]]
    changes: Sequence[Change]
    restores: int | None = None
    absent: Sequence[str] = ()
    doubts: Sequence[Doubt] = ()

    @property
    def hash(self) -> str:
        """SHA-256 over every path with its content, and every declared connection."""
        files = sorted((file.path, file.hash) for file in self.files)
        declared = sorted((*place, each.model_dump(mode="json")) for place, each in self.declared.items())
        return _digest(json.dumps([files, declared], ensure_ascii=False, sort_keys=True))


@dataclass(frozen=True, slots=True)
class _Now:
    """What the ledger holds: the newest release, the connections there are, and what came in, by tenant and event."""

    number: int
    files: Files
    declared: Mapping[Place, Declared]
    stored: Mapping[Place, Stored]
    tenants: Sequence[str]
    shapes: Mapping[str, Mapping[str, Shape]]


@dataclass(frozen=True, slots=True)
class Deployer:
    """Plans and applies. `load` checks files against what this hub can do and raises ConfigError at the place."""

    database: Database
    registry: Registry
    load: Load

    async def plan(self, files: Files, environment: Environment | None) -> Plan:
        """The way from what runs to these files; without an environment connections stay as they are. Writes nothing.

        Raises ConfigError for whatever is wrong in the files or the environment.
        """
        return self._plan(files, environment, await self._now(), None)

    async def plan_back(self, number: int | None, look: Look) -> Plan:
        """The way to an older release, by default the one before. What is given by reference stays as it is now.

        `look` reads the references of what is not there any more.
        """
        now = await self._now()
        if now.number == 0:
            raise ConfigError("还没有发布 / there is no release yet", hint=FIRST)
        if now.number == 1 and number is None:
            raise ConfigError("只有一个发布，没有可退回的 / only one release: nothing to go back to")
        number = now.number - 1 if number is None else number
        async with self.database.unit("") as unit:
            if await find_release(unit, number) is None:
                raise ConfigError(f"没有发布 {number} / no release {number}", hint=LIST)
            files = await files_of(unit, number)
        declared = await self._declared(number)
        back = Environment(declared, Document(f"release {number}"), look)
        return self._plan(files, back if declared or now.declared else None, now, number)

    async def apply(self, plan: Plan, who: str, note: str) -> int:
        """Write a release with all that belongs to it, or nothing; its number. Every process takes it within 2 s.

        Raises ConfigError when what runs, or a connection, is no longer what the plan was held against.
        """
        async with self.database.unit("") as unit:
            about = (plan.hash, who, note, plan.restores)
            number = await write_release(unit, plan.follows, about, plan.files)
            if number is None:
                raise _moved(f"release {plan.follows}")
            for place, declared in plan.declared.items():
                await enter(unit, place[0])
                await declare(unit, number, place[1], declared.connector, declared.config)
            for wanted, seen in plan.saving:
                await self._save(unit, wanted, seen)
        return number

    async def _save(self, unit: LedgerUnit, wanted: Wanted, seen: datetime | None) -> None:
        tenant, name = wanted.place
        await enter(unit, tenant)
        if await stamp(unit, name) != seen:
            raise _moved(f"connection {tenant}.{name}")
        plain, sealed = self.registry.seal(tenant, name, wanted.config)
        await save(unit, name, wanted.connector, plain, sealed)

    def _plan(self, files: Files, environment: Environment | None, now: _Now, restores: int | None) -> Plan:
        catalogue = self.load(files)
        kept = [File(path, text, _digest(text), catalogue.pins[path]) for path, text in files.items()]
        changes, doubts = list(file_changes(now.files, files)), self._doubts(catalogue, now)
        if environment is None:
            absent = _absent(catalogue, now.stored)
            return Plan(now.number, kept, now.declared, (), changes, restores, absent, doubts)
        saving = []
        for place, declared in environment.declared.items():
            if place[0] not in now.tenants:
                raise environment.document.refuse(("tenants", place[0], ""), unknown(place[0], now.tenants))
            stored = now.stored.get(place)
            current = self._current(stored)
            now_held = _values(current, declared.connector) if restores else {}
            wanted = want(self.registry, environment, place, now_held)
            if change := connection_change(current, wanted):
                changes.append(change)
                saving.append((wanted, stored.updated_at if stored else None))
        changes += undeclared(now.declared.keys() - environment.declared.keys())
        absent = _absent(catalogue, {**now.stored, **environment.declared})
        return Plan(now.number, kept, environment.declared, saving, changes, restores, absent, doubts)

    def _doubts(self, catalogue: Catalogue, now: _Now) -> list[Doubt]:
        """What types tell, with what each tenant has received; as long as nothing came in, with samples alone."""
        actions = {name: action.input for name, action in self.registry.actions.items()}
        streams, found = told_streams(self.registry), dict[str, list[str]]()
        received = {tenant: shapes for tenant, shapes in now.shapes.items() if shapes}
        for tenant, shapes in received.items():
            for each in catalogue.findings(actions, streams.learned(shapes)):
                found.setdefault(str(each), []).append(tenant)
        alone = [] if received else catalogue.findings(actions, streams)
        return [Doubt(words, tenants) for words, tenants in {**found, **{str(each): [] for each in alone}}.items()]

    def _current(self, stored: Stored | None) -> Connection | None:
        """The connection as it is; None also for one that this hub can no longer read, and is to be set anew."""
        try:
            return self.registry.open(stored) if stored else None
        except ConfigError:
            return None

    async def _now(self) -> _Now:
        async with self.database.unit("") as unit:
            number = await newest_number(unit)
            files = await files_of(unit, number)
        stored: dict[Place, Stored] = {}
        shapes: dict[str, Mapping[str, Shape]] = {}
        tenants = await self.database.tenants()
        for tenant in tenants:
            async with self.database.unit(tenant) as unit:
                stored |= {(tenant, each.name): each for each in await everyone(unit)}
                shapes[tenant] = await learned(unit)
        return _Now(number, files, await self._declared(number), stored, tenants, shapes)

    async def _declared(self, number: int) -> dict[Place, Declared]:
        found: dict[Place, Declared] = {}
        for tenant in await self.database.tenants():
            async with self.database.unit(tenant) as unit:
                for name, (connector, config) in (await declared_of(unit, number)).items():
                    found[tenant, name] = Declared(connector=connector, config=config)
        return found


def _absent(catalogue: Catalogue, there: Iterable[Place]) -> list[str]:
    """Connections of steps that are not optional, and that no tenant has."""
    needed = {step.connection for flow in catalogue.flows if not flow.optional for step in flow.steps}
    return sorted(needed - {name for _, name in there} - {HOME})


def _values(current: Connection | None, connector: str) -> dict[str, Json]:
    """What a connection holds now, secrets in the open. Another connector's secrets are not for this one."""
    if current is None or current.connector.id != connector:
        return {}
    values = {name: getattr(current.config, name) for name in type(current.config).model_fields}
    return {name: v.get_secret_value() if isinstance(v, SecretStr) else v for name, v in values.items()}


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def _moved(what: str) -> ConfigError:
    return ConfigError(f"{what} 已被别人改动 / was changed by somebody else meanwhile", hint=AGAIN)
