"""What may stand at a place of JSON, before any data is there: declared by a JSON Schema, or learned."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from functools import lru_cache, reduce
from typing import Any

from pydantic import BaseModel

from hub.domain.text import Text
from hub.mapping.shapes.shape import KINDS, Shape
from hub.sdk.exact import Json

DEEPEST = 16
FORMS = {
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
    "instant": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(Z|[+-][0-9:]+)"),
    "number": re.compile(r"-?[0-9]+(\.[0-9]+)?"),
}
FORMATS = {"date": "date", "date-time": "instant"}
WORDS = {"string": "text", "number": "decimal", "array": "list"}
"""JSON Schema's words that are not ours."""

CHINESE = {
    **{"text": "文本", "integer": "整数", "decimal": "小数", "boolean": "真假", "list": "列表", "object": "对象"},
    **{"null": "空", "date": "日期", "instant": "时刻", "number": "数字"},
}
"""Kinds and forms in Chinese."""


@dataclass(frozen=True, slots=True)
class Type:
    """The kinds that may stand at a place, and what is known of each. Types join by `|`. As it is made: anything.

    Attributes:
        kinds: of `hub.mapping.shapes.shape.KINDS`; null also stands for what may be left out.
        empty: whether it may be "", [] or {}; to a mapping that is nothing, as null is.
        fields: of an object. closed: it has no others; else they are `rest`, None being anything.
        items: of a list; None is anything. each: one by one, where an expression writes them out.
        values: all the texts that may stand here; None when they are not known. seen: those there were so far.
        longest: characters of a text; None is any number.
        form: of every text: "date", "instant", "number", or "". pattern: one that every text matches.
        sure: declared, or written in the mapping; what was only seen may be different tomorrow.
        node: the part of an expression that made it.
    """

    kinds: frozenset[str] = frozenset(KINDS)
    empty: bool = True
    fields: Mapping[str, "Type"] = field(default_factory=dict)
    closed: bool = False
    rest: "Type | None" = None
    items: "Type | None" = None
    each: tuple["Type", ...] = ()
    values: frozenset[str] | None = None
    seen: frozenset[str] | None = None
    longest: int | None = None
    form: str = ""
    pattern: str = ""
    sure: bool = True
    node: Any = field(default=None, compare=False)

    @property
    def anything(self) -> bool:
        """Whether nothing is known."""
        return len(self.kinds) == len(KINDS)

    @property
    def maybe(self) -> bool:
        """Whether it may come to nothing: null, left out, or empty."""
        return self.empty or "null" in self.kinds

    @property
    def present(self) -> "Type":
        """The same where it is not null."""
        return self if self.anything else replace(self, kinds=self.kinds - {"null"})

    @property
    def some(self) -> "Type":
        """The same where it is something."""
        if self.anything:
            return self
        values = self.values and self.values - {""}
        return replace(self, kinds=self.kinds - {"null"}, empty=False, values=values)

    def child(self, name: str) -> "Type | None":
        """A field of it; None when it has no such field."""
        if name in self.fields:
            return self.fields[name]
        return None if self.closed else self.rest or ANY

    def of(self, *kinds: str) -> "Type":
        """The same with fewer kinds."""
        return replace(self, kinds=self.kinds & {*kinds})

    def __or__(self, other: "Type") -> "Type":
        if self.anything or other.anything:
            return ANY
        return Type(
            kinds=self.kinds | other.kinds,
            empty=self.empty or other.empty,
            sure=self.sure and other.sure,
            node=self.node,
            **_texts([each for each in (self, other) if "text" in each.kinds]),
            **_objects([each for each in (self, other) if "object" in each.kinds]),
            items=_joined(each.items or ANY for each in (self, other) if "list" in each.kinds),
        )


ANY = Type()
NOTHING = Type(kinds=frozenset(), empty=False)
"""No value at all; joined with a type it is that type."""

NULL = Type(kinds=frozenset({"null"}), empty=False)
BLANK = replace(NULL, empty=True)
"""What may be left out, or empty."""


def one(kind: str, **known: Any) -> Type:
    """A type of one kind that is never empty unless it is said."""
    return Type(**{"kinds": frozenset({kind}), "empty": False, **known})


def joined(types: Iterable[Type]) -> Type:
    """Any of these."""
    return reduce(lambda all_, each: all_ | each, types, NOTHING)


def type_of(value: Json) -> Type:
    """The type of a constant, which can be that value alone."""
    if value is None:
        return NULL
    if isinstance(value, bool):
        return one("boolean")
    if isinstance(value, str):
        known = frozenset({value})
        return one("text", empty=not value, values=known, longest=len(value), form=form_of(known))
    if isinstance(value, list):
        return one("list", empty=not value, items=joined(map(type_of, value)))
    if isinstance(value, dict):
        return one("object", empty=not value, fields={key: type_of(each) for key, each in value.items()}, closed=True)
    return one("decimal" if isinstance(value, Decimal) else "integer")


def form_of(texts: Iterable[str]) -> str:
    """The form that all these texts have, or ""."""
    known = [text for text in texts if text]
    fits = (name for name, pattern in FORMS.items() if all(map(pattern.fullmatch, known)))
    return next(fits, "") if known else ""


