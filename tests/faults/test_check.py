"""The tester is tested: a clean run is green, and each of the planted defects turns the checker red."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import simplejson

from tests.faults.check import Row, check, smallest, timeline
from tests.faults.sender import events

ZEROS = {"lost": 0, "doubled": 0, "out_of_order": 0, "cents_off": 0, "wrong_tenant": 0}


def clean() -> tuple[list[Row], list[Row]]:
    """The journal and the ledger of a run in which nothing went wrong: 2 tenants, 2 lanes each, 3 events a lane."""
    journal: list[Row] = []
    ledger: list[Row] = []
    at = 1000.0
    for lane in events(1, 12, 2, 2, "ab"):
        for e in lane:
            at += 1
            sent = {"at": at, "what": "sent", "id": e.id, "tenant": e.tenant, "lane": e.lane, "n": e.n, "fen": e.fen}
            journal += [sent, {"at": at + 0.1, "what": "accepted", "id": e.id}]
            made = {"event": e.id, "account": e.tenant, "tenant": e.tenant, "lane": e.lane, "n": e.n}
            ledger.append({"at": at + 0.2, "kind": e.kind, "amount": e.amount, **made})
    return journal, ledger


def found(journal: list[Row], ledger: list[Row], shown: dict[str, str] | None = None) -> dict[str, Any]:
    """The numbers that differ from a clean run's; red or green must agree with them."""
    verdict = check(journal, ledger, shown or {})
    wrong = {name: verdict.numbers[name] for name, zero in ZEROS.items() if verdict.numbers[name] != zero}
    assert verdict.kept is (not wrong)
    return wrong


def test_a_clean_run_is_green() -> None:
    journal, ledger = clean()
    assert found(journal, ledger) == {}
    numbers = check(journal, ledger, {}).numbers
    assert (numbers["accepted"], numbers["effects"]) == (12, 12)


def test_a_lost_event_is_red_unless_the_hub_shows_it() -> None:
    journal, ledger = clean()
    gone = ledger.pop()
    assert found(journal, ledger) == {"lost": 1}
    assert found(journal, ledger, {gone["event"]: "uncertain"}) == {}


def test_an_event_without_its_2xx_may_lack_its_effect_but_not_have_two() -> None:
    journal, ledger = clean()
    gone = ledger.pop()
    assert found(journal[:-1], ledger) == {}
    assert found(journal[:-1], [*ledger, gone, gone]) == {"doubled": 1}


def test_a_doubled_effect_is_red_though_the_event_is_shown_uncertain() -> None:
    journal, ledger = clean()
    again = {**ledger[0], "at": ledger[-1]["at"] + 1}
    assert found(journal, [*ledger, again], {again["event"]: "uncertain"}) == {"doubled": 1}


def test_swapped_effects_are_red() -> None:
    journal, ledger = clean()
    ledger[0], ledger[1] = ledger[1], ledger[0]
    assert found(journal, ledger) == {"out_of_order": 1}


def test_one_fen_off_is_red() -> None:
    journal, ledger = clean()
    yuan, fen = ledger[3]["amount"].split(".")
    ledger[3]["amount"] = f"{yuan}.{(int(fen) + 1) % 100:02d}" if fen != "99" else f"{yuan}.98"
    assert found(journal, ledger) == {"cents_off": 1}


def test_another_tenants_account_is_red() -> None:
    journal, ledger = clean()
    ledger[0]["account"] = "t1"
    assert found(journal, ledger) == {"wrong_tenant": 1}


def test_an_effect_nobody_asked_for_is_red() -> None:
    journal, ledger = clean()
    assert found(journal, [*ledger, {**ledger[0], "event": "t0-a0-99"}]) == {"wrong_tenant": 1}


def test_recovery_is_counted_from_the_kill_to_the_next_effect_of_the_lanes_that_waited() -> None:
    journal, ledger = clean()
    ledger[-1]["at"] += 7
    numbers = check(journal, ledger, {}, [{"at": journal[-1]["at"], "act": "kill", "who": "work-1"}]).numbers
    assert numbers["recovery_p99_s"] == 7.1
    assert numbers["longest_stuck_s"] == 7.2


def test_the_smallest_broken_lane_tells_its_story() -> None:
    journal, ledger = clean()
    lane = smallest(check(journal, [*ledger, ledger[0]], {}).broken, journal)
    assert lane == ("t0", "a0")
    told = timeline(lane, journal, [*ledger, ledger[0]])
    assert sum("effect t0-a0-1" in line for line in told) == 2
    assert not [line for line in told if "t1-" in line]


def test_the_program_prints_json_and_ends_with_1_when_it_is_red(tmp_path: Path) -> None:
    journal, ledger = clean()
    files = [tmp_path / "journal", tmp_path / "ledger"]
    for file, content in zip(files, (journal, ledger[1:]), strict=True):
        file.write_text("".join(simplejson.dumps(row) + "\n" for row in content), "utf-8")
    command = [sys.executable, "-m", "tests.faults.check", *map(str, files)]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 1
    assert simplejson.loads(ended.stdout)["lost"] == 1
    assert "sent t0-a0-1" in ended.stderr
