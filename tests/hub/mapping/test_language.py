"""Conditions, sub-lines, value tables in both directions and shared ones, and a file's way back."""

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from hub.domain.errors import ConfigError, MappingError
from hub.flows import Catalogue
from hub.mapping import MappingFile, parse_mapping, parse_table, pinned, read_mappings
from hub.mapping.shapes.uses import places
from hub.sdk.exact import dumps

HEAD = "mapping: a.b__c.d\nversion: 1\nfrom: a.b\nto: c.d\nfields:\n"
TAIL = "\nexamples:\n  - { name: n, given: {}, error: e }\n"
TABLE = "table: currency\nwhy: 金蝶的币别编码\npairs: { CNY: PRE001, HKD: PRE002 }\n"
BOTH = """mapping: crm.customer__erp.customer
version: 3
from: crm.customer.changed
to: erp.save_customer
fields:
  code: { take: number, required: true }
  currency: { take: currency, lookup: currency }
lookups:
  currency: { CNY: PRE001, HKD: PRE002 }
examples:
  - { name: there, given: { number: C-1, currency: CNY }, expect: { code: C-1, currency: PRE001 } }
back:
  mapping: erp.customer__crm.customer
  from: erp.customer.changed
  to: crm.save_customer
  fields:
    number: { take: code, required: true }
    currency: { take: currency, lookup: ~currency }
  examples:
    - { name: back, given: { code: C-1, currency: PRE002 }, expect: { number: C-1, currency: HKD } }
    - { name: none, given: {}, error: number is required }
"""


def mapping(fields: str, more: str = "", **tables: dict[str, Any]) -> MappingFile:
    return parse_mapping(HEAD + fields + more + TAIL, "f.yaml", tables)


@pytest.mark.parametrize(
    ("rule", "data", "made"),
    [
        ("{ take: a, when: \"kind == '专票'\" }", {"a": 1, "kind": "专票"}, {"x": 1}),
        ("{ take: a, when: \"kind == '专票'\", required: true }", {"kind": "普票"}, {}),
        ("{ take: a, when: \"kind == '专票'\", default: 0 }", {"kind": "普票"}, {}),
        ("{ value: 是, when: urgent }", {"urgent": False}, {}),
        ("{ value: 是, when: urgent }", {"urgent": True}, {"x": "是"}),
        ("{ value: 是, when: 'amount > `100`' }", {"amount": Decimal("100.01")}, {"x": "是"}),
        (
            "{ each: rows, when: go, fields: { n: { take: n, when: 'n > `1`' } } }",
            {"go": 1, "rows": [{"n": 1}, {"n": 2}]},
            {"x": [{}, {"n": 2}]},
        ),
        ("{ when: a, required: true, fields: { y: { take: a } } }", {}, {}),
    ],
)
def test_a_condition_leaves_its_field_out(rule: str, data: dict[str, Any], made: dict[str, Any]) -> None:
    assert mapping(f"  x: {rule}").apply(data) == made


def test_a_condition_that_cannot_be_decided_is_refused() -> None:
    with pytest.raises(MappingError, match=r"^x cannot be decided by 'fen\(a\) > `1`': fen\(\) wants a number"):
        mapping("  x: { value: 1, when: 'fen(a) > `1`' }").apply({"a": "很多"})


def test_a_condition_counts_as_read_and_is_checked_when_the_file_is_read() -> None:
    assert ("kind",) in places(mapping("  x: { take: a, when: kind }").steps)
    with pytest.raises(ConfigError, match=r"^f\.yaml:6:31: 表达式 / expression 'kind ==': "):
        mapping("  x: { take: a, when: 'kind ==' }")


def test_sub_lines_say_where_they_are_wrong() -> None:
    file = mapping(
        "  lines: { each: rows, fields: { parts: { each: parts, fields: { no: { take: no, required: true } } } } }"
    )
    data = {"rows": [{"parts": [{"no": "1"}]}, {"parts": [{"no": "2"}, {"no": "3"}]}]}
    assert file.apply(data)["lines"][1] == {"parts": [{"no": "2"}, {"no": "3"}]}
    data["rows"][1]["parts"][1]["no"] = ""
    with pytest.raises(MappingError, match=r"^lines\[1\]\.parts\[1\]\.no is required"):
        file.apply(data)


TEXTS = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=8)


