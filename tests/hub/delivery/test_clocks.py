"""When something is due is PostgreSQL's business: a process whose clock is wrong fires nothing early or late."""

import re
from pathlib import Path

import pytest

import hub

WALL = re.compile(r"datetime\.(now|utcnow|today)\(|time\.time(_ns)?\(|time\.localtime\(|date\.today\(")
ROOMS = ("ledger", "delivery", "scheduler", "inbound", "jobs", "registry")
FILES = [file for room in ROOMS for file in sorted(Path(hub.__file__).parent.joinpath(room).rglob("*.py"))]


@pytest.mark.parametrize("file", FILES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_no_room_that_decides_when_reads_our_own_clock(file: Path) -> None:
    assert WALL.findall(file.read_text("utf-8")) == []


def test_the_scan_sees_what_it_is_for() -> None:
    assert WALL.search("due = datetime.now(UTC)")
    assert WALL.search("if time.time() > due:")
