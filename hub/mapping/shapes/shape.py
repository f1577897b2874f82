"""The shape of JSON values, learned from those that were seen: kinds, fields, lengths, and few distinct texts."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hub.sdk.exact import Json

KINDS = ("null", "boolean", "integer", "decimal", "text", "list", "object")
NUMBERS = frozenset({"integer", "decimal"})
TYPES: Mapping[type, str] = {
    str: "text",
    type(None): "null",
    bool: "boolean",
    int: "integer",
    Decimal: "decimal",
    dict: "object",
    list: "list",
}
"""In this order: a boolean is an integer to Python."""

MOST_VALUES, LONGEST_VALUE = 12, 40
"""How many distinct texts are kept, and how long one may be; beyond, they are free text."""

MOST_KEYS = 200
"""Keys of one object; with more they are ids, and all their values become one shape."""

MOST_NODES, DEEPEST = 2_000, 32
OFTEN, EACH_OFTEN = 50, 3
"""An enumeration was seen at least so often, and each of its values too."""


@dataclass(slots=True)  # made once, then never changed; frozen, each of the many would cost three times as much
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


def shape_of(value: Json) -> Shape:
    """The shape of one JSON value; cut where it is nested deeper than 32. A float is refused (TypeError)."""
    return _shape((value,), 0)


def _shape(values: Iterable[Json], depth: int) -> Shape:
    """What the shapes of all these values join to, without making each of them."""
    kinds: dict[str, int] = {}
    texts: list[str] = []
    numbers: list[int | Decimal] = []
    items: list[Json] = []
    inside: dict[str, list[Json]] = {}
    empty = 0
    for value in values:
        kind = TYPES.get(type(value)) or _kind(value)
        kinds[kind] = kinds.get(kind, 0) + 1
        if kind == "text":
            texts.append(value)
        elif kind in NUMBERS:
            numbers.append(value)
        elif kind == "list":
            items += value
            empty += not value
        elif kind == "object":
            empty += not value
            for key, each in value.items():
                inside.setdefault(key, []).append(each)
    made = Shape(kinds, empty=empty)
    if texts:
        made.empty += texts.count("")
        made.longest = max(map(len, texts))
        made.values = _distinct(texts)
    if numbers:
        made.digits = max(max(Decimal(each).adjusted() + 1, 1) for each in numbers)
        made.places = max(map(_places, numbers))
        made.negative = sum(each < 0 for each in numbers)
    if depth == DEEPEST:
        made.cut = "list" in kinds or "object" in kinds
        return made
    if inside:
        made.fields, made.keyed = _folded({key: _shape(each, depth + 1) for key, each in inside.items()})
    if items:
        made.items = _shape(items, depth + 1)
    return made


def _kind(value: Json) -> str:
    for plain, kind in TYPES.items():
        if isinstance(value, plain):
            return kind
    raise TypeError(f"{type(value).__name__} is no exact JSON")


def _distinct(texts: Sequence[str]) -> Mapping[str, int] | None:
    found: dict[str, int] = {}
    for text in texts:
        if len(text) > LONGEST_VALUE:
            return None
        found[text] = found.get(text, 0) + 1
    return found if len(found) <= MOST_VALUES else None


def _places(number: int | Decimal) -> int:
    exponent = number.as_tuple().exponent if isinstance(number, Decimal) else 0
    return max(-exponent, 0) if isinstance(exponent, int) else 0


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
