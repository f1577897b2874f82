"""Every example in every mapping file is a test; nobody has to remember to write one."""

from pathlib import Path

import pytest

from hub.flows import parse_flow
from hub.mapping import Example, MappingFile, parse_mapping

ROOT = Path(__file__).parents[2] / "mappings"
FILES = [parse_mapping(p.read_text("utf-8"), p.name) for p in sorted(ROOT.rglob("*.yaml")) if p.parent.name != "flows"]
FLOWS = [parse_flow(p.read_text("utf-8"), p.name) for p in sorted((ROOT / "flows").glob("*.yaml"))]
CASES = [pytest.param(m, e, id=f"{m.name}: {e.name}") for m in FILES for e in m.examples]


@pytest.mark.parametrize(("mapping", "example"), CASES)
def test_example(mapping: MappingFile, example: Example) -> None:
    assert mapping.disprove(example) == ""


def test_every_file_shows_a_yes_and_a_no() -> None:
    assert len(FILES) == 22
    for mapping in FILES:
        assert {example.error is None for example in mapping.examples} == {True, False}


def test_every_mapping_is_used_and_every_flow_finds_its_mappings() -> None:
    assert len(FLOWS) == 20
    used = {step.using for flow in FLOWS for step in flow.steps}
    assert used == {f"{mapping.name}@{mapping.version}" for mapping in FILES}
