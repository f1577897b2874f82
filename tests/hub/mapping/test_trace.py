"""Where in a mapping a field is made, and what its expression saw."""

from typing import Any

import pytest

from hub.mapping import parse_mapping
from hub.mapping.trace import Path, trace

TEXT = """\
mapping: crm.a__b.c
version: 1
from: crm.a.done
to: b.c
fields:
  number: { take: "join('-', ['AR', contract.number])" }
  kind: { value: 1 }
  mobile: { take: "people[0].mobile" }
  mails: { take: "people[?mail != ''].mail | [:1]" }
  party:
    fields:
      name: { take: customer.name, clean: [strip] }
  lines:
    each: contract.lines
    fields:
      amount: { take: price || total }
      parts:
        each: parts
        fields:
          code: { take: id }
examples:
  - { name: none, given: {}, error: never }
"""
MAPPING = parse_mapping(TEXT, "crm/a__b.yaml")
LINES = [{"total": 1, "parts": []}, {"price": 2, "total": 3, "parts": [{"id": "x"}, {"id": "y"}]}]
DATA: dict[str, Any] = {
    "contract": {"number": "HT-1", "lines": LINES},
    "people": [{"mobile": "1", "mail": ""}, {"mobile": "2", "mail": "m"}],
    "customer": {"name": " A "},
}


@pytest.mark.parametrize(
    ("field", "starts", "inputs"),
    [
        (("number",), "number:", {"contract.number": "HT-1"}),
        (("kind",), "kind:", {}),
        (("mails", 0), "mails:", {"people[].mail": ["", "m"]}),
        (("party", "name"), "name:", {"customer.name": " A "}),
        (("lines", 1, "amount"), "amount:", {"contract.lines[1].price": 2, "contract.lines[1].total": 3}),
        (("lines", 0, "amount"), "amount:", {"contract.lines[0].price": None, "contract.lines[0].total": 1}),
        (("lines", 1, "parts", 1, "code"), "code:", {"contract.lines[1].parts[1].id": "y"}),
        (("lines", 9, "amount"), "amount:", {"contract.lines[9].price": None, "contract.lines[9].total": None}),
    ],
)
def test_a_field_leads_to_its_line_and_to_what_was_seen(field: Path, starts: str, inputs: dict[str, Any]) -> None:
    found = trace(MAPPING, field, DATA)
    assert found is not None
    line = TEXT.splitlines()[found.line - 1]
    assert (line[found.column - 1 :].startswith(starts), dict(found.inputs)) == (True, inputs)


def test_an_object_or_a_list_leads_to_its_own_line() -> None:
    lines = TEXT.splitlines()
    for field, starts in ((("party",), "  party:"), (("lines",), "  lines:"), (("lines", 1, "parts"), "      parts:")):
        found = trace(MAPPING, field, DATA)
        assert found is not None
        assert lines[found.line - 1].startswith(starts)


def test_what_no_rule_makes_has_no_line() -> None:
    assert trace(MAPPING, ("note",), DATA) is None
    assert trace(MAPPING, ("lines", 0, "note"), DATA) is None


def test_the_rule_is_told_with_what_finishes_it() -> None:
    found = trace(MAPPING, ("party", "name"), DATA)
    assert found is not None
    assert (found.expression, dict(found.rule)) == ("customer.name", {"take": "customer.name", "clean": ["strip"]})
