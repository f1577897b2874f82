"""What a mapping asks for in other systems: asked once, seen as data, checked by type, counted in a back-test."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import BaseModel

from hub.domain.errors import ConfigError, MappingError
from hub.domain.event import Event
from hub.flows import Catalogue
from hub.mapping import MappingFile, parse_mapping
from hub.mapping.checks.lint import findings
from hub.mapping.checks.streams import Streams
from hub.mapping.checks.types import ANY, Type, of_model
from hub.mapping.refs import asked, seeing
from hub.mapping.trials.backtest import BackTest

HEAD = "mapping: a.b\nversion: 1\nfrom: a.told\nto: a.take\n"
REFS = "refs:\n  buyer: { kind: erp.customer, record: customer.id }\n"
TAIL = "\nexamples:\n  - { name: one, given: {}, expect: {} }\n"
BUYER = {"id": "100", "number": "K-1"}
FOUND = {("erp", "customer", "cus_1"): BUYER}


class Customer(BaseModel):
    id: str
    parent: int | None
    name: str
    rate: Decimal


class Told(BaseModel):
    customer: Customer
    lines: list[Customer]


class Taken(BaseModel):
    buyer: str
    note: str = ""
    amount: Decimal = Decimal(0)


def mapping(fields: str = "buyer: { take: refs.buyer.id }", refs: str = REFS) -> MappingFile:
    return parse_mapping(f"{HEAD}{refs}fields:\n  {fields}{TAIL}", "f.yaml")


@pytest.mark.parametrize(
    ("customer", "wanted"),
    [
        ({"id": "cus_1"}, {"buyer": ("erp", "customer", "cus_1")}),
        ({"id": 7}, {"buyer": ("erp", "customer", "7")}),
        ({"id": None}, {}),
        ({"id": ""}, {}),
        (None, {}),
    ],
)
def test_what_is_asked_for(customer: Any, wanted: dict[str, Any]) -> None:
    assert asked(mapping().refs, {"customer": customer}) == wanted


@pytest.mark.parametrize("odd", [True, ["cus_1"], {"a": 1}, Decimal("1.5")])
def test_what_is_no_id_is_refused_and_names_the_ref(odd: Any) -> None:
    with pytest.raises(MappingError, match=r"refs\.buyer 'customer\.id': gives no id"):
        asked(mapping().refs, {"customer": {"id": odd}})


def test_it_is_seen_beside_the_data_and_the_data_stays_as_it_was() -> None:
    data = {"customer": {"id": "cus_1"}}
    file = mapping("buyer: { take: 'refs.buyer.[id, number]' }")
    assert file.apply(seeing(file.refs, data, FOUND)) == {"buyer": ["100", "K-1"]}
    assert file.apply(seeing(file.refs, data, {})) == {}
    assert data == {"customer": {"id": "cus_1"}}
    assert seeing(file.refs, {"customer": None}, FOUND)["refs"] == {"buyer": None}
    assert seeing({}, data, FOUND) is data


def test_a_line_sees_it_where_it_is_spread_over_the_lines() -> None:
    fields = 'note: { each: "spread(lines, {buyer: refs.buyer.id})", fields: { buyer: { take: buyer } } }'
    file = mapping(fields)
    data = {"customer": {"id": "cus_1"}, "lines": [{"no": 1}, {"no": 2}]}
    assert file.apply(seeing(file.refs, data, FOUND)) == {"note": [{"buyer": "100"}, {"buyer": "100"}]}


def told(fields: str, refs: str = REFS, source: Type | None = None) -> list[tuple[str, bool]]:
    known = of_model(Told, told=True) if source is None else source
    return [(str(each).partition(" / ")[0], each.certain) for each in findings(mapping(fields, refs), Taken, known)]


SURE = "buyer: { take: refs.buyer.id, required: true }"


@pytest.mark.parametrize("source", [of_model(Told, told=True), ANY])
def test_nothing_is_said_of_what_is_right(source: Type) -> None:
    assert told(SURE, source=source) == []


@pytest.mark.parametrize(
    ("fields", "refs", "words", "certain"),
    [
        ("buyer: { take: refs.buyr.id, required: true }", REFS, "没有 'buyr'，是不是 'buyer'？", True),
        ("buyer: { take: refs.buyer.numbr, required: true }", REFS, "没有 'numbr'，是不是 'number'？", True),
        ("buyer: { take: refs.buyer.id }", REFS, "buyer: 可能取不到值，而目标必须有", False),
        (f"{SURE}\n  amount: {{ take: refs.buyer.id }}", REFS, "amount: 可能是文本，目标要小数或空", False),
        (SURE, REFS.replace("customer.id", "custmer.id"), "f.yaml:6:40: refs.buyer.record: 没有 'custmer'", True),
        (SURE, REFS.replace("customer.id", "customer"), "编号是文本或整数，这里是对象", True),
        (SURE, REFS.replace("customer.id", "customer.rate"), "编号是文本或整数，这里是小数", True),
        ("buyer: { take: customer.name, required: true }", REFS, "f.yaml:6:3: refs.buyer: 没有字段用它", False),
    ],
)
def test_what_is_wrong_is_told_with_its_place(fields: str, refs: str, words: str, certain: bool) -> None:
    found = told(fields, refs)
    assert any(words in said and sure is certain for said, sure in found), found


def test_an_event_with_refs_of_its_own_is_told() -> None:
    class Own(Told):
        refs: str

    assert ("f.yaml:5:1: refs: 事件里已有 refs", True) in told(SURE, source=of_model(Own, told=True))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("kind: erp.customer", "kind: customer", r"f\.yaml:6:18: refs\.buyer\.kind: 应符合 "),
        ("record: customer.id", "recrod: customer.id", r"f\.yaml:6:32: 没有 'recrod'，是不是 'record'？"),
        ("customer.id", "customer..id", r"f\.yaml:6:\d+: 表达式 / expression"),
    ],
)
def test_a_typo_is_refused_where_it_stands(old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        mapping(refs=REFS.replace(old, new))


FLOW = """flow: f
title: { zh: 甲, en: A }
when: { connection: a, event: told }
do:
  - { action: a.take, on: erp, using: a.b@1 }
