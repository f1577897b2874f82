"""Where in a mapping file a field of the payload is made, and what its expression saw. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub.mapping import MappingFile
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable
from hub.mapping.shapes.uses import places_of, spelled
from hub.sdk.exact import Json

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Trace:
    """How a field is made.

    Attributes:
        line, column: of the field's name in the file.
        rule: as it is written there, without the rules inside it.
        expression: of the rule, "" for a constant value.
        within: the item that it is asked of, such as "contract.lines[0]"; "" for the whole data.
        inputs: each place in the data that the expression reads, and what stood there.
    """

    line: int
    column: int
    rule: Mapping[str, Json]
    expression: str
    within: str
    inputs: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a walk through a mapping stands: its rules, their path in the file, the data they see."""

    rules: Mapping[str, Any]
    path: Path
    data: Json
    within: str = ""


def trace(mapping: MappingFile, field: Path, data: Json) -> Trace | None:
    """The rule that makes this field of the payload, or the field it stands in; None when no rule does."""
    place = _Place(mapping.document.value["fields"], ("fields",), data)
    for index, name in enumerate(field):
        if isinstance(name, int):
            continue
        if name not in place.rules:
            return None
        rule = place.rules[name]
        found = rule if isinstance(rule, dict) else {"take": rule}
        inner = found.get("fields")
        if inner is None or index + 1 == len(field):
            return _trace(mapping, place, name, found)
        place = _inside(place, name, found, field[index + 1])
        if isinstance(field[index + 1], int) and index + 2 == len(field):
            return _trace(mapping, place, "", found)
    return None


def _inside(place: _Place, name: str, rule: Mapping[str, Any], item: str | int) -> _Place:
    """Into the rules of an object, or of an item of a list."""
    path = (*place.path, name, "fields")
    if "each" not in rule or not isinstance(item, int):
        return _Place(rule["fields"], path, place.data, place.within)
    items = _asked(str(rule["each"]), place.data)
    data = items[item] if isinstance(items, list) and item < len(items) else None
    return _Place(rule["fields"], path, data, _joined(place.within, f"{rule['each']}[{item}]"))


def _trace(mapping: MappingFile, place: _Place, name: str, rule: Mapping[str, Any]) -> Trace:
    path = (*place.path, name, "") if name else place.path
    places = mapping.document.places
    while path and path not in places:
        path = path[:-1]
    line, column = places.get(path, (1, 1))
    expression = str(rule.get("take") or rule.get("each") or "")
    written = {key: value for key, value in rule.items() if key != "fields"}
    return Trace(line, column, written, expression, place.within, _inputs(expression, place))


def _inputs(expression: str, place: _Place) -> dict[str, Json]:
    """What an expression reads, by the places' names in the whole data."""
    try:
        used = sorted(places_of(Expression(expression))) if expression else []
    except BadExpression:
        return {}
    return {_joined(place.within, spelled(each)): _seen(each, place.data) for each in used}


def _joined(within: str, path: str) -> str:
    return f"{within}.{path}" if within else path


def _seen(place: Sequence[str], data: Json) -> Json:
    """What stands at a place of the data; for the items of a list, each of them."""
    if not place:
        return data
    if place[0] == "[]":
        return [_seen(place[1:], item) for item in data] if isinstance(data, list) else None
    if not isinstance(data, dict):
        return None
    if place[0] == "*":
        return [_seen(place[1:], value) for value in data.values()]
    return _seen(place[1:], data.get(place[0]))


def _asked(expression: str, data: Json) -> Json:
    try:
        return Expression(expression).search(data)
    except (BadExpression, Unanswerable):
        return None
