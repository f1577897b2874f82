"""Do a flow's expressions fit the data of its events, and its mappings what it makes? Nothing is run."""

from collections.abc import Iterable
from dataclasses import replace

from hub.domain.text import Text
from hub.flows.flow import Flow
from hub.mapping import MappingFile
from hub.mapping.checks.finding import Finding, Findings
from hub.mapping.checks.streams import Streams
from hub.mapping.checks.types import Type, one
from hub.mapping.expressions.expression import Expression
from hub.mapping.files.nearest import nearest
from hub.mapping.files.yaml_text import Path


def unkept(mappings: Iterable[MappingFile], flows: Iterable[Flow], streams: Streams) -> list[Finding]:
    """Each kind of record that a mapping's `refs` ask for and no flow makes there, though one may have before."""
    steps = (step for flow in flows for step in flow.steps)
    kinds = {f"{step.connection}.{streams.kept[step.action]}" for step in steps if step.action in streams.kept}
    found: list[Finding] = []
    for mapping in mappings:
        told = Findings(mapping.document, _called, found)
        for name, ref in mapping.refs.items():
            if streams.kept and ref.kind not in kinds:
                near = nearest(ref.kind, kinds)
                what = Text(f"没有流程在那里生成它：{near.zh}", f"no flow makes such a record there: {near.en}")
                told.tell(what, False, ("refs", name, "kind"))
    return found


def findings(flow: Flow, source: Type) -> list[Finding]:
    """What is or may be wrong with its condition, lane and records, by the type of its events' data."""
    told = Findings(flow.document, _called)
    if flow.condition is not None:
        told.decide(flow.condition, source, ("when", "if"))
    named = source if source.anything else replace(source, fields={"subject": one("text"), **source.fields})
    names: dict[Path, Expression | None] = {("lane",): flow.lane}
    names |= {("do", index, "record"): step.record for index, step in enumerate(flow.steps)}
    for path, expression in names.items():
        if expression is not None:
            # Of a flow with a condition nobody knows what that keeps away.
            told.identify(expression, named, path, needed=flow.condition is None)
    return told.found


def _called(path: Path) -> str:
    return ".".join(map(str, path))
