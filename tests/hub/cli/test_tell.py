"""What commands print is never cut: not the ids, in no terminal and in none."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from rich.console import Console

from hub.cli import tell
from hub.cli.tell import detailed, told

AT = datetime(2026, 11, 28, 9, tzinfo=UTC)
ID = "dlv_0193a1b2c3d4e5f60718293a4b5c"
WORDS = "客户不存在，先在对方建好客户再重放 the customer does not exist: make it, then replay"
ROWS: list[dict[str, Any]] = [
    {"id": ID, "at": AT, "flow": "contract-to-kingdee-receivable", "action": "kingdee.book_receivable", "why": WORDS}
]


def in_terminal(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(tell, "Console", lambda: Console(width=width, force_terminal=True))


@pytest.mark.parametrize("width", [40, 80, 160, 200])
def test_a_terminal_shows_names_whole(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    in_terminal(monkeypatch, width)
    told(ROWS, as_json=False)
    out = capsys.readouterr().out
    assert all(name in out for name in (ID, AT.isoformat(), ROWS[0]["flow"], ROWS[0]["action"]))
    assert "…" not in out
    assert ("┃" in out) == (width >= 160)


def test_without_a_terminal_a_row_is_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    told(ROWS, as_json=False)
    (line,) = [line for line in capsys.readouterr().out.splitlines() if ID in line]
    assert WORDS in line


def test_one_thing_is_told_line_by_line_with_iso_times(capsys: pytest.CaptureFixture[str]) -> None:
    facts: dict[str, Any] = {"id": ID, "attempts": [{"number": 1, "at": AT, "exchanges": []}, {"number": 2}], "x": None}
    detailed(facts)
    assert capsys.readouterr().out.splitlines() == [
        f"id: {ID}",
        "attempts:",
        "  1:",
        "    number: 1",
        f"    at: {AT.isoformat()}",
        "    exchanges: []",
        "  2:",
        "    number: 2",
        "x:",
    ]
    told([facts], as_json=True)
    assert json.loads(capsys.readouterr().out)[0]["attempts"][0]["at"] == AT.isoformat()