def of_shape(shape: Shape) -> Type:
    """What was seen. A field that an object lacked once may be null; of fields that nobody saw nothing is said."""
    if not shape.kinds.keys() - {"null"}:
        return ANY
    return Type(
        kinds=frozenset(shape.kinds),
        empty=shape.empty > 0,
        fields={name: _seen(each, shape) for name, each in shape.fields.items()},
        closed=bool(shape.fields) and not shape.cut,
        rest=of_shape(shape.keyed) if shape.keyed else None,
        items=of_shape(shape.items) if shape.items and not shape.cut else None,
        values=shape.enum or None,
        seen=frozenset(shape.values) - {""} if shape.values else None,
        longest=shape.longest,
        form=form_of(shape.values or ()),
        sure=False,
    )


def _seen(inner: Shape, around: Shape) -> Type:
    found = of_shape(inner)
    always = inner.count >= around.kinds.get("object", 0)
    return found if always or found.anything else found | replace(NULL, sure=False)


@lru_cache(maxsize=512)
def of_model(model: type[BaseModel], told: bool = False) -> Type:
    """What a model takes, by its JSON Schema. A field with a default may be left out; `told`, it is there, maybe ""."""
    schema = model.model_json_schema()
    return _Schema(schema.get("$defs", {}), replace(NOTHING, empty=True) if told else BLANK).type(schema)


@dataclass(frozen=True, slots=True)
class _Schema:
    """Reads a JSON Schema; `default`: what a field that has a default may be beside."""

    defs: Mapping[str, Any]
    default: Type

    def type(self, schema: Any, depth: int = 0) -> Type:
        """The type of a part of it; anything where it goes deeper than 16, or says nothing."""
        if not isinstance(schema, dict) or depth > DEEPEST:
            return ANY
        if "$ref" in schema:
            return self.type(self.defs.get(schema["$ref"].rpartition("/")[2]), depth + 1)
        if options := schema.get("anyOf"):
            return joined(self.type(each, depth + 1) for each in _told_apart(options))
        if "const" in schema or "enum" in schema:
            return joined(map(type_of, schema.get("enum", [schema.get("const")])))
        kind = WORDS.get(schema.get("type", ""), schema.get("type"))
        if kind == "text":
            return _text(schema)
        if kind == "list":
            return one("list", empty=not schema.get("minItems"), items=self.type(schema.get("items"), depth + 1))
        if kind == "object":
            return self._object(schema, depth)
        return one(kind) if kind in KINDS else ANY

    def _object(self, schema: Any, depth: int) -> Type:
        needed, more = set(schema.get("required", ())), schema.get("additionalProperties")
        found = {name: self.type(each, depth + 1) for name, each in schema.get("properties", {}).items()}
        return one(
            "object",
            fields={
                name: each if name in needed or each.anything else each | self.default for name, each in found.items()
            },
            empty=not needed,
            closed=bool(found) and not more,
            rest=self.type(more, depth + 1) if isinstance(more, dict) else None,
        )


def _text(schema: Any) -> Type:
    form = FORMATS.get(schema.get("format", ""), "")
    empty = not schema.get("minLength") and not form
    return one("text", empty=empty, longest=schema.get("maxLength"), form=form, pattern=schema.get("pattern", ""))


def _told_apart(options: list[Any]) -> list[Any]:
    """An exact number is written as "number or text": that is a number here."""
    if {"number", "string"} <= {each.get("type") for each in options}:
        return [each for each in options if each.get("type") != "string"]
    return options


def _texts(types: list[Type]) -> dict[str, Any]:
    if len(types) != 2:
        known = types[0] if types else NOTHING
        return {name: getattr(known, name) for name in ("values", "seen", "longest", "form", "pattern")}
    left, right = types
    return {
        "values": None if left.values is None or right.values is None else left.values | right.values,
        "seen": None if left.seen is None or right.seen is None else left.seen | right.seen,
        "longest": None if left.longest is None or right.longest is None else max(left.longest, right.longest),
        "form": left.form if left.form == right.form else "",
        "pattern": left.pattern if left.pattern == right.pattern else "",
    }


def _objects(types: list[Type]) -> dict[str, Any]:
    if len(types) != 2:
        known = types[0] if types else NOTHING
        return {name: getattr(known, name) for name in ("fields", "closed", "rest")}
    left, right = types
    names = [*left.fields, *(name for name in right.fields if name not in left.fields)]
    return {
        "fields": {name: (left.child(name) or NULL) | (right.child(name) or NULL) for name in names},
        "closed": left.closed and right.closed,
        "rest": left.rest and right.rest and left.rest | right.rest,
    }


def _joined(types: Iterable[Type]) -> Type | None:
    found = list(types)
    return joined(found) if found else None


def said(given: Type) -> Text:
    """A type in words: "text", "list or null", "text (date)"."""
    words = spoken(given.kinds)
    if not given.form:
        return words
    text = CHINESE["text"]
    zh = words.zh.replace(text, f"{text}（{CHINESE[given.form]}）")
    return Text(zh, words.en.replace("text", f"text ({given.form})"))


def spoken(kinds: Iterable[str]) -> Text:
    """Kinds in words, null last."""
    names = sorted(kinds, key=lambda kind: (kind == "null", kind))
    return Text("或".join(CHINESE[name] for name in names) or "什么也没有", " or ".join(names) or "nothing")
