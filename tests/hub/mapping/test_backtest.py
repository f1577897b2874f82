"""What a change does: every affected event is named, and no other; counts, sums and reasons are exact."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from hub.domain.errors import MappingError
from hub.domain.event import Event
from hub.mapping import MappingFile, parse_mapping
from hub.mapping.trials.backtest import MOST_REASONS, OTHERS, Affected, BackTest
from hub.mapping.trials.difference import differences
from hub.sdk.exact import Json

HEAD = "mapping: crm.a__b.c\nversion: 1\nfrom: crm.a.done\nto: b.c\nfields:\n"
TAIL = "\nexamples:\n  - { name: none, given: {}, expect: {} }\n"
LINES = "  lines: { each: lines, fields: { amount: { take: %s } } }\n"


class Target(BaseModel):
    model_config = ConfigDict(extra="allow")

    code: str = Field("", max_length=5)


def mapping(fields: str) -> MappingFile:
    return parse_mapping(HEAD + fields + TAIL, "f.yaml")


def tried(old: str, new: str, *documents: Json, samples: int = 5) -> tuple[BackTest, list[Affected]]:
    """A back-test over these documents, and what it named."""
    test = BackTest(mapping(old), mapping(new), Target, samples)
    events = [
        Event(f"evt_{number}", "demo", "crm", "a.done", f"rec_{number}", datetime.now(UTC), data)
        for number, data in enumerate(documents)
    ]
    return test, [affected for event in events if (affected := test.add(event))]


def field(test: BackTest, name: str) -> dict[str, Any]:
    found: dict[str, Any] = test.report()["fields"][name]
    return found


def test_the_same_mapping_changes_nothing() -> None:
    rule = "  x: { take: a, required: true }\n"
    test, named = tried(rule, rule, {"a": Decimal("1.50")}, {"a": [1, {"b": None}]}, {})
    assert (named, test.events, test.affected, test.refused) == ([], 3, 0, 1)
    assert test.report()["fields"] == {}


def test_every_kind_of_change_is_counted_once_an_event() -> None:
    old, new = "  x: { take: a }\n", "  x: { take: b }\n"
    documents = [
        {"a": 1, "b": 1},
        {"a": 1, "b": 2},
        {"a": 1, "b": "1"},
        {"a": 1},
        {"b": 1},
        {},
        {"a": Decimal("1.5"), "b": Decimal("1.50")},
        {"a": 1, "b": True},
    ]
    test, named = tried(old, new, *documents)
    assert [each.event for each in named] == ["evt_1", "evt_2", "evt_3", "evt_4", "evt_6", "evt_7"]
    assert {(each.outcome, each.fields) for each in named} == {("changed", ("x",))}
    told = field(test, "x")
    assert {name: told[name] for name in ("changed", "gone", "new", "retyped")} == {
        "changed": 4,
        "gone": 1,
        "new": 1,
        "retyped": 2,
    }
    assert [(s["before"], s["after"]) for s in told["samples"]] == [(1, 2), (1, "1"), (1, None), (None, 1), (1.5, 1.5)]


def test_an_edit_of_a_digit_of_a_constant_or_of_a_table_is_seen() -> None:
    for old, new in (("1.50", "1.5"), ("1", "true"), ("1", "'1'")):
        assert len(tried(f"  x: {{ value: {old} }}\n", f"  x: {{ value: {new} }}\n", {})[1]) == 1
        table = "  x: { take: a, lookup: t }\n  y: { take: a }\nlookups: { t: { k: %s } }\n"
        (affected,) = tried(table % old, table % new, {"a": "k"})[1]
        assert affected.fields == ("x",)


def test_a_field_that_comes_or_goes_in_the_mapping_is_seen() -> None:
    one, two = "  x: { take: a }\n", "  x: { take: a }\n  y: { take: b, required: true }\n"
    documents = ({"a": 1}, {"a": 1, "b": 2})
    assert [(each.outcome, each.fields) for each in tried(one, two, *documents)[1]] == [
        ("refused", ()),
        ("changed", ("y",)),
    ]
    assert [(each.outcome, each.fields) for each in tried(two, one, *documents)[1]] == [
        ("mended", ()),
        ("changed", ("y",)),
    ]


def test_sums_move_by_exactly_what_changed() -> None:
    gross = {"lines": [{"gross": Decimal("0.10"), "net": Decimal("0.09")}, {"gross": Decimal("0.20")}]}
    old, new = LINES % "gross", LINES % "'net || gross'"
    test, (affected,) = tried(old, new, gross, {"lines": [{"gross": Decimal("5.00")}]})
    assert (affected.event, affected.record, affected.fields) == ("evt_0", "rec_0", ("lines[].amount",))
    assert field(test, "lines[].amount")["sum"] == {"before": "0.10", "after": "0.09"}
    huge, tiny = Decimal("9" * 34), Decimal("0.01")
    told = f"{'9' * 34}.01"
    test, _ = tried("  x: { take: a }\n", "  x: { take: b }\n", {"a": huge, "b": huge}, {"a": huge}, {"a": tiny})
    assert field(test, "x")["sum"] == {"before": told, "after": "0"}
    test, _ = tried("  x: { take: a }\n", "  x: { take: b }\n", {"b": huge}, {"b": tiny})
    assert field(test, "x")["sum"] == {"before": "0", "after": told}


def test_money_texts_are_summed_and_other_texts_are_not() -> None:
    old, new = "  x: { take: a }\n", "  x: { take: b }\n"
    test, _ = tried(old, new, {"a": "628000.00", "b": "600000.00"}, {"a": "0512", "b": "0513"})
    assert field(test, "x")["sum"] == {"before": "628000.00", "after": "600000.00"}


def test_lines_that_go_take_their_amounts_along() -> None:
    lines = {"lines": [{"a": 1, "on": True}, {"a": 2, "on": False}]}
    test, (affected,) = tried(LINES % "a", LINES.replace("each: lines", "each: 'lines[?on]'") % "a", lines)
    assert affected.fields == ("lines[]",)
    assert field(test, "lines[]")["gone"] == 1
    assert field(test, "lines[].amount")["sum"] == {"before": "2", "after": "0"}


def test_new_refusals_and_mended_ones_are_told_by_their_reason() -> None:
    old, new = "  x: { take: a, required: true }\n", "  x: { take: b, required: true }\n"
    test, named = tried(old, new, {"a": 1}, {"a": 1}, {"b": 1}, {}, {"a": 1, "b": 1})
    assert [(each.event, each.outcome, each.reason) for each in named] == [
        ("evt_0", "refused", "x is required"),
        ("evt_1", "refused", "x is required"),
        ("evt_2", "mended", "x is required"),
    ]
    assert test.refused == 1
    assert test.report()["reasons"] == [
        {"outcome": "refused", "reason": "x is required", "count": 2, "events": ["evt_0", "evt_1"]},
        {"outcome": "mended", "reason": "x is required", "count": 1, "events": ["evt_2"]},
    ]


def test_what_the_target_does_not_take_is_refused_too() -> None:
    test, (affected,) = tried("  code: { take: a }\n", "  code: { take: b }\n", {"a": "short", "b": "too long"})
    assert affected.outcome == "refused"
    assert affected.reason.startswith("the target refuses code: ")
    test, named = tried("  code: { take: a }\n", "  code: { take: b }\n", {"a": "too long", "b": "longer still"})
    assert (named, test.refused) == ([], 1)


def test_memory_does_not_grow_with_what_is_told() -> None:
    table = "  x: { take: a, lookup: t }\nlookups: { t: { k: 1 } }\n"
    documents = [{"a": f"v{number}"} for number in range(MOST_REASONS + 50)]
    test, named = tried("  x: { take: a }\n", table, *documents, samples=1)
    assert len(named) == MOST_REASONS + 50
    assert len(test.reasons) == MOST_REASONS + 1
    assert test.reasons["refused", OTHERS].count == 50


AMOUNTS = st.sampled_from([None, 0, 1, Decimal("1.5"), Decimal("1.50"), "1.50", True, "", [1]])
ITEMS = st.lists(st.dictionaries(st.sampled_from("ab"), AMOUNTS), max_size=3)
DOCUMENTS = st.fixed_dictionaries({}, optional={"a": AMOUNTS, "b": AMOUNTS, "l": ITEMS | AMOUNTS, "k": ITEMS})
LEAVES = st.builds("{{ take: {}{} }}".format, st.sampled_from("ab"), st.sampled_from(["", ", required: true"]))


@st.composite
def written(draw: st.DrawFn) -> str:
    """Fields of a mapping: a few leaves, and lists with leaves in them, so that two often differ in one alone."""
    fields = draw(st.dictionaries(st.sampled_from("xy"), LEAVES, max_size=2))
    for name in draw(st.sampled_from(["", "m", "mn"])):
        items = draw(st.dictionaries(st.sampled_from("xyz"), LEAVES, min_size=1, max_size=3))
        each = draw(st.sampled_from("llk"))
        fields[name] = f"{{ each: {each}, fields: {{ {', '.join(f'{key}: {rule}' for key, rule in items.items())} }} }}"
    return "".join(f"  {name}: {rule}\n" for name, rule in (fields or {"x": "{ value: 1 }"}).items())


@settings(max_examples=300, deadline=None)
@given(written(), written(), st.lists(DOCUMENTS, min_size=1, max_size=4))
def test_exactly_those_events_are_affected_whose_payloads_differ(old: str, new: str, documents: list[Any]) -> None:
    _, named = tried(old, new, *documents)
    expected = []
    for number, document in enumerate(documents):
        was, now = _made(old, document), _made(new, document)
        if not (isinstance(was, str) and isinstance(now, str)) and differences(was, now):
            expected.append(f"evt_{number}")
    assert [each.event for each in named] == expected


def _made(fields: str, document: Json) -> Json:
    try:
        return mapping(fields).apply(document)
    except MappingError as error:
        return error.message
