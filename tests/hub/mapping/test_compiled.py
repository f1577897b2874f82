"""Compiled code answers as the library does and as the rules say; no text becomes code; bombs stop at their budget.

FUZZ=500000 tries that many expressions.
"""

import ast
import os
import re
import sys
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from itertools import product
from types import FrameType
from typing import Any

import jmespath
import pytest
import simplejson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.domain.errors import MappingError
from hub.mapping import MappingFile, parse_mapping
from hub.mapping.expressions.budget import Budget
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable
from tests.hub.mapping.grammar import VALUES, documents, expressions, rules, soup
from tests.hub.mapping.reference import answer, interpreted, made

MANY = int(os.environ.get("FUZZ", "3000"))
RULES = int(os.environ.get("FUZZ", "700")) // 5
"""So many whole mappings: each is many expressions."""

searching = settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))


@searching
@given(expressions, st.lists(documents, min_size=1, max_size=4))
def test_an_answer_is_the_libraries_and_so_is_a_refusal(text: str, found: list[Any]) -> None:
    expression = Expression(text)
    for document in found:
        ours, theirs = answer(expression.search, document), answer(interpreted, expression, document)
        assert ours == theirs or ("&(" in text and ours[0] == theirs[0] == "Unanswerable")


@pytest.mark.filterwarnings("ignore:deprecated string literal")
@searching
@given(expressions | soup)
def test_an_expression_is_read_when_the_library_reads_it(text: str) -> None:
    ours, theirs = _refusal(Expression, text), _refusal(jmespath.compile, text)
    assert bool(ours) == bool(theirs) or re.search(r"^function: unknown|takes \d+ values|kept exactly", ours)


def _refusal(read: Callable[[str], Any], text: str) -> str:
    try:
        read(text)
    except (BadExpression, jmespath.exceptions.JMESPathError) as error:
        return str(error)
    return ""


def mapping(fields: dict[str, Any]) -> MappingFile:
    """A mapping with these fields, as JSON, which is YAML."""
    lookups = {"t": {"a": "A", "1": 1, "True": "yes"}}
    head = {"mapping": "a.b__c.d", "version": 1, "from": "a.b", "to": "c.d", "fields": fields, "lookups": lookups}
    return parse_mapping(simplejson.dumps(head | {"examples": [{"name": "n", "given": {}, "expect": {}}]}), "f")


@settings(searching, max_examples=RULES)
@given(rules(), st.lists(documents, min_size=1, max_size=3))
def test_a_mapping_makes_what_its_rules_say(fields: dict[str, Any], found: list[Any]) -> None:
    file = mapping(fields)
    for document in found:
        theirs = answer(made, file.steps, file.lookups, document)
        assert answer(file.apply, document) == theirs


AWKWARD = [
    *(
        "0",
        "1",
        "-1",
        "12",
        "1.5",
        "-0",
        "-0.00",
        "0.001",
        "1E+2",
        "1E-2",
        "1.00E+3",
        "0E+5",
        "1.25E-7",
        "7E+39",
        "7E+41",
    ),
    *("9" * 40, "9" * 41, f"{'9' * 37}.00", f"{'9' * 38}.00", f"-{'9' * 36}.00", f"-{'9' * 37}.00"),
    *("NaN", "NaN123", "-NaN", "sNaN", "Infinity", "-Infinity"),
]
NUMBERS = [*map(Decimal, AWKWARD), *(sign * 10**39 * n for sign in (1, -1) for n in (0, 1, 9, 10, 11)), True, False]


@pytest.mark.parametrize("number", NUMBERS, ids=str)
def test_a_number_becomes_text_inline_as_it_does_in_a_call(number: Any) -> None:
    for text in ("text(a)", "money(a)"):
        expression = Expression(text)
        assert answer(expression.search, {"a": number}) == answer(interpreted, expression, {"a": number})
    file = mapping({"x": {"take": "a", "format": "money"}})
    assert answer(file.apply, {"a": number}) == answer(made, file.steps, file.lookups, {"a": number})


READ = {"take": "a.b", "required": True}


def test_two_fields_read_at_one_place_do_not_disturb_each_other() -> None:
    file = mapping(
        {"x": {**READ, "clean": ["strip", "upper"]}, "y": READ, "z": {"take": "a.b", "default": 0, "lookup": "t"}}
    )
    assert file.apply({"a": {"b": "a "}}) == {"x": "A", "y": "a ", "z": 0}


