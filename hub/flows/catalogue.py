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
from hub.mapping import MappingFile, Table, read_mappings
from hub.mapping.checks.lint import check
from hub.mapping.checks.streams import UNKNOWN, Streams
from hub.mapping.files.nearest import unknown
from hub.mapping.files.yaml_text import Document

Actions = Mapping[str, type[BaseModel]]
Events = Mapping[str, frozenset[str]]
Files = Mapping[str, str]
"""Path below the directory, with /, → text."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What runs. `mapping` finds by pin; `plan` says what an event owes."""

    flows: tuple[Flow, ...]
    mappings: Mapping[str, MappingFile]
    tables: tuple[Table, ...] = ()

    @classmethod
    def load(cls, directory: Path, actions: Actions, events: Events, streams: Streams = UNKNOWN) -> "Catalogue":
        """The same for the files of a directory."""
        return cls.of(read_files(directory), actions, events, streams)

    @classmethod
    def of(cls, files: Files, actions: Actions, events: Events, streams: Streams = UNKNOWN) -> "Catalogue":
        """Read flows/*.yaml, tables/*.yaml and all other files, which are mappings.

        ConfigError names file, line, column and the nearest name.
        """
        texts = {path: plain(text) for path, text in files.items()}
        tables, written = read_mappings({o: t for o, t in texts.items() if not o.startswith("flows/")})
        mappings = _mappings(written, actions, events)
        for mapping in mappings.values():
            check(mapping, actions[mapping.target], streams.source(mapping, mappings.values()))
        flows = _flows({o: t for o, t in texts.items() if o.startswith("flows/")})
        bound = tuple(_bind(flow, mappings, actions, events) for flow in flows)
        return cls(bound, {mapping.pin: mapping for mapping in mappings.values()}, tables)

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
            yield "flow", flow.name, flow.hash, flow.pin, flow.text
        for mapping in self.mappings.values():
            yield "mapping", mapping.name, mapping.hash, mapping.pin, mapping.text

    @property
    def pins(self) -> dict[str, str]:
        """The pin of what stands in each file, by the file's path."""
        of_flows = {flow.document.origin: flow.pin for flow in self.flows}
        of_tables = {table.document.origin: table.pin for table in self.tables}
        # Both ways of a file have its origin; the way there comes before the way back, and counts.
        written = reversed(list(self.mappings.values()))
        return of_flows | of_tables | {mapping.document.origin: mapping.pin for mapping in written}


def read_files(directory: Path) -> dict[str, str]:
    """Path below the directory → text of every *.yaml, byte for byte. ConfigError for one that is not UTF-8."""
    return {
        file.relative_to(directory).as_posix(): _text(file, directory) for file in sorted(directory.rglob("*.yaml"))
    }


def _text(file: Path, directory: Path) -> str:
    try:
        return file.read_bytes().decode()
    except UnicodeDecodeError as error:
        origin = file.relative_to(directory).as_posix()
        raise Document(origin).refuse((), "not UTF-8: save the file as UTF-8") from error


def plain(text: str) -> str:
    """Without what some editors write: a byte order mark, other line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _mappings(written: Iterable[MappingFile], actions: Actions, events: Events) -> dict[str, MappingFile]:
    sources = {f"{connector}.{event}" for connector, types in events.items() for event in types}
    found: dict[str, MappingFile] = {}
    for mapping in written:
        name = f"{mapping.name}@{mapping.version}"
        if name in found:
            raise mapping.document.refuse(("mapping",), f"{name} stands in {found[name].document.origin} too")
        for source in mapping.sources:
            if source not in sources:
                raise mapping.document.refuse(("from",), unknown(source, sources))
        if mapping.target not in actions:
            raise mapping.document.refuse(("to",), unknown(mapping.target, actions))
        found[name] = mapping
    return found


def _flows(files: Mapping[str, str]) -> list[Flow]:
    found: dict[str, Flow] = {}
    for origin, text in files.items():
        flow = parse_flow(text, origin)
        if flow.name in found:
            raise flow.document.refuse(("flow",), f"{flow.name} stands in {found[flow.name].document.origin} too")
        found[flow.name] = flow
    return list(found.values())


def _bind(flow: Flow, mappings: Mapping[str, MappingFile], actions: Actions, events: Events) -> Flow:
    source = flow.when.connector or flow.when.connection
    if source not in events:
        raise flow.document.refuse(("when", "connection"), unknown(source, events))
    for event in flow.when.event:
        if event not in events[source]:
            raise flow.document.refuse(("when", "event"), unknown(event, events[source]))
    return replace(flow, steps=tuple(_bound(flow, i, s, mappings, actions) for i, s in enumerate(flow.steps)))


def _bound(flow: Flow, index: int, step: Step, mappings: Mapping[str, MappingFile], actions: Actions) -> Step:
    def refuse(key: str, what: str) -> ConfigError:
        return flow.document.refuse(("do", index, key), what)

    if step.action not in actions:
        raise refuse("action", unknown(step.action, actions))
    mapping = mappings.get(step.using)
    if mapping is None:
        raise refuse("using", unknown(step.using, mappings))
    if mapping.target != step.action:
        raise refuse("using", f"{step.using} makes {mapping.target}, not {step.action}")
    source = flow.when.connector or flow.when.connection
    for hears in (f"{source}.{event}" for event in flow.when.event):
        if hears not in mapping.sources:
            raise refuse("using", f"{step.using} is from {', '.join(mapping.sources)}, not from {hears}")
    return replace(step, pin=mapping.pin)
