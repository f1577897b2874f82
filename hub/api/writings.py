"""What each delivery said of a field of a record, and which of them the field's value is from. Pure."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any

from pydantic import BaseModel, ValidationError

from hub import sdk
from hub.ledger.lineage import Writer
from hub.mapping.files.nearest import unknown

Path = tuple[str | int, ...]
STEP = re.compile(r"\w+|\[[0-9]*\]")
PLAIN = re.compile(r"\w+(\.\w+|\[[0-9]*\])*")
PLACE = re.compile(r"[0-9]{1,6}")

NO_FIELD = sdk.Text(
    "字段照接口的回答来写，列表里的用序号。", "Name the field as the API shows it; in a list, by its place."
)


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record, and who may have written it.

    `whole`: the part of its path that is written as one, and `value` what stands there; `item`: the item of a list
    that it stands in.
    """

    path: Path
    whole: Path
    value: Any
    origins: Sequence[sdk.Origin]
    item: Any

    @property
    def rest(self) -> Path:
        """Where it is inside of what is written as one."""
        return self.path[len(self.whole) :]


@dataclass(frozen=True, slots=True)
class Writing:
    """A delivery, what it said of the field, and out of which part of its payload; () when its action alone decides."""

    delivery: Writer
    origin: sdk.Origin
    payload_path: Path
    says: Any
    news_at: datetime


def path_of(name: str) -> Path:
    """ "lines.0.amount" as its parts; a short number is a place in a list."""
    return tuple(int(part) if PLACE.fullmatch(part) else part for part in name.split("."))


def find_field(kind: sdk.Kind, values: BaseModel, name: str) -> Field:
    """The field of this name. Raises Problem 404 with the nearest name."""
    path = path_of(name)
    shown = values.model_dump()
    for end in range(len(path), 0, -1):
        pattern = ".".join("*" if isinstance(part, int) else part for part in path[:end])
        if pattern in kind.origins:
            whole = path[:end]
            return Field(path, whole, at(shown, whole), kind.origins[pattern], at(shown, _item(whole)))
    if len(path) == 1 and path[0] not in shown or len(path) > 1 and at(shown, path) is None:
        known = {*kind.origins, *shown}
        raise sdk.Problem(404, "field-not-found", unknown(name, known), hint=NO_FIELD)
    return Field(path, path, at(shown, path), (), None)


def _item(path: Path) -> Path:
    places = [place for place, part in enumerate(path) if isinstance(part, int)]
    return path[: places[0] + 1] if places else ()


def at(value: Any, path: Path) -> Any:
    """What stands there, or None."""
    for part in path:
        if isinstance(value, Mapping):
            value = value.get(str(part))
        elif isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        else:
            return None
    return value


def steps_of(place: str) -> Path:
    """ "contract.lines[].amount" as its steps, "[]" for each item; () for what is no plain path."""
    steps = STEP.findall(place) if PLAIN.fullmatch(place) else []
    return tuple(int(step[1:-1]) if step[1:-1].isdigit() and step[0] == "[" else step for step in steps)


def spelled(path: Path) -> str:
    """Steps as a field is named here: "lines.2.amount", "lines[].amount"."""
    return ".".join(map(str, path)).replace(".[]", "[]")


def standing_at(value: Any, path: Path) -> Any:
    """What stands there, of "[]" a list; None where something is missing. LookupError: there is no such field."""
    for index, part in enumerate(path):
        if value is None:
            return None
        if part == "[]" and isinstance(value, list):
            return [standing_at(item, path[index + 1 :]) for item in value]
        if isinstance(value, list) and isinstance(part, int):
            value = value[part] if part < len(value) else None
        elif isinstance(value, Mapping):
            value = value[str(part)]
        else:
            raise LookupError(part)
    return value


def digits(value: Any) -> Any:
    """Numbers as text: events tell amounts as numbers, our records show them as text."""
    if isinstance(value, list):
        return [digits(each) for each in value]
    if isinstance(value, Mapping):
        return {name: digits(each) for name, each in value.items()}
    return value if isinstance(value, bool) or value is None else str(value)


def check_place(payload: Any, path: Path) -> None:
    """Raises Problem 404, with the nearest name, where a payload has no such place."""
    for index, part in enumerate(path):
        holder = at(payload, path[:index])
        places = range(len(holder)) if isinstance(holder, list) else ()
        known = holder if isinstance(holder, Mapping) else list(map(str, places))
        if str(part) not in known:
            raise sdk.Problem(404, "field-not-found", unknown(str(part), known), hint=NO_FIELD)


def writings(field: Field, deliveries: Sequence[Writer], inputs: Mapping[str, type[BaseModel]]) -> list[Writing]:
    """What these deliveries said of the field, the newest news first. `inputs`: action → what it takes."""
    origins = {origin.action: origin for origin in field.origins}
    found = []
    for delivery in deliveries:
        name = delivery.action.partition(".")[2]
        if name in origins and (one := _writing(field, delivery, origins[name], inputs.get(delivery.action))):
            found.append(one)
    return sorted(found, key=lambda each: each.news_at, reverse=True)


def _writing(field: Field, delivery: Writer, origin: sdk.Origin, shape: type[BaseModel] | None) -> Writing | None:
    """None when the payload is about another item, or leaves the field as it is."""
    given = _given(delivery, shape)
    if given is None:
        return None
    if origin.item and not _is_of(field.item, delivery, origin, given):
        return None
    says = origin.value(given) if origin.value else attrgetter(origin.fields[0])(given) if origin.fields else None
    if says is None and not origin.derived:
        return None
    told = [name for name in origin.fields if attrgetter(name)(given)] or origin.fields[:1]
    payload_path: Path = (*told[0].split("."), *field.rest) if told else ()
    news_at: datetime = getattr(given, origin.after) if origin.after else delivery.done_at or delivery.recorded_at
    return Writing(delivery, origin, payload_path, says, news_at)


def _given(delivery: Writer, shape: type[BaseModel] | None) -> Any:
    """The payload as the action took it; None when today's action would not take it."""
    try:
        return shape.model_validate(delivery.payload) if shape else None
    except ValidationError:
        return None


def _is_of(item: Any, delivery: Writer, origin: sdk.Origin, given: Any) -> bool:
    wanted = {"source": delivery.source, **{name: getattr(given, name) for name in origin.item}}
    return isinstance(item, Mapping) and all(item.get(name) == value for name, value in wanted.items())


def standing(field: Field, seen: sdk.Seen, found: Sequence[Writing]) -> Writing | sdk.Edit | None:
    """Which of them the value is from, the newest that said it; None when it is from nobody who is recorded."""
    shown = seen.values.model_dump(mode="json")
    said: list[tuple[datetime, Writing | sdk.Edit]] = [
        (each.news_at, each) for each in found if each.origin.derived or each.says == field.value
    ]
    said += [(edit.at, edit) for edit in seen.edits if _wrote(edit, field, shown)]
    return max(said, key=lambda each: each[0])[1] if said else None


def _wrote(edit: sdk.Edit, field: Field, shown: sdk.Json) -> bool:
    for end in range(len(field.path), 0, -1):
        name = ".".join(map(str, field.path[:end]))
        if name in edit.prints:
            return edit.prints[name] == sdk.fingerprint(at(shown, field.path[:end]))
    return False
