"""A mapping is held against the types of its source and its target, rule by rule."""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field

from hub.mapping import parse_mapping
from hub.mapping.checks.lint import findings
from hub.mapping.checks.types import ANY, of_model

HEAD = "mapping: a.b\nversion: 1\nfrom: a.told\nto: a.take\nfields:\n  "
ENGLISH = re.compile("(^[^ ]+ [^ ]+ ).* / ")
TAIL = "\nexamples:\n  - { name: one, given: {}, expect: {} }\n"


class Row(BaseModel):
    code: Annotated[str, Field(min_length=1, max_length=4)]
    amount: Decimal | None = None


class Told(BaseModel):
    paid: bool
    day: date
    state: Literal["open", "done"]
    text: Annotated[str, Field(max_length=50)] = ""
    rows: list[Row]


class Taken(BaseModel):
    flag: Literal["yes", "no"] = "no"
    amount: Decimal = Decimal(0)
    day: date | None = None
    note: str = ""
    number: Annotated[str, Field(max_length=9, pattern="^[A-Z]+-")] = ""
    must: str = Field(default_factory=str)
    rows: list[Row] = []


class Needing(BaseModel):
    must: str


def told(rule: str, *, target: type[BaseModel] = Taken, tables: str = "") -> list[tuple[str, bool]]:
    """What is said of a mapping with one rule, in English."""
    return [(ENGLISH.sub(r"\1", words), certain) for words, certain in worded(rule, target=target, tables=tables)]


def worded(rule: str, *, target: type[BaseModel] = Taken, tables: str = "") -> list[tuple[str, bool]]:
    """The same as people read it."""
    mapping = parse_mapping(f"{HEAD}{rule}{tables}{TAIL}", "f.yaml")
    return [(str(each), each.certain) for each in findings(mapping, target, of_model(Told, told=True))]


OPEN_YES = "\nlookups:\n  words: { open: 'yes' }"


CERTAIN = (
    ("note: { take: text, when: stat == 'open' }", "29: note: unknown 'stat', did you mean 'state'?"),
    ("note: { take: day, format: money }", "30: note: text (date) is no amount of money"),
    ("amount: { take: text, default: none }", "34: amount: is text, and the target takes decimal or null"),
    ("number: { value: ab-1 }", "20: number: 'ab-1' does not match ^[A-Z]+-"),
    ("flag: { take: state }", "17: flag: unknown 'done'; known: no, yes"),
    ("note: { take: rows, lookup: words, default: x }", "31: note: list cannot be looked up in a table"),
    ("rows: { take: 'rows[].{code: code, amout: amount}' }", "26: rows: unknown 'amout', did you mean 'amount'?"),
    ("rows: { take: 'rows[].{amount: amount}' }", "26: rows: lacks 'code', which the target needs"),
    ("rows: { each: rows, fields: { code: { take: cod } } }", "47: rows.code: unknown 'cod', did you mean 'code'?"),
    ("rows: { each: day, fields: { code: { take: cod } } }", "17: rows: `each` names text (date), which is no list"),
)
DOUBTFUL = (
    ("number: { take: text }", "19: number: may have 50 characters, and the target takes at most 9"),
    ("day: { take: 'rows[0].code' }", "25: day: may be any text, and the target takes text (date) or null"),
    ("flag: { take: paid, lookup: words }", "31: flag: the table words lacks False, True"),
    ("amount: { take: text }", "19: amount: may be text, and the target takes decimal or null"),
    ("flag: { take: text }", "17: flag: may be any text, and the target takes only no, yes: look it up in a table"),
)


@pytest.mark.parametrize(("rule", "words"), CERTAIN)
def test_what_is_certain(rule: str, words: str) -> None:
    assert (f"f.yaml:6:{words}", True) in told(rule, tables=OPEN_YES if "lookup" in rule else "")


@pytest.mark.parametrize(("rule", "words"), DOUBTFUL)
def test_what_may_go_wrong(rule: str, words: str) -> None:
    assert (f"f.yaml:6:{words}", False) in told(rule, tables=OPEN_YES if "lookup" in rule else "")


def test_a_line_of_a_table_that_is_never_looked_up() -> None:
    found = told("flag: { take: state, lookup: words, default: 'no' }", tables=OPEN_YES.replace("open", "opne"))
    assert ("f.yaml:8:12: lookups.words.opne: never looked up: unknown 'opne', did you mean 'open'?", False) in found


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("note: { take: stat }", "note: 没有 'stat'，是不是 'state'？ / unknown 'stat', did you mean 'state'?"),
        ("note: { take: rows }", "note: 是列表，目标要文本或空 / is list, and the target takes text or null"),
        (
            "amount: { take: text }",
            "amount: 可能是文本，目标要小数或空 / may be text, and the target takes decimal or null",
        ),
        (
            "note: { take: text.a }",
            "note: 从文本取 a，而它没有字段 / a is asked of text, which has no fields",
        ),
        (
            "note: { take: text, when: state == 'opn' }",
            "note: 这个比较永远不成立：没有 'opn'，是不是 'open'？ / "
            "this comparison can never be true: unknown 'opn', did you mean 'open'?",
        ),
        (
            "number: { take: text }",
            "number: 可能有 50 个字，目标最多 9 个 / may have 50 characters, and the target takes at most 9",
        ),
        (
            "amount: { take: sum(rows) }",
            "amount: sum() 要小数或整数，这里是对象 / sum() takes decimal or integer, and this is object",
        ),
    ],
)
def test_people_read_chinese_first(rule: str, words: str) -> None:
    assert any(each.partition(": ")[2] == words for each, _ in worded(rule)), worded(rule)


@pytest.mark.parametrize(
    "rule",
    [
        "note: text",
        "must: { take: text }",
        "flag: { take: state, lookup: words, default: 'no' }",
        "day: { take: day }",
        "amount: { take: 'sum(rows[?amount].amount)' }",
        "rows: { take: 'rows[].{code: code, amount: amount}' }",
        "rows: { each: rows, fields: { code: { take: code }, amount: { take: amount } } }",
    ],
)
def test_nothing_is_said_of_what_is_right(rule: str) -> None:
    written = rule.replace("note: text", "note: { take: text }")
    assert told(written, tables=OPEN_YES if "lookup" in rule else "") == []


def test_a_condition_may_leave_out_what_is_needed() -> None:
    (found,) = told("must: { take: state, when: paid }", target=Needing)
    assert found == ("f.yaml:6:30: must: `when` may leave it out, and the target needs it", False)


def test_of_an_unknown_source_only_the_target_is_held_against_it() -> None:
    mapping = parse_mapping(f"{HEAD}amount: {{ take: 'a.b[].c' }}\n  flag: {{ value: maybe }}{TAIL}", "f.yaml")
    assert [str(each) for each in findings(mapping, Taken, ANY)] == [
        "f.yaml:7:18: flag: 没有 'maybe' / unknown 'maybe'; known: no, yes"
    ]
