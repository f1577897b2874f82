"""All mappings and flows of a directory, checked against what connectors can do before anything runs."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from hub.domain.delivery import Owed
from hub.domain.errors import ConfigError
from hub.domain.event import Event
from hub.flows.flow import Flow, Step, parse_flow
from hub.flows.plan import plan
from hub.mapping import MappingFile, parse_mapping
from hub.mapping.schema import unknown

Actions = Mapping[str, type[BaseModel]]
Events = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What runs. `mapping` finds by pin; `plan` says what an event owes."""

    flows: tuple[Flow, ...]
    mappings: Mapping[str, MappingFile]

    @classmethod
    def load(cls, directory: Path, actions: Actions, events: Events) -> "Catalogue":
        """Read flows/*.yaml and every other *.yaml below. ConfigError names file, line, column and the nearest name."""
        files = {str(p.relative_to(directory)): p.read_text("utf-8") for p in sorted(directory.rglob("*.yaml"))}
        mappings = _mappings({o: t for o, t in files.items() if not o.startswith("flows/")}, actions)
        flows = [parse_flow(t, o) for o, t in files.items() if o.startswith("flows/")]
        bound = tuple(_bind(flow, mappings, actions, events) for flow in flows)
        return cls(bound, {mapping.pin: mapping for mapping in mappings.values()})

    def mapping(self, pin: str) -> MappingFile:
        """The mapping of a pin; KeyError when this catalogue does not hold it."""
        return self.mappings[pin]

    def plan(self, event: Event) -> list[Owed]:
        """The deliveries an event owes."""
        return plan(event, self.flows)

    @property
    def versions(self) -> Iterable[tuple[str, str, str, str, str]]:
        """(kind, name, hash, pin, text) of everything loaded, for the ledger to keep."""
        for flow in self.flows:
            yield "flow", flow.name, flow.hash, f"{flow.name}:{flow.hash}", flow.text
        for mapping in self.mappings.values():
            yield "mapping", mapping.name, mapping.hash, mapping.pin, mapping.text


def _mappings(files: Mapping[str, str], actions: Actions) -> dict[str, MappingFile]:
    found: dict[str, MappingFile] = {}
    for origin, text in files.items():
        mapping = parse_mapping(text, origin)
        name = f"{mapping.name}@{mapping.version}"
        if name in found:
            raise mapping.document.refuse(("mapping",), f"{name} stands in {found[name].document.origin} too")
        _check_target(mapping, actions)
        found[name] = mapping
    return found


def _check_target(mapping: MappingFile, actions: Actions) -> None:
    if mapping.target not in actions:
        raise mapping.document.refuse(("to",), unknown(mapping.target, list(actions)))
    fields = actions[mapping.target].model_fields
    for name in mapping.steps:
        if name not in fields:
            raise mapping.document.refuse(("fields", name, ""), unknown(name, list(fields)))
    for name, field in fields.items():
        if field.is_required() and name not in mapping.steps:
            raise mapping.document.refuse(("fields",), f"{mapping.target} needs {name!r} and nothing makes it")


def _bind(flow: Flow, mappings: Mapping[str, MappingFile], actions: Actions, events: Events) -> Flow:
    source = flow.when.connector or flow.when.connection
    if source not in events:
        raise flow.document.refuse(("when", "connection"), unknown(source, list(events)))
    if flow.when.event not in events[source]:
        raise flow.document.refuse(("when", "event"), unknown(flow.when.event, list(events[source])))
    return replace(flow, steps=tuple(_bound(flow, i, s, mappings, actions) for i, s in enumerate(flow.steps)))


def _bound(flow: Flow, index: int, step: Step, mappings: Mapping[str, MappingFile], actions: Actions) -> Step:
    def refuse(key: str, what: str) -> ConfigError:
        return flow.document.refuse(("do", index, key), what)

    if step.action not in actions:
        raise refuse("action", unknown(step.action, list(actions)))
    mapping = mappings.get(step.using)
    if mapping is None:
        raise refuse("using", unknown(step.using, list(mappings)))
    if mapping.target != step.action:
        raise refuse("using", f"{step.using} makes {mapping.target}, not {step.action}")
    return replace(step, pin=mapping.pin)