@pytest.mark.parametrize("data", [{}, {"a": None}, {"a": 1}, {"a": []}, {"a": "b"}, {"a": {"c": 1}}, None, [], "a", 0])
def test_what_is_not_there_is_told_of_the_first_field_that_needs_it(data: Any) -> None:
    file = mapping({"v": {"take": "c"}, "x": {"take": "a.c"}, "y": READ, "z": {"take": "sum(a)"}})
    with pytest.raises(MappingError) as caught:
        file.apply(data)
    assert caught.value.message == "y is required"


SIGNS = ["==", "!=", "<", "<=", ">", ">=", "&&", "||"]


@pytest.mark.parametrize(
    "text", [*(f"a {sign} b" for sign in SIGNS), "!a", "[@][?a].b", "[a][?@]", "a.b", "not_null(a, b)"]
)
def test_any_two_values_answer_as_the_library_does(text: str) -> None:
    expression = Expression(text)
    for a, b in product(VALUES, VALUES):
        assert answer(expression.search, {"a": a, "b": b}) == answer(interpreted, expression, {"a": a, "b": b})


NASTY = [
    *(
        "'",
        '"',
        "\\",
        "\\'",
        '\\"',
        "'''",
        '"""',
        "\n",
        "\r",
        "\x00",
        "\ud800",
        "\u2028",
        "{x}",
        "{0.__class__}",
        "${x}",
    ),
    *(
        "%s",
        "{{",
        "__import__('os')",
        "'); raise SystemExit #",
        "a\n raise SystemExit",
        "__class__",
        "\\N{BULLET}",
        "#",
    ),
]
OURS = re.compile(r"[a-z]\d+|data|[mdbv]|at|item|error|search|make|call_\w+|is_\w+|None")
METHODS = {"get", "append", "spend", "weigh", "equal", "ordered", "flat", "values", "within", "refused", "is_finite"}
HELPERS = {"MISSING", "Budget", "Reference", "Decimal", "HOLDERS", "Refused", "WRONG", "inside", "isinstance", "len"}
BUILT_IN = HELPERS | {"list", "dict", "str", "int", "listed", "looked_up", "missing", "each_inside", "payload"}


