"""Which places of its source a mapping reads."""

from pathlib import Path

import pytest

from hub.mapping import parse_mapping
from hub.mapping.expressions.expression import Expression
from hub.mapping.shapes.uses import overlap, places, places_of, spelled

MAPPINGS = Path(__file__).parents[3] / "mappings"

READS = {
    "a": ["a"],
    "a.b.c": ["a.b.c"],
    "a || b.c": ["a", "b.c"],
    "lines[].code": ["lines[].code"],
    "lines[0].code": ["lines[].code"],
    "lines[*].tax | [0]": ["lines[].tax"],
    "lines[:2].code": ["lines[].code"],
    "contacts[?email != ''].name": ["contacts[].email", "contacts[].name"],
    "prices.*.net": ["prices.*.net"],
    "join('-', [a.b, to_string(c)])": ["a.b", "c"],
    "lines[*].buyer | [0].name": ["lines[].buyer.name"],
    "lines[].tags[].word": ["lines[].tags.word", "lines[].tags[].word"],
    "sum(lines[].net)": ["lines[].net"],
    "sort_by(lines, &at)[0].code": ["lines", "lines[].at", "lines[].code"],
    "{x: a.x, y: b}": ["a.x", "b"],
    "a == `1` && b": ["a", "b"],
    "!a": ["a"],
    '`{"a": 1}`': [],
    "a.{x: x, y: y.z}": ["a.x", "a.y.z"],
}


@pytest.mark.parametrize("text", READS)
def test_every_place_an_expression_reads_is_named(text: str) -> None:
    assert sorted(map(spelled, places_of(Expression(text)))) == READS[text]


def test_inner_fields_are_read_within_the_items_of_their_list() -> None:
    text = """
mapping: a.b__c.d
version: 1
from: a.b
to: c.d
fields:
  one: {value: 1}
  rows:
    each: "lines[?net]"
    fields:
      code: {take: code}
      parts:
        each: parts
        fields: {name: {take: name}}
  at: {fields: {day: {take: when.day}}}
examples: [{name: x, given: {}, expect: {one: 1}}]
"""
    read = sorted(map(spelled, places(parse_mapping(text, "x.yaml").steps)))
    assert read == ["lines[].code", "lines[].net", "lines[].parts[].name", "when.day"]


@pytest.mark.parametrize("file", sorted(MAPPINGS.glob("[!f]*/*.yaml")), ids=lambda file: file.stem)
def test_what_a_shipped_mapping_reads_stands_in_one_of_its_examples(file: Path) -> None:
    mapping = parse_mapping(file.read_text("utf-8"), file.name)
    known = {step for example in mapping.examples for step in str(example.given).replace("'", " ").split()}
    for place in places(mapping.steps):
        assert place[0] in known, spelled(place)


def test_a_place_overlaps_what_it_is_within_and_what_is_within_it() -> None:
    assert overlap(("a",), ("a", "b"))
    assert overlap(("a", "b"), ("a",))
    assert overlap(("a", "x", "c"), ("a", "*", "c"))
    assert not overlap(("a", "b"), ("a", "c"))