"""


@pytest.mark.parametrize(("entity", "few"), [("customer", 0), ("custmer", 1)])
def test_a_kind_that_no_flow_makes_there_is_doubted(entity: str, few: int) -> None:
    files = {"f.yaml": mapping(refs=REFS.replace("erp.customer", f"erp.{entity}")).text, "flows/f.yaml": FLOW}
    streams, found = Streams(kept={"a.take": "customer"}), list[str]()
    Catalogue.of(files, {"a.take": Taken}, {"a": frozenset({"told"})}, streams, lambda each: found.append(str(each)))
    doubts = [each for each in found if "没有流程在那里生成它" in each]
    assert len(doubts) == few
    assert all("f.yaml:6:18: refs.buyer.kind: " in each and "是不是 'erp.customer'？" in each for each in doubts)


def test_a_back_test_asks_for_both_and_shows_each_its_own() -> None:
    old, new = mapping(SURE), mapping(SURE, REFS.replace("erp.", "second."))
    test = BackTest(old, new, Taken, 5)
    events = [
        Event(f"evt_{n}", "demo", "a", "told", n, datetime(2026, 11, 28, tzinfo=UTC), {"customer": {"id": n}})
        for n in ("cus_1", "cus_2")
    ]
    assert test.asked(events) == {(place, "customer", n) for place in ("erp", "second") for n in ("cus_1", "cus_2")}
    test.found = {("erp", "customer", "cus_1"): BUYER, ("second", "customer", "cus_1"): {"id": "200", "number": ""}}
    assert [each.fields for event in events if (each := test.add(event))] == [("buyer",)]
    (sample,) = test.fields["buyer"].samples
    assert (sample.before, sample.after) == ("100", "200")
    assert test.refused == 1
