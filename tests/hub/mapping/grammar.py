"""Random expressions in the whole grammar, documents, and rules; an expression is built from the parts that it has."""

from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from hub.mapping.expressions.functions import ExactFunctions, most_values
from hub.mapping.expressions.trade import FUNCTIONS

NAMES = ["a", "b", "c", "get", "x y", "中"]
WRITTEN = ["a", "b", "c", "get", '"x y"', '"\\u4e2d"']
LITERALS = [
    *("`0`", "`1`", "`-1`", "`1.5`", "`0.10`", "`12345678901234567890123`", "`true`", "`false`", "`null`", "`[]`"),
    *("`{}`", '`"a"`', "`[1, [2, true], []]`", '`{"a": {"b": 1.50}}`', '`[{"a": 2, "b": "x"}]`', "'a'", "''", "'\\''"),
]
TABLE = ExactFunctions.FUNCTION_TABLE
SIGNATURES: dict[str, Any] = {name: spec["signature"] for name, spec in TABLE.items()}
OWN = sorted(FUNCTIONS)
STANDARD = sorted(set(TABLE) - set(OWN))

names = st.sampled_from(WRITTEN)
paths = st.lists(st.sampled_from(["a", "b", "c", "get"]), min_size=1, max_size=3).map(".".join)
atoms = names | st.sampled_from(["@", *WRITTEN, *LITERALS])
tails = st.sampled_from(["", "", ".a", ".b", "[0]", ".c[0]", ".[a, b]", ".{a: b}"])


def _lists(inner: st.SearchStrategy[str], joined: str = ", ") -> st.SearchStrategy[str]:
    return st.lists(inner, min_size=1, max_size=3).map(joined.join)


def _calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    def given(name: str) -> st.SearchStrategy[str]:
        kinds = [each["types"] for each in SIGNATURES[name]]
        wanted = [inner.map("&({})".format) if kind == ["expref"] else inner for kind in kinds]
        most = most_values(TABLE[name])
        more = st.lists(inner, max_size=2 if most is None else most - len(kinds))
        return st.tuples(st.tuples(*wanted), more).map(lambda parts: f"{name}({', '.join([*parts[0], *parts[1]])})")

    return (st.sampled_from(STANDARD) | st.sampled_from(OWN)).flatmap(given)


def _written(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    bounds = st.sampled_from(["", "0", "1", "-1", "3"])
    steps = st.sampled_from(["", ":", ":1", ":2", ":-1", ":0"])
    loops = st.sampled_from(["[*]", "[]", ".*", "[1]", "[-2]"])
    signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "&&", "||", "|"])
    pairs = st.builds("{}: {}".format, names, inner)
    return st.one_of(
        st.builds("{}.{}".format, inner, names),
        st.builds("{}{}{}".format, inner, loops, tails),
        st.builds("{}[{}:{}{}]{}".format, inner, bounds, bounds, steps, tails),
        st.builds("{}[?{}]{}".format, inner, inner, tails),
        st.builds("{} {} {}".format, inner, signs, inner),
        st.builds("({} {} {})".format, inner, signs, inner),
        st.builds("!{}".format, inner),
        st.builds("&({})".format, inner),
        st.builds("({})".format, inner),
        _lists(inner).map("[{}]".format),
        _lists(pairs).map("{{{}}}".format),
        st.builds("{}.[{}]".format, inner, _lists(inner)),
        st.builds("{}.{{{}}}".format, inner, _lists(pairs)),
        _calls(inner),
    )


expressions = st.recursive(atoms, _written, max_leaves=10)
plain = expressions.filter(lambda text: "&(" not in text)
"""Without references to expressions, which Python writes with their address when a message has one."""

soup = st.lists(
    st.sampled_from([*WRITTEN, *LITERALS, *".*[](){}@&|!<>=:,?-", "[?", "==", "0", "sum(", "`", '"', "'", "#"]),
    max_size=12,
).map("".join)
"""Mostly no expressions at all."""

VALUES = [
    *(
        None,
        True,
        False,
        0,
        1,
        -3,
        10**20,
        Decimal(0),
        Decimal(1),
        Decimal("1.50"),
        Decimal("-0.005"),
        Decimal("1E+99"),
    ),
    *("", "a", "abc", "12", "0.10", " x ", "中", [], {}, [0], [True], ["a"], {"b": 1}, {"b": Decimal(1)}),
]
scalars = st.sampled_from([value for value in VALUES if not isinstance(value, list | dict)])
rows = st.lists(
    st.fixed_dictionaries(
        {"a": st.integers(0, 3) | st.sampled_from([Decimal("1.5"), None]), "b": st.sampled_from(["x", "y", ""])}
    ),
    max_size=4,
)
documents: st.SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(NAMES),
    rows
    | st.lists(st.integers(0, 9), max_size=4)
    | st.lists(st.sampled_from("abc"), max_size=4)
    | st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=4),
        max_leaves=12,
    ),
    max_size=6,
)

FINISH = st.fixed_dictionaries(
    {},
    optional={
        "clean": st.lists(st.sampled_from(["strip", "upper", "lower"]), max_size=2),
        "lookup": st.sampled_from(["t", "~t"]),
        "format": st.just("money"),
        "default": st.sampled_from(["none", 0, "1.5"]),
        "required": st.booleans(),
    },
)


@st.composite
def rules(draw: st.DrawFn, depth: int = 2) -> dict[str, Any]:
    """The fields of a mapping, as its file has them."""
    targets = draw(st.lists(st.sampled_from(["x", "y", "it's", '"', "z{0}"]), min_size=1, max_size=4, unique=True))
    return {target: draw(_rule(depth)) for target in targets}


@st.composite
def _rule(draw: st.DrawFn, depth: int) -> dict[str, Any]:
    way = draw(st.sampled_from(["take", "take", "value", *(["fields", "each"] if depth else [])]))
    when = draw(st.none() | names | plain)
    return {**draw(_made(way, depth)), **({} if when is None else {"when": when})}


@st.composite
def _made(draw: st.DrawFn, way: str, depth: int) -> dict[str, Any]:
    if way == "value":
        return {"value": draw(st.sampled_from([0, False, "", [1], "x"]))}
    if way == "take":
        return {"take": draw(names | paths | plain), **draw(FINISH)}
    each = {"each": draw(names | paths)} if way == "each" else {}
    return {**each, "fields": draw(rules(depth - 1)), "required": draw(st.booleans())}
