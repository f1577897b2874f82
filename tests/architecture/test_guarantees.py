"""The table of guarantees names every fault once, and every test it names is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "guarantees.md"
ROWS = [
    [cell.strip() for cell in line.strip().strip("|").split("|")]
    for line in PAGE.read_text("utf-8").splitlines()
    if re.match(r"\| F\d", line)
]
FAULTS = {f"F{n}" for n in range(1, 73)} | {"F26b"}


def test_every_fault_stands_there_once() -> None:
    assert sorted(row[0] for row in ROWS) == sorted(FAULTS)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row[0]))
def test_what_is_called_tested_names_tests_that_are_there(row: list[str]) -> None:
    _, status, tests, words = row
    assert status in ("tested", "not applicable", "open")
    assert words
    named = [each.strip().strip("`") for each in tests.split("<br>") if each.strip()]
    assert bool(named) == (status == "tested")
    for each in named:
        file, _, test = each.partition("::")
        assert f"def {test.partition('[')[0]}(" in (ROOT / file).read_text("utf-8"), each