@settings(deadline=None)
@given(st.dictionaries(TEXTS, TEXTS | st.sampled_from("ab"), min_size=1, max_size=6))
def test_a_table_reads_back_or_is_refused(table: dict[str, str]) -> None:
    more = f"\nlookups: {dumps({'t': table})}"
    if len(set(table.values())) < len(table):
        with pytest.raises(ConfigError, match=r"^f\.yaml:6:25: .* stands for .* and for .*: it cannot be read back"):
            mapping("  x: { take: a, lookup: ~t }", more)
        return
    there, back = mapping("  x: { take: a, lookup: t }", more), mapping("  x: { take: a, lookup: ~t }", more)
    for left in table:
        assert back.apply({"a": there.apply({"a": left})["x"]}) == {"x": left}
    with pytest.raises(MappingError, match="is not in the table ~t"):
        back.apply({"a": "no such value"})


def test_a_shared_table_is_part_of_the_pin_and_of_the_text() -> None:
    table = parse_table(TABLE, "tables/currency.yaml")
    file = mapping("  x: { take: a, lookup: currency }", currency=dict(table.pairs), other={"a": "b"})
    other = mapping("  x: { take: a, lookup: currency }", currency={**table.pairs, "USD": "PRE003"})
    alone = parse_mapping(file.text, "database")
    assert alone.pin == file.pin != other.pin
    assert alone.apply({"a": "HKD"}) == file.apply({"a": "HKD"}) == {"x": "PRE002"}
    assert "other" not in file.text
    with pytest.raises(ConfigError, match="unknown 'currency', did you mean 'curency'"):
        mapping("  x: { take: a, lookup: currency }", "\nlookups: { curency: { a: b } }")


def test_a_files_own_table_comes_before_a_shared_one() -> None:
    file = mapping("  x: { take: a, lookup: t }", "\nlookups: { t: { a: own } }", t={"a": "shared"})
    assert file.apply({"a": "a"}) == {"x": "own"}
    assert "shared" not in file.text


def test_a_file_has_a_way_back() -> None:
    there = parse_mapping(BOTH, "erp/customer.yaml")
    back = there.back
    assert back is not None
    assert (back.name, back.version, back.sources, back.target) == (
        "erp.customer__crm.customer",
        3,
        ("erp.customer.changed",),
        "crm.save_customer",
    )
    for way in (there, back):
        assert [way.disprove(example) for example in way.examples] == [""] * len(way.examples)
        assert pinned(way.text, way.pin).apply(dict(way.examples[0].given)) == way.examples[0].expect
    assert set(there.lookups) == {"currency"}
    assert set(back.lookups) == {"~currency"}


@pytest.mark.parametrize(
    ("wrong", "instead", "place"),
    [
        ("take: code, req", "take: code, reqiured: true, req", r"17:27: .*unknown 'reqiured', did you mean 'required'"),
        ("lookup: ~currency", "lookup: ~curency", "18:41: .*unknown '~curency', did you mean 'currency'"),
        ("take: code,", "take: 'code[',", r"17:\d+: 表达式 / expression 'code\['"),
        (
            "name: none, given: {}, error: number is required",
            "name: none, given: {}",
            "21:7: 例子写 expect 或 error 之一 / an example has either",
        ),
    ],
)
def test_a_mistake_in_the_way_back_has_its_place_in_the_file(wrong: str, instead: str, place: str) -> None:
    assert wrong in BOTH
    with pytest.raises(ConfigError, match=rf"^f\.yaml:{place}"):
        parse_mapping(BOTH.replace(wrong, instead), "f.yaml")


class Erp(BaseModel):
    code: str
    currency: str = ""


class Crm(BaseModel):
    number: str
    currency: str = ""


def test_a_directory_with_tables_and_a_way_back_loads(tmp_path: Path) -> None:
    texts = {
        "erp/customer.yaml": BOTH.replace("lookups:\n  currency: { CNY: PRE001, HKD: PRE002 }\n", ""),
        "tables/currency.yaml": TABLE,
        "flows/back.yaml": (
            "flow: back\ntitle: { zh: 回, en: Back }\nwhen: { connection: erp, event: customer.changed }\n"
            "do:\n  - { action: crm.save_customer, on: crm, using: erp.customer__crm.customer@3 }\n"
        ),
    }
    events = {"crm": frozenset({"customer.changed"}), "erp": frozenset({"customer.changed"})}
    catalogue = Catalogue.of(texts, {"erp.save_customer": Erp, "crm.save_customer": Crm}, events)

    assert set(catalogue.pins) == set(texts)
    assert catalogue.pins["erp/customer.yaml"].startswith("crm.customer__erp.customer@3:")
    pin = catalogue.flows[0].steps[0].pin
    text = {pin: text for _, _, _, pin, text in catalogue.versions}[pin]
    assert pinned(text, pin).apply({"code": "C-1", "currency": "PRE001"}) == {"number": "C-1", "currency": "CNY"}


def test_a_table_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"^tables/b\.yaml:1:8: currency 也在 / stands in tables/a\.yaml too"):
        read_mappings({"tables/a.yaml": TABLE, "tables/b.yaml": TABLE})
