"""A CRM that other systems tell of: each home action has a mapping that takes its input as the event brings it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import BaseModel

import core_crm
from hub import sdk
from hub.api.explain import Explainer
from hub.api.lab import Lab
from hub.api.preview import Planner
from hub.credentials import Vault
from hub.delivery.deliver import Deliverer
from hub.delivery.prepare import Preparer
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.ledger.versions import keep_versions
from hub.mapping import MappingFile, parse_mapping
from hub.registry import Registry
from hub.sdk.http import Egress

AT = datetime(2026, 11, 28, tzinfo=UTC)
HEAD = "mapping: acme.news__crm.{action}\nversion: {version}\nfrom: acme.news\nto: crm.{action}\nfields:\n"
TAIL = "examples:\n  - { name: none, given: {}, error: never }\n"


def leaves(model: type[BaseModel], before: str = "") -> list[str]:
    """Every field of an input, those of inner objects with a point."""
    found: list[str] = []
    for name, info in model.model_fields.items():
        inner = info.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            found += leaves(inner, f"{before}{name}.")
        else:
            found.append(f"{before}{name}")
    return found


def written(action: str, version: int = 1, **rules: str) -> MappingFile:
    """A mapping that takes each field from the same place in the event; `rules` say otherwise."""
    names = core_crm.home.actions[action].input.model_fields
    lines = [f"  {name}: {{ take: {rules.get(name, name)} }}\n" for name in names]
    text = HEAD.format(action=action, version=version) + "".join(lines) + TAIL
    return parse_mapping(text, f"acme/news__crm_{action}.yaml")


@dataclass
class World:
    """`running` is the mapping of each action now; the ledger keeps all that ever ran."""

    addresses: Addresses
    running: dict[str, MappingFile] = field(default_factory=dict)
    database: Database = field(init=False)
    deliverer: Deliverer = field(init=False)
    lab: Lab = field(init=False)
    explainer: Explainer = field(init=False)
    told: int = 0

    async def open(self) -> "World":
        registry = Registry({}, core_crm.home, Vault(Vault.new_key()), Egress())
        self.database = await Database.open(self.addresses.app, size=5, plan=self.plan)
        for action in core_crm.home.actions:
            await self.run(written(action))
        preparer = Preparer(self.database, registry, self.mapping)
        self.deliverer = Deliverer(self.database, registry, preparer, 15, Heart(self.addresses.app, 15))
        self.lab = Lab(self.database, Planner(registry.actions, self.plan), self.mapping)
        inputs = {name: action.input for name, action in registry.actions.items()}
        self.explainer = Explainer(
            self.database, core_crm.home, inputs, lambda: {m.pin: m for m in self.running.values()}
        )
        return self

    def plan(self, event: Event) -> Sequence[Owed]:
        if event.type not in self.running:
            return []
        pin = self.running[event.type].pin
        return [Owed("news", 0, "crm", f"crm.{event.type}", pin, event.subject, event.subject)]

    def mapping(self, pin: str) -> MappingFile:
        return {mapping.pin: mapping for mapping in self.running.values()}[pin]

    async def run(self, mapping: MappingFile) -> None:
        """Let this mapping be the one of its action from now on."""
        self.running[mapping.target.partition(".")[2]] = mapping
        async with self.database.unit("demo") as unit:
            await keep_versions(unit, [("mapping", mapping.name, mapping.hash, mapping.pin, mapping.text)])

    async def tell(self, action: str, source: str = "acme", **data: Any) -> str:
        """An event that owes this action, carried out; the id of its delivery."""
        self.told += 1
        key = f"{action}-{self.told}"
        fact = sdk.Inbound(action, key, key, AT + timedelta(minutes=self.told), data)
        async with self.database.unit("demo") as unit:
            await unit.record(source, [fact])
        await self.drain()
        return str(await self.value("SELECT id FROM deliveries WHERE record = $1", key))

    async def drain(self) -> None:
        await self.deliverer.drain("demo", "crm")

    async def value(self, sql: str, *values: Any) -> Any:
        async with self.database.unit("demo") as unit:
            return await unit.fetchval(sql, *values)

    async def made(self, delivery_id: str) -> str:
        """What a delivery wrote."""
        result = await self.value("SELECT result FROM deliveries WHERE id = $1", delivery_id)
        assert result, await self.value("SELECT error FROM deliveries WHERE id = $1", delivery_id)
        return str(result["id"])

    async def explain(self, kind: str, record_id: str, name: str) -> dict[str, Any]:
        return await self.explainer.explain("demo", kind, record_id, name)
