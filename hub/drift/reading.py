"""What the mappings of today's flows read of their streams."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from hub.flows import Flow
from hub.mapping import MappingFile
from hub.mapping.shapes.uses import Place, overlap, places


@dataclass(frozen=True, slots=True)
class Reading:
    """Flows as they are now, and a mapping by its pin (KeyError when it is not loaded)."""

    flows: Callable[[], Sequence[Flow]]
    mapping: Callable[[str], MappingFile]
    _known: dict[str, frozenset[Place]] = field(default_factory=dict)

    def reads(self, pin: str, place: Place) -> bool:
        """Whether a mapping reads this place, or something within it; one that is not loaded may read anything."""
        if pin not in self._known:
            try:
                self._known[pin] = places(self.mapping(pin).steps)
            except KeyError:
                return True
        return any(overlap(place, read) for read in self._known[pin])

    def mappings(self, connection: str, kind: str, place: Place) -> list[str]:
        """Name and version of every mapping that reads this place of a stream."""
        hearing = (flow for flow in self.flows() if flow.when.connection == connection and kind in flow.when.event)
        pins = {step.using: step.pin for flow in hearing for step in flow.steps}
        return sorted(name for name, pin in pins.items() if self.reads(pin, place))
