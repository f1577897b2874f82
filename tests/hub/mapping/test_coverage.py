"""What no example of a mapping touches is named with its place."""

import pytest

from hub.mapping import parse_mapping
from hub.mapping.expressions.expression import Expression
from hub.mapping.trials.branches import Branch, Branches
from hub.mapping.trials.coverage import Coverage, cover
from hub.sdk.exact import Json

HEAD = "mapping: crm.a__b.c\nversion: 1\nfrom: crm.a.done\nto: b.c\nfields:\n"


def covered(fields: str, *givens: str) -> Coverage:
    """A mapping with these fields and these examples."""
    examples = "".join(f"  - {{ name: e, given: {given}, expect: {{}} }}\n" for given in givens)
    return cover(parse_mapping(f"{HEAD}{fields}examples:\n{examples}", "f.yaml"))


@pytest.mark.parametrize(
    ("fields", "givens", "untouched"),
    [
        ("  x: { take: a }\n", ["{ a: 1 }"], []),
        ("  x: { take: a }\n", ["{ b: 1 }"], ["f.yaml:6:3: no example makes x"]),
        ("  x: { take: a, default: 0 }\n", ["{ a: 1 }"], ["f.yaml:6:26: no example takes the default of x"]),
        ("  x: { take: a, default: 0 }\n", ["{ a: 1 }", "{}"], []),
        ("  x: { take: a, clean: [strip], default: 0 }\n", ["{ a: 1 }", "{ a: ' ' }"], []),
        ("  x: { take: a, required: true }\n", ["{ a: 1 }"], ["f.yaml:6:27: no example shows that x is required"]),
        ("  x: { take: a, required: true }\n", ["{ a: 1 }", "{}"], []),
        ("  x: { take: 'length(a)', required: true }\n", ["{ a: [1] }", "{}"], []),
        (
            "  x: { take: a, clean: [upper], lookup: t }\nlookups:\n  t: { K: 1, L: 2 }\n",
            ["{ a: k }"],
            ["f.yaml:6:41: no example shows x missing from t", "f.yaml:8:14: no example looks up L in t"],
        ),
        ("  x: { take: a, lookup: t, default: 3 }\nlookups:\n  t: { K: 1 }\n", ["{ a: K }", "{ a: L }"], []),
        (
            '  x: { take: "a || b" }\n',
            ["{ b: 1 }"],
            ["f.yaml:6:17: no example takes the left side of ||"],
        ),
        (
            '  x: { each: "a[?b].c", fields: { y: { take: y, required: true } } }\n',
            ["{ a: [{ b: true, c: { y: 1 } }] }", "{ a: [{ b: true, c: {} }] }"],
            ["f.yaml:6:16: no example has an item that the filter drops"],
        ),
        (
            "  x: { take: a, when: b }\n",
            ["{ a: 1, b: true }"],
            ["f.yaml:6:23: no example leaves x out by its condition"],
        ),
        ("  x: { take: a, when: b }\n", ["{ a: 1, b: true }", "{ a: 1 }"], []),
    ],
)
def test_what_no_example_touches_is_named_at_its_place(fields: str, givens: list[str], untouched: list[str]) -> None:
    found = covered(fields, *givens)
    assert [_english(point.told) for point in found.untouched] == untouched
    assert (found.percent == 100) == (not untouched)


def _english(told: str) -> str:
    place, _, words = told.partition(": ")
    return f"{place}: {words.partition(' / ')[2]}"


def test_coverage_counts_of_each_kind() -> None:
    found = covered("  x: { take: a, required: true }\n  y: { take: b, default: 1 }\n", "{ a: 1 }")
    assert found.counts() == {
        "field": (2, 2),
        "default": (1, 1),
        "entry": (0, 0),
        "refusal": (0, 1),
        "branch": (0, 0),
    }
    assert found.percent == 75


@pytest.mark.parametrize(
    ("text", "data", "taken"),
    [
        ("a || b", {"a": 1}, [(2, True)]),
        ("a || b || c", {"c": 1}, [(2, False), (7, False)]),
        ("a || (b || c)", {"b": 1}, [(2, False), (8, True)]),
        ("a && b", {"a": 1}, [(2, False)]),
        ("a && b", {}, [(2, True)]),
        ("x[?a || b].c", {"x": [{"a": 1}, {}]}, [(1, False), (1, True), (5, False), (5, True)]),
        ("x[?a].y[?b]", {"x": [{"a": 1, "y": [{"b": 1}]}]}, [(1, True), (7, False)]),
        ("x[?a || b].[c || d]", {"x": [{"a": 1, "d": 1}]}, [(1, True), (5, True), (14, False)]),
        ("max_by(x, &(a || b))", {"x": [{"b": 1}]}, [(14, False)]),
        ("x | [0] | (a || b)", {"x": [{"a": 1}]}, [(13, True)]),
        ("'||' == a || b", {"a": "||"}, [(10, True)]),
        ("x.*.y || z", {"x": {"k": {"y": 1}}}, [(6, True)]),
        ("[a && b, {c: d || e}]", {}, [(3, True), (15, False)]),
        ("a.b", {"a": {"b": 1}}, []),
    ],
)
def test_the_branches_of_an_expression_are_those_it_takes(text: str, data: Json, taken: list[tuple[int, bool]]) -> None:
    branches = Branches(Expression(text))
    found = branches.taken(data)
    assert sorted((each.position, each.first) for each in found) == taken
    assert found <= set(branches.all())


def test_a_branch_says_which_sign_it_belongs_to() -> None:
    assert list(Branches(Expression("a && b")).all()) == [Branch(2, "and", True), Branch(2, "and", False)]
