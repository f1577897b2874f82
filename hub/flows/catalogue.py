"""All mappings and flows of a directory, checked against what connectors can do before anything runs."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import BaseModel

from hub.domain.delivery import Owed
from hub.domain.errors import ConfigError
from hub.domain.event import Event
from hub.flows import lint as flow_lint
from hub.flows.flow import Flow, Step, parse_flow
from hub.flows.plan import plan
from hub.mapping import MappingFile, Table, read_mappings
from hub.mapping.checks import lint
from hub.mapping.checks.finding import Finding, Tell, certain, refuse
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
    def of(
        cls, files: Files, actions: Actions, events: Events, streams: Streams = UNKNOWN, tell: Tell = refuse
    ) -> "Catalogue":
        """Read flows/*.yaml, tables/*.yaml and all other files, which are mappings.

        ConfigError names file, line, column and the nearest name. With another `tell`, all that is or may be wrong is
        told, examples last, and what comes back is not fit to run.
        """
        texts = {path: plain(text) for path, text in files.items()}
        tables, written = read_mappings(
            {o: t for o, t in texts.items() if not o.startswith("flows/")}, lambda error: tell(certain(error))
        )
        mappings = _mappings(written, events, tell)
        flows = _flows({o: t for o, t in texts.items() if o.startswith("flows/")}, tell)
        known = []
        for mapping in mappings.values():
            if mapping.target in actions:
                known.append(mapping)
                source = streams.source(mapping.sources, mappings.values())
                lint.check(mapping, actions[mapping.target], source, tell)
            else:
                tell(certain(mapping.document.refuse(("to",), unknown(mapping.target, actions))))
        for flow in flows:
            for error in _odd(flow, mappings, actions, events):
                tell(certain(error))
            for finding in flow_lint.findings(flow, streams.source(flow.hears, mappings.values())):
                tell(finding)
        for finding in flow_lint.unkept(mappings.values(), flows, streams):
            tell(finding)
        for mapping in known:
            lint.prove(mapping, actions[mapping.target], tell)
        bound = tuple(_bound(flow, mappings) for flow in flows)
        return cls(bound, {mapping.pin: mapping for mapping in mappings.values()}, tables)

    def findings(self, actions: Actions, streams: Streams) -> list[Finding]:
        """What is or may be wrong with its mappings and flows, as types tell it."""
        mappings, found = self.mappings.values(), list[Finding]()
        for mapping in mappings:
            found += lint.findings(mapping, actions[mapping.target], streams.source(mapping.sources, mappings))
        for flow in self.flows:
            found += flow_lint.findings(flow, streams.source(flow.hears, mappings))
        return [*found, *flow_lint.unkept(mappings, self.flows, streams)]

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
        raise Document(origin).refuse((), "不是 UTF-8，存成 UTF-8 / not UTF-8: save the file as UTF-8") from error


def plain(text: str) -> str:
    """Without what some editors write: a byte order mark, other line ends."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")


def _mappings(written: Iterable[MappingFile], events: Events, tell: Tell) -> dict[str, MappingFile]:
    sources = {f"{connector}.{event}" for connector, types in events.items() for event in types}
    found: dict[str, MappingFile] = {}
    for mapping in written:
        name = f"{mapping.name}@{mapping.version}"
        if name in found:
            tell(certain(_twice(mapping.document, "mapping", name, found[name].document)))
            continue
        for source in mapping.sources:
            if source not in sources:
                tell(certain(mapping.document.refuse(("from",), unknown(source, sources))))
        found[name] = mapping
    return found


def _flows(files: Mapping[str, str], tell: Tell) -> list[Flow]:
    found: dict[str, Flow] = {}
    for origin, text in files.items():
        try:
            flow = parse_flow(text, origin)
            if flow.name in found:
                raise _twice(flow.document, "flow", flow.name, found[flow.name].document)
            found[flow.name] = flow
        except ConfigError as error:
            tell(certain(error))
    return list(found.values())


def _twice(document: Document, key: str, name: str, other: Document) -> ConfigError:
    return document.refuse((key,), f"{name} 也在 / stands in {other.origin} too")


def _odd(flow: Flow, mappings: Mapping[str, MappingFile], actions: Actions, events: Events) -> Iterator[ConfigError]:
    """What of a flow is not there, or does not fit together."""
    source = flow.when.source
    if source not in events:
        yield flow.document.refuse(("when", "connection"), unknown(source, events))
    for event in flow.when.event:
        if source in events and event not in events[source]:
            yield flow.document.refuse(("when", "event"), unknown(event, events[source]))
    for index, step in enumerate(flow.steps):
        if step.action not in actions:
            yield flow.document.refuse(("do", index, "action"), unknown(step.action, actions))
        for what in _misused(flow, step, mappings):
            yield flow.document.refuse(("do", index, "using"), what)


def _misused(flow: Flow, step: Step, mappings: Mapping[str, MappingFile]) -> Iterator[str]:
    mapping = mappings.get(step.using)
    if mapping is None:
        yield unknown(step.using, mappings)
        return
    if mapping.target != step.action:
        yield f"{step.using} 生成 / makes {mapping.target}，不是 / not {step.action}"
    for hears in flow.hears:
        if hears not in mapping.sources:
            yield f"{step.using} 来自 / is from {', '.join(mapping.sources)}，不是 / not from {hears}"


def _bound(flow: Flow, mappings: Mapping[str, MappingFile]) -> Flow:
    """Each step with the pin of its mapping."""
    steps = (replace(step, pin=mappings[step.using].pin) for step in flow.steps if step.using in mappings)
    return replace(flow, steps=tuple(steps))
