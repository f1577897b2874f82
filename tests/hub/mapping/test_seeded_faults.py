"""40 wrong edits of mappings and 10 of flows: nearly all are found without running anything, and no right edit is."""

import pytest

from core_crm import home
from hub.domain.errors import ConfigError
from hub.mapping import parse_mapping
from hub.mapping.checks.lint import check
from tests.hub.mapping.seeded import FAULTS, FLOW_FAULTS, FLOW_RIGHT, RIGHT, Desk, Edit

DESK = Desk()


def named(edits: tuple[Edit, ...]) -> list[object]:
    return [pytest.param(each, id=f"{number} {each.about}") for number, each in enumerate(edits, 1)]


@pytest.mark.parametrize("fault", named((*FAULTS, *FLOW_FAULTS)))
def test_a_wrong_edit_is_told_with_its_place(fault: Edit) -> None:
    found = [str(each) for each in DESK.after(fault)]
    assert any(fault.words in each for each in found) if fault.words else found == []
    assert all(each.startswith(f"{fault.file}:") for each in found)


@pytest.mark.parametrize("edit", named((*RIGHT, *FLOW_RIGHT)))
def test_a_right_edit_is_not(edit: Edit) -> None:
    assert list(map(str, DESK.after(edit))) == []


def test_at_least_36_of_40_are_found() -> None:
    assert (len(FAULTS), len(RIGHT)) == (40, 20)
    assert sum(bool(fault.words) for fault in FAULTS) >= 36


def test_of_the_flows_at_least_9_of_10_are_found() -> None:
    assert (len(FLOW_FAULTS), len(FLOW_RIGHT)) == (10, 8)
    assert sum(bool(fault.words) for fault in FLOW_FAULTS) >= 9


def test_nothing_is_said_of_the_shipped_mappings_and_flows() -> None:
    assert list(map(str, DESK.shipped())) == []


def test_what_is_certain_stops_loading_at_its_place_and_what_is_not_does_not() -> None:
    file = "crm/contract__crm_approve.yaml"
    target, text = home.actions["approve_contract"].input, DESK.texts[file]
    wrong = parse_mapping(text.replace("take: contract.id", "take: contract.idd"), file)
    doubtful = parse_mapping(text.replace("take: contract.id", "take: contract.title || contract.id"), file)
    with pytest.raises(ConfigError, match=rf"{file}:\d+:33: contract_id: .* / unknown 'idd', did you mean 'id'"):
        check(wrong, target, DESK.source(wrong))
    assert [each.certain for each in DESK.findings(doubtful)] == [False]
    check(doubtful, target, DESK.source(doubtful))


def test_a_fault_of_a_flow_has_its_line_and_column() -> None:
    wrong = DESK.texts["flows/receivable-to-crm.yaml"].replace("lane: record", "lane: recrod")
    (found,) = DESK.flow("flows/receivable-to-crm.yaml", wrong)
    assert str(found).startswith("flows/receivable-to-crm.yaml:5:7: lane: 没有 'recrod'")
    assert found.certain
