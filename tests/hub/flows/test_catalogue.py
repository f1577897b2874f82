"""A typo is refused at load with file, line, column and the nearest valid name; a plan is pure."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from hub.domain.errors import ConfigError
from hub.domain.event import Event
from hub.flows import Catalogue

MAPPING = """mapping: crm.contract__acme.bill
version: 1
from: crm.contract.approved
to: acme.book
fields:
  number: { take: contract.number, required: true }
  amount: { take: contract.amount }
examples:
  - { name: one, given: { contract: { number: HT-1 } }, expect: { number: HT-1 } }
"""
FLOW = """flow: to-acme
title: { zh: 记账, en: Book }
when: { connection: crm, event: contract.approved, if: "contract.amount > `0.1`" }
lane: contract.id
do:
  - { action: acme.book, on: acme-main, using: crm.contract__acme.bill@1, record: customer.id }
"""


class Line(BaseModel):
    """One line."""

    product: str
    price: Decimal = Decimal(0)


class Bill(BaseModel):
    """What acme books."""

    number: str
    amount: Decimal = Decimal(0)
    lines: list[Line] | None = None


ACTIONS: dict[str, type[BaseModel]] = {"acme.book": Bill, "acme.other": Line}
EVENTS = {"crm": frozenset({"contract.approved", "contract.rejected"})}


def load(folder: Path, mapping: str = MAPPING, flow: str = FLOW) -> Catalogue:
    (folder / "flows").mkdir()
    (folder / "bill.yaml").write_text(mapping, "utf-8")
    (folder / "flows" / "to-acme.yaml").write_text(flow, "utf-8")
    return Catalogue.load(folder, ACTIONS, EVENTS)


def event(amount: Any, customer: Any = "cus_1") -> Event:
    data = {"contract": {"id": "ctr_1", "number": "HT-1", "amount": amount}, "customer": {"id": customer}}
    return Event("evt_1", "demo", "crm", "contract.approved", "ctr_1", datetime(2026, 11, 28, tzinfo=UTC), data)


def test_an_event_owes_the_steps_of_the_flows_it_is_for(tmp_path: Path) -> None:
    catalogue = load(tmp_path)
    (owed,) = catalogue.plan(event(Decimal("0.11")))
    assert (owed.connection, owed.action, owed.lane, owed.record) == ("acme-main", "acme.book", "ctr_1", "cus_1")
    assert catalogue.mapping(owed.mapping).apply(dict(event(Decimal("0.11")).data)) == {
        "number": "HT-1",
        "amount": Decimal("0.11"),
    }


def test_a_condition_compares_exactly(tmp_path: Path) -> None:
    assert load(tmp_path).plan(event(Decimal("0.10"))) == []


def test_a_plan_is_the_same_each_time_and_changes_nothing(tmp_path: Path) -> None:
    catalogue, told = load(tmp_path), event(Decimal("0.11"))
    before = repr(told)
    assert catalogue.plan(told) == catalogue.plan(told)
    assert repr(told) == before


def test_an_event_of_another_connection_or_type_owes_nothing(tmp_path: Path) -> None:
    catalogue, told = load(tmp_path), event(Decimal("0.11"))
    assert catalogue.plan(replace(told, connection="crm-2")) == []
    assert catalogue.plan(replace(told, type="contract.rejected")) == []


def test_a_flow_and_a_mapping_may_hear_several_events(tmp_path: Path) -> None:
    both = "[crm.contract.approved, crm.contract.rejected]"
    flow = FLOW.replace("event: contract.approved", "event: [contract.approved, contract.rejected]")
    catalogue = load(tmp_path, MAPPING.replace("from: crm.contract.approved", f"from: {both}"), flow)
    told = event(Decimal("0.11"))
    assert len(catalogue.plan(told)) == len(catalogue.plan(replace(told, type="contract.rejected"))) == 1


def test_a_mapping_must_hear_every_event_of_its_flow(tmp_path: Path) -> None:
    flow = FLOW.replace("event: contract.approved", "event: [contract.approved, contract.rejected]")
    with pytest.raises(ConfigError, match=r"不是 / not from crm\.contract\.rejected"):
        load(tmp_path, flow=flow)


def test_an_optional_flow_owes_optional_steps(tmp_path: Path) -> None:
    (owed,) = load(tmp_path, flow=FLOW + "optional: true\n").plan(event(Decimal(1)))
    assert owed.optional


def test_steps_share_the_lane_and_keep_their_order(tmp_path: Path) -> None:
    second = "  - { action: acme.book, on: acme-main, using: crm.contract__acme.bill@1 }\n"
    owed = load(tmp_path, flow=FLOW + second).plan(event(Decimal(1)))
    assert [(o.step, o.lane, o.record) for o in owed] == [(0, "ctr_1", "cus_1"), (1, "ctr_1", "ctr_1")]


def test_a_lane_may_be_made_of_the_subject_and_the_data(tmp_path: Path) -> None:
    flow = FLOW.replace("lane: contract.id", "lane: \"join('/', [customer.id, subject])\"")
    assert [owed.lane for owed in load(tmp_path, flow=flow).plan(event(Decimal(1)))] == ["cus_1/ctr_1"]


def test_without_a_lane_the_subject_is_the_lane(tmp_path: Path) -> None:
    flow = FLOW.replace("lane: contract.id\n", "")
    assert [owed.lane for owed in load(tmp_path, flow=flow).plan(event(Decimal(1)))] == ["ctr_1"]


@pytest.mark.parametrize(
    ("told", "reason"),
    [
        (event("628000.00"), "'>' not supported"),
        (event(Decimal(1), customer=None), "'customer.id' gives no id"),
        (event(Decimal(1), customer={"a": 1}), "'customer.id' gives no id"),
    ],
)
def test_what_cannot_be_planned_is_owed_as_a_dead_letter_with_the_reason(
    tmp_path: Path, told: Event, reason: str
) -> None:
    catalogue = load(tmp_path)
    (owed,) = catalogue.plan(told)
    assert owed.mapping.startswith("unplanned: ")
    assert reason in owed.mapping
    with pytest.raises(KeyError):
        catalogue.mapping(owed.mapping)


def test_one_flow_that_cannot_be_planned_does_not_stop_the_others(tmp_path: Path) -> None:
    other = FLOW.replace("flow: to-acme", "flow: other").replace(', if: "contract.amount > `0.1`"', "")
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "a.yaml").write_text(other, "utf-8")
    (tmp_path / "bill.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "flows" / "b.yaml").write_text(FLOW, "utf-8")
    catalogue = Catalogue.load(tmp_path, ACTIONS, EVENTS)
    kept, lost = catalogue.plan(event("628000.00"))
    assert catalogue.mapping(kept.mapping).name == "crm.contract__acme.bill"
    assert lost.mapping.startswith("unplanned: ")


def test_an_empty_directory_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert Catalogue.load(tmp_path, {}, {}).flows == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 1", "versoin: 1", r"bill.yaml:2:1: .*unknown 'versoin', did you mean 'version'"),
        ("take: contract.amount", "taek: contract.amount", r"bill.yaml:7:13: .*unknown 'taek', did you mean 'take'"),
        ("to: acme.book", "to: acme.bok", r"bill.yaml:4:5: .*unknown 'acme.bok', did you mean 'acme.book'"),
        ("  amount:", "  amonut:", r"bill.yaml:7:3: .*unknown 'amonut', did you mean 'amount'"),
        ("  number: {", "  amount2: {", r"bill.yaml:6:3: .*unknown 'amount2', did you mean 'amount'"),
        ("contract.number,", '"contract..number",', r"bill.yaml:6:\d+: 表达式 / expression"),
        ("version: 1", "version: one", r"bill.yaml:2:10: version"),
        ("version: 1", "version: &a 1", r"bill.yaml:2:\d+: .* / anchors"),
        ("version: 1", "version: !!python/name:os 1", r"bill.yaml:2:\d+: .* / tags"),
        ("version: 1", "version: 1\nversion: 1", r"bill.yaml:3:1: 'version' 写了两次，留一个 / stands here twice"),
        ("from: crm.contract.approved", "from: crm.contract.aproved", r"bill.yaml:3:7: .*unknown 'crm.contract.apro"),
        ("name: one", "nmae: one", r"bill.yaml:9:7: .*unknown 'nmae', did you mean 'name'"),
        ("examples:", "example:", r"bill.yaml:8:1: .*unknown 'example', did you mean 'examples'"),
        (
            "expect: { number: HT-1 }",
            "expect: { number: HT-2 }",
            r"bill.yaml:9:5: 例子 / example 'one': number: 应为 / expected \"HT-2\"，得到 / got \"HT-1\"$",
        ),
        (
            "expect: { number: HT-1 }",
            "error: gone",
            r"bill.yaml:9:5: 例子 / example 'one': 应当拒绝 / expected 'gone'，得到 / got \{\"number\":",
        ),
        (
            "examples:",
            "  lines: { each: contract.lines, fields: { prodct: { take: product } } }\nexamples:",
            r"bill.yaml:8:44: .*unknown 'prodct', did you mean 'product'",
        ),
        (
            "examples:",
            "  lines: { each: contract.lines, fields: { price: { take: price } } }\nexamples:",
            r"bill.yaml:8:\d+: \S+ 必须有 \S+，没有规则生成它 / nothing makes 'product', which Line needs",
        ),
        (
            "  number:",
            "  lines:",
            r"bill.yaml:5:1: \S+ 必须有 \S+，没有规则生成它 / nothing makes 'number', which Bill needs",
        ),
        ("examples:", "lookups: { t: { a: b } }\nexamples:", r"bill.yaml:8:12: 没有字段用表 / nothing looks up 't'"),
        (
            "given: { contract: { number: HT-1 } }, expect: { number: HT-1 }",
            "given: { contract: { number: 1 } }, expect: { number: 1 }",
            r"bill.yaml:9:5: 例子 / example 'one': 目标不收 / the target refuses number: 应为文本 / ",
        ),
    ],
)
def test_a_typo_in_a_mapping_is_refused_where_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, mapping=MAPPING.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("contract.approved,", "contract.aproved,", r"to-acme.yaml:3:\d+: .*unknown 'contract.aproved', did you mean"),
        ("acme.book,", "acme.boook,", r"to-acme.yaml:6:15: .*unknown 'acme.boook', did you mean 'acme.book'"),
        ("bill@1", "bil@1", r"to-acme.yaml:6:\d+: .*unknown 'crm.contract__acme.bil@1', did you mean"),
        ("bill@1", "bill@2", r"to-acme.yaml:6:\d+: .*unknown 'crm.contract__acme.bill@2', did you mean"),
        ("connection: crm", "connection: cmr", r"to-acme.yaml:3:21: .*unknown 'cmr', did you mean 'crm'"),
        ("lane: contract.id", "lane: contract.[", r"to-acme.yaml:4:\d+: 表达式 / expression"),
        ("  - {", "  - { tell: me,", r"to-acme.yaml:6:7: .*unknown 'tell'; known: action, on, record, using"),
        ("event:", "evnt:", r"to-acme.yaml:3:26: .*unknown 'evnt', did you mean 'event'"),
        ("zh:", "hz:", r"to-acme.yaml:2:10: .*unknown 'hz'; known: en, zh"),
        ("lane:", "lnae:", r"to-acme.yaml:4:1: .*unknown 'lnae', did you mean 'lane'"),
        ("> `0.1`", "> `0.1", r"to-acme.yaml:3:75: 表达式 / expression"),
        (
            "contract.approved,",
            "contract.rejected,",
            r"to-acme.yaml:6:\d+: crm.\S+ 来自 / is from crm.contract.approved，不是 / not",
        ),
        ("acme.book,", "acme.other,", r"to-acme.yaml:6:\d+: crm.\S+ 生成 / makes acme.book，不是 / not acme.other"),
    ],
)
def test_a_typo_in_a_flow_is_refused_where_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, flow=FLOW.replace(old, new, 1))


def test_two_flows_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "flows").mkdir()
    for name in ("a", "b"):
        (tmp_path / "flows" / f"{name}.yaml").write_text(FLOW, "utf-8")
    with pytest.raises(ConfigError, match=r"^flows/b.yaml:1:7: to-acme 也在 / stands in flows/a.yaml too"):
        Catalogue.load(tmp_path, ACTIONS, EVENTS)


def test_two_mappings_of_one_name_and_version_are_refused(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.yaml").write_text(MAPPING, "utf-8")
    with pytest.raises(ConfigError, match=r"^b.yaml:1:10: crm.contract__acme.bill@1 也在 / stands in a.yaml too"):
        Catalogue.load(tmp_path, ACTIONS, EVENTS)


def test_two_versions_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "b.yaml").write_text(MAPPING.replace("version: 1", "version: 2"), "utf-8")
    pins = Catalogue.load(tmp_path, ACTIONS, EVENTS).mappings
    assert sorted(pin.split(":")[0] for pin in pins) == ["crm.contract__acme.bill@1", "crm.contract__acme.bill@2"]


def test_a_file_that_is_not_utf8_is_refused_and_a_byte_order_mark_is_not(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xef\xbb\xbf" + MAPPING.encode())
    assert len(Catalogue.load(tmp_path, ACTIONS, EVENTS).mappings) == 1
    (tmp_path / "a.yaml").write_bytes(MAPPING.replace("one", "记账").encode("gb18030"))
    with pytest.raises(ConfigError, match=r"^a.yaml:1:1: 不是 UTF-8，存成 UTF-8 / not UTF-8"):
        Catalogue.load(tmp_path, ACTIONS, EVENTS)


def test_everything_loaded_is_kept_with_its_pin_and_its_text(tmp_path: Path) -> None:
    kept = {kind: (name, pin, text) for kind, name, _, pin, text in load(tmp_path).versions}
    assert kept["mapping"][1].startswith("crm.contract__acme.bill@1:")
    assert (kept["flow"][0], kept["flow"][2], kept["mapping"][2]) == ("to-acme", FLOW, MAPPING)


def test_a_wrong_path_is_told_before_a_wrong_example_of_another_file() -> None:
    untrue = MAPPING.replace("bill", "abill").replace("expect: { number: HT-1 }", "expect: { number: HT-2 }")
    texts = {"a.yaml": untrue, "bill.yaml": MAPPING.replace("  amount:", "  amonut:")}
    with pytest.raises(ConfigError, match=r"^bill.yaml:7:3: .*unknown 'amonut'"):
        Catalogue.of(texts, ACTIONS, EVENTS)


def test_a_wrong_expression_is_told_before_an_example_without_an_end() -> None:
    wrong = MAPPING.replace(", expect: { number: HT-1 }", "").replace("contract.amount", "contract..amount")
    with pytest.raises(ConfigError, match=r"^bill.yaml:7:\d+: 表达式"):
        Catalogue.of({"bill.yaml": wrong}, ACTIONS, EVENTS)


def test_all_that_is_wrong_can_be_told_at_once() -> None:
    texts = {
        "bill.yaml": MAPPING.replace("approved", "aproved").replace("expect: { number: HT-1", "expect: { number: HT-2"),
        "other.yaml": "mapping: [",
        "flows/a.yaml": FLOW.replace("acme.book,", "acme.boook,").replace("connection: crm", "connection: cmr"),
        "flows/b.yaml": FLOW,
    }
    found: list[str] = []
    Catalogue.of(texts, ACTIONS, EVENTS, tell=lambda finding: found.append(str(finding)))
    for words in (
        "'crm.contract.aproved'",
        "other.yaml:",
        "'acme.boook'",
        "'cmr'",
        "example 'one'",
        "flows/b.yaml:1:7",
    ):
        assert any(words in each for each in found), words
