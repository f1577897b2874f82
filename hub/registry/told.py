"""What the data of every event may be: declared by the home system and by actions, seen in connectors' fixtures."""

from collections.abc import Iterable, Iterator
from functools import reduce
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hub.mapping.checks.streams import Streams, outcome
from hub.mapping.checks.types import Type, of_model
from hub.mapping.shapes.shape import EMPTY, Shape, learn
from hub.registry import Registry
from hub.sdk.connector import Connector
from hub.sdk.exact import Json, loads


def told_streams(registry: Registry) -> Streams:
    """For the check of mappings; reads each connector's fixtures/events/*.json, where there are any."""
    told: dict[str, Type] = {f"{registry.home.id}.{name}": of_model(m, True) for name, m in registry.home.told.items()}
    made: dict[str, str] = {}
    kept = {name: action.entity for name, action in registry.actions.items() if action.entity}
    for connector in registry.connectors.values():
        for action in connector.actions.values():
            if action.emits:
                event = f"{connector.id}.{action.emits}"
                told[event], made[event] = outcome(action.input, action.output), f"{connector.id}.{action.name}"
    seen = {event: shape for each in registry.connectors.values() for event, shape in shapes(each)}
    return Streams(told, made, kept).learned(seen)


def shapes(connector: Connector[Any]) -> Iterator[tuple[str, Shape]]:
    """The full name of each event in a connector's fixtures, and the shape of its data there; none without a folder."""
    spec = find_spec(f"connectors.{connector.id}")
    if spec is None or spec.origin is None:
        return
    folder = Path(spec.origin).parent / "fixtures" / "events"
    found: dict[str, list[Json]] = {}
    for path in sorted(folder.glob("*.json")):
        for fact in loads(path.read_bytes())["expect"]:
            found.setdefault(f"{connector.id}.{fact['type']}", []).append(fact["data"])
    for event, values in found.items():
        yield event, _joined(values)


def _joined(values: Iterable[Json]) -> Shape:
    return reduce(learn, values, EMPTY)
