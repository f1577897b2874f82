"""`hub mappings fields` tells what mappings can read and must make; its page is fresh."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from connectors.kingdee.receivables import Receivable
from hub.cli import load
from hub.cli.fields import PAGE, events_and_actions, fields_page, offline
from hub.domain.errors import ConfigError

ROOT = Path(__file__).parents[3]


def hub(*words: str) -> Result:
    return CliRunner().invoke(load("mappings"), ["mappings", "fields", *words])


def told(name: str) -> Any:
    return json.loads(hub(name, "--json").stdout)


def test_the_page_is_fresh() -> None:
    assert (ROOT / PAGE).read_text("utf-8") == fields_page(), "write it again: hub mappings fields --write"


def test_the_page_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert hub("--write").exit_code == 0
    assert (tmp_path / PAGE).read_text("utf-8") == fields_page()


def test_every_event_and_action_there_is_has_a_name_here() -> None:
    registry = offline()
    events = {f"{owner}.{event}" for owner, events in registry.events.items() for event in events}
    actions = set(registry.actions)
    assert {each["name"] for each in events_and_actions()} == events | actions
    assert {each["name"] for each in json.loads(hub("--json").stdout)} == events | actions


def test_an_action_is_told_as_its_input_is_declared() -> None:
    found = {each["name"]: each for each in told("kingdee.book_receivable")["fields"]}
    assert {name for name, each in found.items() if each["required"]} == {
        name for name, about in Receivable.model_fields.items() if about.is_required()
    }
    assert found["lines"]["type"] == "list of object"
    assert {each["name"]: each["type"] for each in found["lines"]["fields"]}["amount"] == "decimal"


def test_an_event_is_told_with_lengths_values_and_patterns() -> None:
    event = told("crm.contract.approved")
    contract = {each["name"]: each for each in event["fields"][0]["fields"]}
    assert event["sure"]
    assert contract["number"]["longest"] == 60
    assert "approved" in contract["status"]["values"]
    assert (contract["currency"]["pattern"], contract["currency"]["empty"]) == ("^[A-Z]{3}$", False)


def test_people_see_what_is_inside_indented() -> None:
    lines = hub("kingdee.book_receivable").output.splitlines()
    assert lines[0].split() == ["bill_number", "text", "必填", "required"]
    assert "  product" in [line[:9] for line in lines]


def test_what_only_samples_show_says_so() -> None:
    assert hub("webhook.event.received").output.startswith("# 从样例看到的")
    assert not hub("crm.contract.approved").output.startswith("#")


def test_a_wrong_name_is_told_the_nearest() -> None:
    refused = hub("kingdee.book_recievable").exception
    assert isinstance(refused, ConfigError)
    assert "did you mean 'kingdee.book_receivable'?" in str(refused)
