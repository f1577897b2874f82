"""What an expression gives, by what its source may hold; and where it cannot be what was meant. Nothing is run."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from jmespath.lexer import Lexer

from hub.domain.text import Text
from hub.mapping.checks.types import ANY, NOTHING, NULL, Type, joined, one, said, spoken, type_of
from hub.mapping.expressions.compiler import CHAINS, ORDERS
from hub.mapping.expressions.functions import ExactFunctions
from hub.mapping.expressions.trade import FUNCTIONS
from hub.mapping.files.nearest import nearest
from hub.mapping.shapes.shape import NUMBERS

Report = Callable[[Text, Any, bool], None]
"""What is wrong, the node of the expression where it is, and whether that is certain."""

ORDERED = NUMBERS | {"text"}
ALIKE = {"integer": "number", "decimal": "number"}
WORDS = {"string": {"text"}, "number": NUMBERS, "array": {"list"}, "object": {"object"}, "boolean": {"boolean"}}
"""JMESPath's names of types, in ours."""

OWN = frozenset({"field", "key_val_pair", "function_expression", "literal"})
TOLD = frozenset({"unquoted_identifier", "quoted_identifier", "literal", "eq", "ne", *ORDERS})
"""The tokens that have a node each: those of OWN and the comparisons."""

TEXT = one("text", empty=True)
NUMBER = one("integer") | one("decimal")
BOOLEAN = one("boolean")
DATE, INSTANT = one("text", form="date"), one("text", form="instant")
RETURNS = {"string": TEXT, "number": NUMBER, "boolean": BOOLEAN, "array": one("list", empty=True)}
GIVES = {
    **{name: RETURNS.get(offered.returns, ANY) for name, offered in FUNCTIONS.items()},
    **dict.fromkeys(("join", "to_string", "text"), TEXT),
    **dict.fromkeys(("date", "parse_date", "month_start", "month_end"), DATE),
    **dict.fromkeys(("time", "parse_time", "from_epoch", "from_epoch_ms"), INSTANT),
    "money": one("text", form="number"),
    "type": one("text"),
    **dict.fromkeys(("sum", "abs"), NUMBER),
    **dict.fromkeys(("length", "ceil", "floor"), one("integer")),
    **dict.fromkeys(("avg", "to_number"), NUMBER | NULL),
    **dict.fromkeys(("contains", "starts_with", "ends_with"), BOOLEAN),
    "keys": one("list", empty=True, items=one("text")),
}
"""What a function gives whatever it is given."""

TAKES = {
    **{name: [each["types"] for each in spec["signature"]] for name, spec in ExactFunctions.FUNCTION_TABLE.items()},
    **{name: [list(kind.types) for _, kind in offered.parameters] for name, offered in FUNCTIONS.items()},
}
"""JMESPath's types of each value that a function takes; the last also of those after it."""

SAME = frozenset({"reverse", "sort", "sort_by", "add_days", "add_months"})
ITEM = frozenset({"max", "min", "max_by", "min_by"})


def infer(tree: Any, here: Type, report: Report) -> Type:
    """The type of an expression's answer, asked of `here`; what is wrong in it is reported."""
    return _Inference(report).of(tree, here)


def position(text: str, tree: Any, node: Any) -> int:
    """Index in the expression's text where a node of it, or what is in that node, first stands."""
    starts = [token["start"] for token in Lexer().tokenize(text) if token["type"] in TOLD]
    places = {id(each): int(start) for each, start in zip(_told(tree), starts, strict=False)}
    return min((places[id(each)] for each in _told(node) if id(each) in places), default=0)


def _told(node: Any) -> Iterator[Any]:
    """The nodes that have a token of their own, in the order of the text."""
    kind, children = node["type"], [each for each in node["children"] if isinstance(each, dict)]
    if kind == "comparator":
        yield from _told(children[0])
        yield node
        yield from _told(children[1])
        return
    if kind in OWN:
        yield node
    if kind == "filter_projection":
        children = [children[0], children[2], children[1]]
    for child in children:
        yield from _told(child)


