"""A typo is refused at load with file, line, column and the nearest valid name; a plan is pure."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

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


class Bill(BaseModel):
    """What acme books."""

    number: str
    amount: Decimal = Decimal(0)


def load(folder: Path, mapping: str = MAPPING, flow: str = FLOW) -> Catalogue:
    (folder / "flows").mkdir()
    (folder / "bill.yaml").write_text(mapping, "utf-8")
    (folder / "flows" / "to-acme.yaml").write_text(flow, "utf-8")
    return Catalogue.load(folder, {"acme.book": Bill}, {"crm": frozenset({"contract.approved"})})


def event(amount: str) -> Event:
    data = {"contract": {"id": "ctr_1", "number": "HT-1", "amount": Decimal(amount)}, "customer": {"id": "cus_1"}}
    return Event("evt_1", "demo", "crm", "contract.approved", "ctr_1", datetime(2026, 11, 28, tzinfo=UTC), data)


def test_an_event_owes_the_steps_of_the_flows_it_is_for(tmp_path: Path) -> None:
    catalogue = load(tmp_path)
    (owed,) = catalogue.plan(event("0.11"))
    assert (owed.connection, owed.action, owed.lane, owed.record) == ("acme-main", "acme.book", "ctr_1", "cus_1")
    assert catalogue.mapping(owed.mapping).apply(dict(event("0.11").data)) == {
        "number": "HT-1",
        "amount": Decimal("0.11"),
    }


def test_a_condition_compares_exactly(tmp_path: Path) -> None:
    assert load(tmp_path).plan(event("0.10")) == []


def test_an_empty_directory_is_an_empty_catalogue(tmp_path: Path) -> None:
    assert Catalogue.load(tmp_path, {}, {}).flows == ()


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version: 1", "versoin: 1", r"bill.yaml:2:1: unknown 'versoin', did you mean 'version'"),
        ("take: contract.amount", "taek: contract.amount", r"bill.yaml:7:13: unknown 'taek', did you mean 'take'"),
        ("to: acme.book", "to: acme.bok", r"bill.yaml:4:5: unknown 'acme.bok', did you mean 'acme.book'"),
        ("  amount:", "  amonut:", r"bill.yaml:7:3: unknown 'amonut', did you mean 'amount'"),
        ("  number: {", "  amount2: {", r"bill.yaml:6:3: unknown 'amount2', did you mean 'amount'"),
        ("contract.number,", '"contract..number",', r"bill.yaml:6:\d+: expression"),
        ("version: 1", "version: one", r"bill.yaml:2:10: version"),
        ("version: 1", "version: &a 1", r"bill.yaml:2:\d+: anchors"),
        ("version: 1", "version: !!python/name:os 1", r"bill.yaml:2:\d+: tags"),
        ("version: 1", "version: 1\nversion: 1", r"bill.yaml:3:1: 'version' stands here twice"),
    ],
)
def test_a_typo_in_a_mapping_is_refused_where_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, mapping=MAPPING.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("contract.approved,", "contract.aproved,", r"to-acme.yaml:3:\d+: unknown 'contract.aproved', did you mean"),
        ("acme.book,", "acme.boook,", r"to-acme.yaml:6:15: unknown 'acme.boook', did you mean 'acme.book'"),
        ("bill@1", "bil@1", r"to-acme.yaml:6:\d+: unknown 'crm.contract__acme.bil@1', did you mean"),
        ("bill@1", "bill@2", r"to-acme.yaml:6:\d+: unknown 'crm.contract__acme.bill@2', did you mean"),
        ("connection: crm", "connection: cmr", r"to-acme.yaml:3:21: unknown 'cmr', did you mean 'crm'"),
        ("lane: contract.id", "lane: contract.[", r"to-acme.yaml:4:\d+: expression"),
        ("  - {", "  - { tell: me,", r"to-acme.yaml:6:7: unknown 'tell'"),
    ],
)
def test_a_typo_in_a_flow_is_refused_where_it_stands(tmp_path: Path, old: str, new: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        load(tmp_path, flow=FLOW.replace(old, new, 1))
