"""Every example in every mapping file is a test; nobody has to remember to write one."""

from pathlib import Path

import pytest

from hub.domain.errors import MappingError
from hub.mapping import Example, MappingFile, parse_mapping

ROOT = Path(__file__).parents[2] / "mappings"
FILES = [parse_mapping(p.read_text("utf-8"), p.name) for p in sorted(ROOT.rglob("*.yaml")) if p.parent.name != "flows"]
CASES = [pytest.param(m, e, id=f"{m.name}: {e.name}") for m in FILES for e in m.examples]


@pytest.mark.parametrize(("mapping", "example"), CASES)
def test_example(mapping: MappingFile, example: Example) -> None:
    if example.error is not None:
        with pytest.raises(MappingError, match=example.error):
            mapping.apply(example.given)
    else:
        made = mapping.apply(example.given)
        assert made == example.expect
        assert repr(made) == repr(example.expect)


def test_every_file_shows_a_yes_and_a_no() -> None:
    assert len(FILES) == 8
    for mapping in FILES:
        assert {example.error is None for example in mapping.examples} == {True, False}