class _Inference:
    """One walk through one expression. What is unknown is anything, so that one mistake is told once."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def of(self, node: Any, here: Type) -> Type:
        """The type that a node gives, asked of `here`."""
        if node["type"] in CHAINS:
            for child in node["children"]:
                here = self.of(child, here)
            return here
        made: Type = getattr(self, f"_{node['type']}")(node, here)
        return replace(made, node=node) if made.node is None or node["type"] in OWN else made

    def _field(self, node: Any, here: Type) -> Type:
        name = node["value"]
        if not self._has(here, "object", node, name, Text("没有字段", "which has no fields")):
            return ANY
        found = here.of("object").child(name)
        if found is None:
            self._report(nearest(name, here.fields), node, here.sure)
            return ANY
        return found | NULL if here.kinds - {"object"} and not found.anything else found

    def _has(self, here: Type, kind: str, node: Any, part: str, lacks: Text) -> bool:
        """Whether there may be something of this kind; what is always null is no mistake of its own.

        `part`: what is asked of it, `lacks`: why that is not there.
        """
        if here.anything:
            return False
        if kind in here.kinds:
            return True
        if here.kinds - {"null"}:
            words = said(here)
            what = Text(f"从{words.zh}取 {part}，而它{lacks.zh}", f"{part} is asked of {words.en}, {lacks.en}")
            self._report(what, node, here.sure)
        return False

    def _current(self, node: Any, here: Type) -> Type:
        return here

    _identity = _current

    def _literal(self, node: Any, here: Type) -> Type:
        return type_of(node["value"])

    def _items(self, here: Type, node: Any, part: str) -> Type:
        """The type of a list's items; anything where there is no list."""
        known = self._has(here, "list", node, part, Text("不是列表", "which is no list"))
        return here.items or ANY if known else ANY

    def _index(self, node: Any, here: Type) -> Type:
        items = self._items(here, here.node or node, f"[{node['value']}]")
        return items if items.anything else items | NULL

    def _slice(self, node: Any, here: Type) -> Type:
        self._items(here, here.node or node, "[:]")
        return replace(here.of("list", "null"), empty=True) if "list" in here.kinds else ANY

    def _flatten(self, node: Any, here: Type) -> Type:
        base = self.of(node["children"][0], here)
        items = self._items(base, base.node or node, "[]")
        if "list" in items.kinds and not items.anything:
            items = joined([items.of(*items.kinds - {"list"}), items.items or ANY])
        return _list(items, base) if "list" in base.kinds else ANY

    def _projection(self, node: Any, here: Type) -> Type:
        return self._projected(node, here, lambda base: self._items(base, base.node or node, "[*]"))

    _filter_projection = _projection

    def _value_projection(self, node: Any, here: Type) -> Type:
        return self._projected(node, here, _values)

    def _projected(self, node: Any, here: Type, items_of: Callable[[Type], Type]) -> Type:
        base = self.of(node["children"][0], here)
        items = items_of(base)
        for condition in node["children"][2:]:
            self.of(condition, items)
        made = self.of(node["children"][1], items)
        return _list(made if made.anything else made.of(*made.kinds - {"null"}), base)

    def _comparator(self, node: Any, here: Type) -> Type:
        left, right = (self.of(child, here) for child in node["children"])
        how = node["value"]
        if why := _never(left, right, how in ORDERS):
            never = (
                Text("总是成立", "is true of everything") if how == "ne" else Text("永远不成立", "can never be true")
            )
            what = Text(f"这个比较{never.zh}：{why.zh}", f"this comparison {never.en}: {why.en}")
            self._report(what, node, left.sure and right.sure)
        return BOOLEAN if how in ("eq", "ne") else BOOLEAN | NULL

    def _not_expression(self, node: Any, here: Type) -> Type:
        self.of(node["children"][0], here)
        return BOOLEAN

    def _or_expression(self, node: Any, here: Type) -> Type:
        left, right = node["children"]
        return self._true(left, here) | self.of(right, here)

    def _true(self, node: Any, here: Type) -> Type:
        """The type of a node's answer where that is true; of `a && b` it is b's then."""
        if node["type"] != "and_expression":
            return self.of(node, here).some
        left, right = node["children"]
        self.of(left, here)
        return self._true(right, here)

    def _and_expression(self, node: Any, here: Type) -> Type:
        left, right = (self.of(child, here) for child in node["children"])
        return left | right

    def _multi_select_list(self, node: Any, here: Type) -> Type:
        each = tuple(self.of(child, here) for child in node["children"])
        return one("list", items=joined(each), each=each, node=node)

    def _multi_select_dict(self, node: Any, here: Type) -> Type:
        pairs = {child["value"]: self.of(child["children"][0], here) for child in node["children"]}
        return one("object", fields=pairs, closed=True, node=node)

    def _expref(self, node: Any, here: Type) -> Type:
        return ANY

    def _function_expression(self, node: Any, here: Type) -> Type:
        name, children = node["value"], node["children"]
        given = [self.of(child, here) for child in children]
        takes = TAKES[name]
        for index, (child, each) in enumerate(zip(children, given, strict=True)):
            wanted = takes[min(index, len(takes) - 1)]
            self._check(name, child, each, [kind.split("-") for kind in wanted if kind != "expref"])
        self._refer(children, given)
        return _gives(name, given)

    def _refer(self, children: Sequence[Any], given: Sequence[Type]) -> None:
        """What a reference (&x) asks of the items of the list beside it."""
        lists = [each for each in given if each.items is not None]
        for child in children:
            if child["type"] == "expref" and lists:
                self.of(child["children"][0], lists[0].items or ANY)

    def _check(self, name: str, node: Any, given: Type, wanted: list[list[str]]) -> None:
        """Whether a function takes what it is given; `wanted`: JMESPath's types, for a list that of its items too."""
        kinds = frozenset(kind for each in wanted for kind in WORDS.get(each[0], ()))
        odd = given.kinds - kinds
        if not kinds or given.anything:
            return
        if odd:
            certain = given.sure and not given.kinds & kinds
            takes, is_ = spoken(kinds), said(given) if certain else spoken(odd)
            zh = f"{name}() 要{takes.zh}，这里{'是' if certain else '可能是'}{is_.zh}"
            en = f"{name}() takes {takes.en}, and this {'is' if certain else 'may be'} {is_.en}"
            self._report(Text(zh, en), node, certain)
        inner = [[each[1]] for each in wanted if len(each) == 2]
        if inner and "list" in given.kinds and given.items is not None:
            for item in given.each or (given.items,):
                self._check(name, item.node or node, item, inner)


