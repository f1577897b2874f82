"""What the data of each event may be, so that mappings can be checked against it before any is there."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from pydantic import BaseModel

from hub.mapping import MappingFile
from hub.mapping.checks.types import ANY, Type, joined, of_model, of_shape, one
from hub.mapping.shapes.shape import Shape

TEXT = one("text")


@dataclass(frozen=True, slots=True)
class Streams:
    """Events by full name, such as "crm.contract.approved"; of an event that is not here nothing is known.

    Attributes:
        told: what its data may be. made: the action that an event tells of, for the events that tell of one.
        kept: the kind of record that an action makes there, of the actions whose ids are kept.
    """

    told: Mapping[str, Type] = field(default_factory=dict)
    made: Mapping[str, str] = field(default_factory=dict)
    kept: Mapping[str, str] = field(default_factory=dict)

    def source(self, events: Iterable[str], mappings: Collection[MappingFile]) -> Type:
        """The data of any of these events; `mappings` are all there are, for what causes the event of an action."""
        return joined(self._told(event, mappings, frozenset()) for event in events)

    def learned(self, shapes: Mapping[str, Shape]) -> "Streams":
        """The same with what was seen since. What is declared stays as it is declared."""
        told = dict(self.told)
        for event, shape in shapes.items():
            known = told.get(event)
            if known is None or not known.sure:
                told[event] = of_shape(shape) if known is None else known | of_shape(shape)
        return replace(self, told=told)

    def _told(self, event: str, mappings: Collection[MappingFile], seen: frozenset[str]) -> Type:
        known, action = self.told.get(event, ANY), self.made.get(event)
        if action is None or known.anything or event in seen:
            return known
        causes = [source for each in mappings if each.target == action for source in each.sources]
        cause = joined(self._told(source, mappings, seen | {event}) for source in causes) if causes else ANY
        return replace(known, fields={**known.fields, "cause": cause})


UNKNOWN = Streams()


def outcome(given: type[BaseModel], made: type[BaseModel]) -> Type:
    """The data of the event that tells of an action's outcome."""
    fields = {"payload": of_model(given), "result": of_model(made, told=True), "cause": ANY, "record": TEXT}
    return one("object", fields=fields, closed=True)
