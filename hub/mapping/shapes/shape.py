"""The shape of JSON values, learned from those that were seen: kinds, fields, lengths, and few distinct texts."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hub.sdk.exact import Json

KINDS = ("null", "boolean", "integer", "decimal", "text", "list", "object")
NUMBERS = frozenset({"integer", "decimal"})

MOST_VALUES, LONGEST_VALUE = 12, 40
"""How many distinct texts are kept, and how long one may be; beyond, they are free text."""

MOST_KEYS = 200
"""Keys of one object; with more they are ids, and all their values become one shape."""

MOST_NODES, DEEPEST = 2_000, 32
OFTEN, EACH_OFTEN = 50, 3
"""An enumeration was seen at least so often, and each of its values too."""


@dataclass(frozen=True, slots=True)
class Shape:
    """What was seen at one place. Shapes join by `|`, in any order and grouping, to the same shape.

    Attributes:
        kinds: how often each kind was seen; their sum is how often there was a value at all.
        fields: of objects, by key. A field was present as often as its own `count` says.
        keyed: of objects whose keys are ids, the shape of all their values; `fields` is then empty.
        items: of lists, the shape of all their items.
        empty: how often it was "", [] or {}; to a mapping that is nothing, as null is.
        longest: characters of the longest text.
        values: how often each text was seen; None when there are too many, or too long ones.
        digits, places: most digits before and after the point of a number. negative: how many were below zero.
        cut: whether what is inside was given up for size; anything may stand here.
    """

    kinds: Mapping[str, int] = field(default_factory=dict)
    fields: Mapping[str, "Shape"] = field(default_factory=dict)
    keyed: "Shape | None" = None
    items: "Shape | None" = None
    empty: int = 0
    longest: int = 0
    values: Mapping[str, int] | None = field(default_factory=dict)
    digits: int = 0
    places: int = 0
    negative: int = 0
    cut: bool = False

    @property
    def count(self) -> int:
        """How often there was a value, null among them."""
        return sum(self.kinds.values())

    @property
    def some(self) -> int:
        """How often there was something: neither null nor empty."""
        return self.count - self.kinds.get("null", 0) - self.empty

    @property
    def enum(self) -> frozenset[str]:
        """The texts that may stand here, as far as was seen; empty when it is no enumeration."""
        seen = self.values or {}
        often = sum(seen.values()) >= OFTEN and min(seen.values()) >= EACH_OFTEN
        return frozenset(seen) if often else frozenset()

    def __or__(self, other: "Shape") -> "Shape":
        cut = self.cut or other.cut
        fields, keyed = ({}, None) if cut else _objects(self, other)
        return Shape(
            kinds=_added(self.kinds, other.kinds),
            fields=fields,
            keyed=keyed,
            items=None if cut else _either(self.items, other.items),
            empty=self.empty + other.empty,
            longest=max(self.longest, other.longest),
            values=_values(self.values, other.values),
            digits=max(self.digits, other.digits),
            places=max(self.places, other.places),
            negative=self.negative + other.negative,
            cut=cut,
        )

    def child(self, step: str) -> "Shape | None":
        """One step in: a key, or "[]" for the items of a list; None where nothing of the kind was seen."""
        return self.items if step == "[]" else self.fields.get(step, self.keyed)

    def inside(self) -> Iterator[tuple[str, "Shape"]]:
        """The steps that lead in, with what is there; "*" is any key."""
        yield from self.fields.items()
        if self.keyed is not None:
            yield "*", self.keyed
        if self.items is not None:
            yield "[]", self.items

    def to_json(self) -> dict[str, Json]:
        """Exact JSON; what says nothing is left out."""
        plain = {name: getattr(self, name) for name in ("empty", "longest", "digits", "places", "negative")}
        inner = {"keyed": self.keyed, "items": self.items}
        return {
            "kinds": dict(self.kinds),
            **({"fields": {key: each.to_json() for key, each in self.fields.items()}} if self.fields else {}),
            **{name: each.to_json() for name, each in inner.items() if each is not None},
            **{name: number for name, number in plain.items() if number},
            **({"values": self.values and dict(self.values)} if self.values != {} else {}),
            **({"cut": True} if self.cut else {}),
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "Shape":
        """The shape that `to_json` wrote down."""
        fields = {key: cls.from_json(each) for key, each in kept.get("fields", {}).items()}
        inner = {name: cls.from_json(kept[name]) for name in ("keyed", "items") if name in kept}
        return cls(**{**kept, "fields": fields, **inner})


EMPTY = Shape()


def shape_of(value: Json, depth: int = 0) -> Shape:
    """The shape of one JSON value; cut where it is nested deeper than 32. A float is refused (TypeError)."""
    if value is None:
        return Shape({"null": 1})
    if isinstance(value, bool):
        return Shape({"boolean": 1})
    if isinstance(value, str):
        kept = {value: 1} if len(value) <= LONGEST_VALUE else None
        return Shape({"text": 1}, empty=int(not value), longest=len(value), values=kept)
    if isinstance(value, int | Decimal):
        return _number(value)
    if isinstance(value, list | dict) and depth == DEEPEST:
        return Shape({"list" if isinstance(value, list) else "object": 1}, cut=True)
    if isinstance(value, list):
        items = _joined(shape_of(each, depth + 1) for each in value)
        return Shape({"list": 1}, items=items, empty=int(not value))
    if isinstance(value, dict):
        fields, keyed = _folded({key: shape_of(each, depth + 1) for key, each in value.items()})
        return Shape({"object": 1}, fields, keyed, empty=int(not value))
    raise TypeError(f"{type(value).__name__} is no exact JSON")


def learn(shape: Shape, value: Json) -> Shape:
    """The shape with one more value; of at most some 2 000 nodes: what is deepest is given up first."""
    return bounded(shape | shape_of(value))


def bounded(shape: Shape, most: int = MOST_NODES) -> Shape:
    """The same shape, cut at the greatest depth at which it has no more nodes than that."""
    if _size(shape) <= most:
        return shape
    sizes: list[int] = []
    level = [shape]
    while level and sum(sizes) + len(level) <= most:
        sizes.append(len(level))
        level = [each for node in level for _, each in node.inside()]
    return _cut(shape, max(len(sizes) - 1, 0))


def _cut(shape: Shape, depth: int) -> Shape:
    if not any(True for _ in shape.inside()):
        return shape
    if depth == 0:
        return shape | Shape(cut=True)
    return Shape(
        kinds=shape.kinds,
        fields={key: _cut(each, depth - 1) for key, each in shape.fields.items()},
        keyed=shape.keyed and _cut(shape.keyed, depth - 1),
        items=shape.items and _cut(shape.items, depth - 1),
        empty=shape.empty,
        longest=shape.longest,
        values=shape.values,
        digits=shape.digits,
        places=shape.places,
        negative=shape.negative,
    )


def _size(shape: Shape) -> int:
    return 1 + sum(_size(each) for _, each in shape.inside())


def _number(value: int | Decimal) -> Shape:
    kind, number = ("decimal", value) if isinstance(value, Decimal) else ("integer", Decimal(value))
    exponent = number.as_tuple().exponent
    places = max(-exponent, 0) if isinstance(exponent, int) else 0
    return Shape({kind: 1}, digits=max(number.adjusted() + 1, 1), places=places, negative=int(number < 0))


def _added(one: Mapping[str, int], other: Mapping[str, int]) -> Mapping[str, int]:
    both = dict(one)
    for name, count in other.items():
        both[name] = both.get(name, 0) + count
    return both


def _either(one: Shape | None, other: Shape | None) -> Shape | None:
    return one | other if one is not None and other is not None else one if other is None else other


def _joined(shapes: Iterable[Shape]) -> Shape | None:
    made: Shape | None = None
    for shape in shapes:
        made = _either(made, shape)
    return made


def _objects(one: Shape, other: Shape) -> tuple[Mapping[str, Shape], Shape | None]:
    both = dict(one.fields)
    for key, shape in other.fields.items():
        both[key] = both[key] | shape if key in both else shape
    return _folded(both, _either(one.keyed, other.keyed))


def _folded(fields: Mapping[str, Shape], keyed: Shape | None = None) -> tuple[Mapping[str, Shape], Shape | None]:
    """Fields, or what all their values have in common when the keys are ids."""
    if keyed is None and len(fields) <= MOST_KEYS:
        return fields, None
    return {}, _either(keyed, _joined(fields.values()))


def _values(one: Mapping[str, int] | None, other: Mapping[str, int] | None) -> Mapping[str, int] | None:
    if one is None or other is None:
        return None
    both = _added(one, other)
    return both if len(both) <= MOST_VALUES else None
