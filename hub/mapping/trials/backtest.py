"""What a change of a mapping does to real data: the old and the new over the same events.

Pure and exact: every digit counts. Memory does not grow with the number of events.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact
from functools import lru_cache
from itertools import repeat
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ValidationError

from hub.domain.errors import MappingError
from hub.domain.event import Event
from hub.mapping import MappingFile
from hub.mapping.engine import Engine, Step
from hub.mapping.expressions.amounts import read_number
from hub.mapping.refs import Asked, Found, asked, seeing
from hub.mapping.trials.difference import Change, alike, compared, kind
from hub.sdk.exact import Json

T = TypeVar("T")
Steps = Mapping[str, Step]
Edited = dict[str, "Edited | None"]
"""Fields whose rules are not the same in every digit; of a list, those of its items, when only they are not."""

MOST_FIELDS, MOST_REASONS = 1_000, 200
OTHERS = "…"
"""Under this name goes what is beyond the most fields, or reasons, that are told apart."""

INDEX = re.compile(r"\[[0-9]+\]")
MONEY = re.compile(r"-?[0-9]+\.[0-9]{2}")
ADDING = Context(prec=1_000, traps=[Inexact])

Outcome = Literal["changed", "refused", "mended"]
"""Made another payload; made none any more; made one where there was none."""


@dataclass(frozen=True, slots=True)
class Affected:
    """An event that the change touches. `fields`: those that differ; `reason`: why it was, or is, refused."""

    event: str
    record: str
    outcome: Outcome
    fields: Sequence[str] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One value before and after; None: nothing there. `path` leads to it: "lines[0].amount"."""

    event: str
    record: str
    path: str
    before: Json
    after: Json


@dataclass(slots=True)
class Field:
    """One field of the target, its list items together ("lines[].amount").

    Attributes:
        counts: events in which it `changed`, is `gone`, is `new`, or is `retyped` (changed to another JSON type).
        before, after: the sum of its numbers and money texts, of the values that changed alone.
    """

    counts: Counter[str] = field(default_factory=Counter)
    before: Decimal = Decimal(0)
    after: Decimal = Decimal(0)
    samples: list[Sample] = field(default_factory=list)


@dataclass(slots=True)
class Reason:
    """Why events are newly refused, or were until now: how many, and the first of them."""

    count: int = 0
    examples: list[Affected] = field(default_factory=list)


class BackTest:
    """Counts what becomes of events, one after the other. `target`: the input of the action both mappings make.

    Attributes:
        events: all that were tried; of them `outcomes` are affected, and `refused` by both mappings are not.
        found: ids in other systems that the mappings ask for, as they are known now.
        unsent: events that were not tried, for no flow makes a delivery of them.
    """

    def __init__(self, old: MappingFile, new: MappingFile, target: type[BaseModel], samples: int) -> None:
        self.old, self.new = old, new
        self.events = self.refused = self.unsent = 0
        self.outcomes: Counter[Outcome] = Counter()
        self.fields: dict[str, Field] = {}
        self.reasons: dict[tuple[Outcome, str], Reason] = {}
        self.found: Found = {}
        self._target, self._samples = target, samples
        same = alike(old.lookups, new.lookups) and _refs(old) == _refs(new)
        self._edited = _edited(old.steps, new.steps) if same else dict.fromkeys([*old.steps, *new.steps])
        self._part = Engine(_only(old.steps, self._edited), old.lookups)

    def asked(self, events: Iterable[Event]) -> set[Asked]:
        """What is to be `found` for these events; what cannot be asked is refused when they are tried."""
        wanted: set[Asked] = set()
        for refs in filter(None, (self.old.refs, self.new.refs)):
            for event in events:
                with suppress(MappingError):
                    wanted |= set(asked(refs, event.data).values())
        return wanted

    @property
    def affected(self) -> int:
        """Events for which the two mappings do not do the same."""
        return self.outcomes.total()

    def add(self, event: Event) -> Affected | None:
        """Try one event; None when the change does not touch it."""
        self.events += 1
        data = dict(event.data)
        now = self._made(self.new, data)
        if isinstance(now, dict) and self._stays(data, now):
            return None
        was, now = self._accepted(self._made(self.old, data)), self._accepted(now)
        if isinstance(was, str) and isinstance(now, str):
            self.refused += 1
            return None
        if isinstance(was, str) or isinstance(now, str):
            found = self._refusal(event, was, now)
        elif changes := compared(was, now):
            found = self._changed(event, changes)
        else:
            return None
        self.outcomes[found.outcome] += 1
        return found

    def _stays(self, data: dict[str, Any], now: dict[str, Any]) -> bool:
        """Whether the old mapping surely made this too. What was not edited was made then as it is now."""
        was = self._made(self.old, data, self._part) if self._edited else {}
        return isinstance(was, dict) and _alike_in(self._edited, was, now)

    def _made(self, mapping: MappingFile, data: dict[str, Any], engine: Engine | None = None) -> Json:
        """The payload, or what this part of the mapping makes of it; or the words of its refusal."""
        try:
            return (engine or mapping).apply(seeing(mapping.refs, data, self.found))
        except MappingError as error:
            return error.message

    def _accepted(self, made: Json) -> Json:
        """The payload, or why the target refuses it."""
        if isinstance(made, str):
            return made
        try:
            self._target.model_validate(made)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in first["loc"])
            return f"the target refuses {place.removeprefix('.')}: {first['msg']}"
        return made

    def _refusal(self, event: Event, was: Json, now: Json) -> Affected:
        outcome: Outcome = "mended" if isinstance(was, str) else "refused"
        found = Affected(event.id, event.subject, outcome, reason=was if isinstance(was, str) else now)
        reason = _entry(self.reasons, (outcome, _every(found.reason)), (outcome, OTHERS), MOST_REASONS, Reason)
        reason.count += 1
        if len(reason.examples) < self._samples:
            reason.examples.append(found)
        return found

    def _changed(self, event: Event, changes: Sequence[Change]) -> Affected:
        for name, what in {(_every(change.path), what) for change in changes for what in _whats(change)}:
            self._field(name).counts[what] += 1
        for change in changes:
            self._sum(change)
            samples = self._field(_every(change.path)).samples
            if len(samples) < self._samples and (not samples or samples[-1].event != event.id):
                samples.append(Sample(event.id, event.subject, change.path, change.was, change.would_be))
        names = dict.fromkeys(_every(change.path) for change in changes)
        return Affected(event.id, event.subject, "changed", tuple(names))

    def _sum(self, change: Change) -> None:
        place = _every(change.path)
        for name, amount in _amounts(place, change.was):
            found = self._field(name)
            found.before = ADDING.add(found.before, amount)
        for name, amount in _amounts(place, change.would_be):
            found = self._field(name)
            found.after = ADDING.add(found.after, amount)

    def _field(self, name: str) -> Field:
        return _entry(self.fields, name, OTHERS, MOST_FIELDS, Field)

    def report(self) -> dict[str, Json]:
        """Everything as exact JSON; fields that neither changed nor moved their sum are left out."""
        return {
            "old": self.old.pin,
            "new": self.new.pin,
            "events": self.events,
            "affected": self.affected,
            **{name: self.outcomes[name] for name in ("changed", "refused", "mended")},
            "refused_by_both": self.refused,
            "unsent": self.unsent,
            "fields": {name: _told(each) for name, each in sorted(self.fields.items()) if _moved(each)},
            "reasons": [
                {"outcome": outcome, "reason": text, "count": each.count, "events": [e.event for e in each.examples]}
                for (outcome, text), each in sorted(self.reasons.items(), key=lambda item: -item[1].count)
            ],
        }