def check_names(source: str) -> None:
    """Every name and attribute in the source is one of ours."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Name):
            assert OURS.fullmatch(node.id) or node.id in BUILT_IN, node.id
        elif isinstance(node, ast.Attribute):
            assert node.attr in METHODS | {"__class__", "__cause__"}


@pytest.mark.parametrize("name", NASTY)
def test_a_nasty_name_stays_a_name(name: str) -> None:
    quoted = simplejson.dumps(name)
    data = {name: {name: 7}}
    expression = Expression(f"{{{quoted}: {quoted}.{quoted}, r: `{quoted.replace('`', '')}`}}")
    assert expression.search(data) == {name: 7, "r": name}
    check_names(expression.source().text)
    if name not in ("\x00", "\ud800", "\u2028"):
        file = mapping({name: {"each": "l", "required": True, "fields": {name: {"take": quoted, "required": True}}}})
        assert file.apply({"l": [{name: 7}]}) == {name: [{name: 7}]}
        with pytest.raises(MappingError) as caught:
            file.apply({"l": [{}]})
        assert caught.value.message == f"{name}[0].{name} is required"
        check_names(file.engine.source().text)


@settings(searching, max_examples=RULES)
@given(expressions, rules())
def test_no_text_becomes_code(text: str, fields: dict[str, Any]) -> None:
    check_names(Expression(text).source().text)
    check_names(mapping(fields).engine.source().text)


DEEP = {
    "or": "(a || " * 100 + "b" + ")" * 100,
    "and": "(b && " * 100 + "b" + ")" * 100,
    "not": "!" * 100 + "a",
    "lists": "[" * 100 + "b" + "]" * 100,
    "hashes": "{a: " * 70 + "b" + "}" * 70,
    "projections": "[*]" * 60,
    "filters": "[?" * 60 + "b" + "]" * 60,
    "nested loops": "l[?" + "l[?" * 30 + "a" + "]" * 30 + "]",
    "functions": "to_array(" * 100 + "b" + ")" * 100,
    "names": ".".join("b" * 5000),
    "pipes": "|".join("@" * 140),
}


@pytest.mark.parametrize("name", DEEP)
def test_deep_nesting_answers_as_the_library_does(name: str) -> None:
    expression = Expression(DEEP[name])
    for document in ({"b": {"b": 1}, "l": [{"l": [{"a": 1}]}]}, [[[[1]]]], None):
        assert answer(expression.search, document) == answer(interpreted, expression, document)


@pytest.mark.parametrize("text", ["!" * 200 + "a", "(a || " * 200 + "b" + ")" * 200, "a|" * 200 + "a", "a" * 20_001])
def test_what_is_nested_deeper_or_longer_is_refused(text: str) -> None:
    with pytest.raises(BadExpression, match="deep|longer"):
        Expression(text)


DOUBLED = "[@,@][]|" * 30
BOMBS = {
    "a list of twos, written": "[@,@]|" * 40 + "to_string(@)",
    "a list of twos, compared": "[@,@]|" * 40 + "@ == `1`",
    "a list of twos, compared with itself": "[@,@]|" * 40 + "@ == @",
    "a list of twos, given back": "[@,@]|" * 40 + "@",
    "a list of twos, searched": "[@,@]|" * 40 + "contains(@, 'y')",
    "a list of twos, sorted": "[@,@]|" * 40 + "sort_by([@,@], &length(to_string(@)))",
    "an object of twos": "{a: @, b: @}|" * 40 + "@",
    "an object of twos, written": "{a: @, b: @}|" * 40 + "to_string(@)",
    "long keys": "[@,@][]|" * 7 + f"[*].{{{'k' * 15_000}: @}} | to_string(@)",
    "a flat list": DOUBLED + "@",
    "a flat list, mapped": DOUBLED + "map(&@, @)",
    "a flat list, in a loop": DOUBLED + "[*].[@]",
    "a flat list, sorted": DOUBLED + "sort(@)",
    "a flat list, turned round": DOUBLED + "reverse(@)",
    "a flat list, its greatest": DOUBLED + "max(@)",
    "a flat list, joined": DOUBLED + "join('', @)",
    "a flat list, joined with much": "[@,@][]|" * 7 + f"join('{'s' * 10_000}', @)",
    "a flat list, much done with each": "[@,@][]|" * 9 + f"map(&[{','.join('a' * 500)}], @)",
    "a long list of one long list, opened": "[@,@][]|" * 9 + "[@]|" + "[@,@][]|" * 8 + "length([])",
    "a growing text": "join('', [@,@])|" * 60 + "@",
    "a growing text, turned round": "join('', [@,@])|" * 30 + "reverse(@)",
    "a growing text, compared": "join('', [@,@])|" * 60 + "@ == 'x'",
    "many long texts, joined": "join('', [@,@])|" * 14 + "[@,@][]|" * 14 + "join('', @)",
    "many long texts, compared": "join('', [@,@])|" * 14 + "[@,@][]|" * 14 + "[?@ < join('', [@, 'x'])]",
    "loops in loops": "[@,@][]|" * 8 + "[*].[@,@][]|[].[@,@][]|[].[@,@][]|[*].[@,@]",
    "a loop for each item of a loop": "[@,@][]|" * 8 + "map(&map(&@, [@,@,@,@,@,@,@,@]), @)|" + DOUBLED + "@",
    "expressions in expressions": "[@,@][]|" * 8 + "[@,@,@,@,@,@,@,@]|map(&map(&map(&[@,@,@,@,@,@],@),@),[@,@,@,@])",
    "merged": "{a: @, b: @}|" * 30 + "merge(@, @)",
    "values of objects": "{a: @, b: @}|values(@)|" * 30 + "[@,@]",
    "filters in filters": DOUBLED + "[?@ == 'x' || @ == 'y']",
    "slices": DOUBLED + "[::2][::2]",
    "all fields": "{a: @, b: @}|" * 30 + "*.*.*.*.*.*.*.*.*.*.*.*.*.*[]",
    "nothing is null": "[@,@]|" * 40 + "not_null(@, @)",
    "its own array": "[@,@]|" * 40 + "to_array(@)",
}
FEW = 3_000
FUSES = [(name, data) for name in BOMBS for data in ("x" * 16, 1) if data != 1 or "join(" not in BOMBS[name]]


@pytest.mark.parametrize(("name", "data"), FUSES)
def test_a_bomb_stops_when_its_budget_is_spent(name: str, data: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines of Python run and memory held, both counted, stay in proportion to the budget."""
    monkeypatch.setattr(Budget, "left", FEW)
    expression, lines = Expression(BOMBS[name]), 0
    with pytest.raises(Unanswerable, match="steps"):
        expression.search(data)  # compiled before it is counted

    def count(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal lines
        lines += event == "line"
        return count

    tracemalloc.start()
    before = sys.gettrace()
    sys.settrace(count)
    try:
        with pytest.raises(Unanswerable, match="steps"):
            expression.search(data)
    finally:
        sys.settrace(before)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert lines < 12 * FEW
    assert peak < 256 * FEW