def _list(items: Type, base: Type) -> Type:
    """A list of what was found; null where the base was none."""
    if base.anything:
        return ANY
    made = one("list", empty=True, items=items, sure=base.sure, node=base.node)
    return made | NULL if base.kinds - {"list"} else made


def _values(base: Type) -> Type:
    """Any of an object's values."""
    if base.anything or not base.closed:
        return ANY
    return joined(base.fields.values())


def _gives(name: str, given: Sequence[Type]) -> Type:
    if name == "not_null":
        return joined(each.present for each in given[:-1]) | given[-1]
    if name == "coalesce":
        return joined(each.some for each in given) | (NULL if given[-1].maybe else NOTHING)
    if name in SAME:
        return given[0]
    if name in GIVES:
        return GIVES[name]
    if name in ITEM and given[0].items is not None:
        return given[0].items if given[0].items.anything else given[0].items | NULL
    return ANY


def _never(left: Type, right: Type, order: bool) -> Text | None:
    """Why a comparison of these two never holds, if so; to ask whether something is null is always right."""
    kinds = [{ALIKE.get(kind, kind) for kind in each.kinds - {"null"}} for each in (left, right)]
    both = set.intersection(*kinds)
    if left.anything or right.anything or not all(kinds):
        return None
    if not both or (order and not both & {"number", "text"}):
        one_, other = said(left.some), said(right.some)
        return Text(f"一边是{one_.zh}，一边是{other.zh}", f"one side is {one_.en}, the other {other.en}")
    if not order and kinds[0] == kinds[1] == {"text"} and left.values and right.values:
        few, many = sorted((left.values, right.values), key=len)
        return None if few & many else nearest(min(few), many)
    return None