def _edited(old: Steps, new: Steps) -> Edited:
    found: Edited = {}
    for name in dict.fromkeys([*old, *new]):
        was, now = _rule(old, name), _rule(new, name)
        if not alike(was, now):
            one_list = was and now and was["each"] and alike({**was, "fields": None}, {**now, "fields": None})
            found[name] = _edited(old[name].inner or {}, new[name].inner or {}) if one_list else None
    return found


def _only(steps: Steps, edited: Edited) -> dict[str, Step]:
    """The steps that make these fields."""
    return {
        name: steps[name] if inner is None else replace(steps[name], inner=_only(steps[name].inner or {}, inner))
        for name, inner in edited.items()
        if name in steps
    }


def _alike_in(edited: Edited, was: Mapping[str, Json], now: Mapping[str, Json]) -> bool:
    """Whether these fields surely do not differ; what stands around them is the same."""
    for name, inner in edited.items():
        one, other = was.get(name), now.get(name)
        if one is other:
            continue
        if inner is None:
            if not alike(one, other):
                return False
        elif not (one and other and all(map(_alike_in, repeat(inner), one, other))):
            return False
    return True


def _refs(mapping: MappingFile) -> dict[str, tuple[str, str]]:
    return {name: (ref.kind, ref.record.text) for name, ref in mapping.refs.items()}


def _rule(steps: Steps, name: str) -> dict[str, Json] | None:
    return steps[name].rule.model_dump() if name in steps else None


@lru_cache(4_096)
def _every(path: str) -> str:
    """The same with all items of a list as one: "lines[3].amount" → "lines[].amount"."""
    return INDEX.sub("[]", path)


def _whats(change: Change) -> Iterator[str]:
    if change.would_be is None:
        yield "gone"
    elif change.was is None:
        yield "new"
    else:
        yield "changed"
        if kind(change.was) != kind(change.would_be):
            yield "retyped"


def _amounts(name: str, value: Json) -> Iterator[tuple[str, Decimal]]:
    """Every number and every text with two decimals, and the field it stands in."""
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _amounts(f"{name}.{key}" if name else key, each)
    elif isinstance(value, list):
        for each in value:
            yield from _amounts(f"{name}[]", each)
    elif kind(value) == "number":
        yield name, Decimal(value)
    elif isinstance(value, str) and MONEY.fullmatch(value) and (number := read_number(value)) is not None:
        yield name, Decimal(number)


def _entry(table: dict[Any, T], key: Any, others: Any, most: int, make: type[T]) -> T:
    """What stands under the key, made where there is room for another, else what stands for all others."""
    if key not in table:
        key = key if len(table) < most else others
        return table.setdefault(key, make())
    return table[key]


def _moved(found: Field) -> bool:
    return bool(found.counts) or found.before != found.after


def _told(found: Field) -> Mapping[str, Json]:
    counts = {name: found.counts[name] for name in ("changed", "gone", "new", "retyped")}
    moved = {"before": f"{found.before:f}", "after": f"{found.after:f}"} if found.before != found.after else None
    samples = [
        {"event": s.event, "record": s.record, "path": s.path, "before": s.before, "after": s.after}
        for s in found.samples
    ]
    return {**counts, "sum": moved, "samples": samples}
