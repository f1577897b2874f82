"""What every test run makes of the fault runs: each failpoint kills twice and the promise holds; mutants are caught."""

import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import simplejson

from tests.faults.run import points_in_hub

TIMES = 2
KILLS = 60
SEEDS = (1, 2, 3)
LONGEST_S = 290
BROKEN = ("lost", "doubled", "out_of_order", "cents_off", "wrong_tenant", "parked", "crashed")


def played(folder: Path, *options: str) -> tuple[dict[str, Any], str]:
    """The report of a run, and what it said on stderr."""
    command = [sys.executable, "-m", "tests.faults.run", "--folder", str(folder), *options]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)
    assert ended.stdout, ended.stderr[-5000:]
    report: dict[str, Any] = simplejson.loads(ended.stdout, use_decimal=True)
    assert report["ok"] is (ended.returncode == 0)
    return report, ended.stderr


def test_every_failpoint_kills_twice_and_the_promise_holds(tmp_path: Path) -> None:
    """A place that is passed only in doubt may come up once in a run; another run, as strict, adds to it."""
    traffic = ("--events", "480", "--tenants", "6", "--lanes", "12", "--kinds", "abccdp", "--faults", "0.15")
    options = ("--kills", str(KILLS), "--points", str(TIMES), "--minutes", "3", *traffic)
    fired: Counter[str] = Counter()
    for seed in SEEDS:
        (folder := tmp_path / str(seed)).mkdir()
        report, said = played(folder, *options, "--seed", str(seed))
        assert report["ok"], f"{report}\n{said[-5000:]}"
        assert {name: report[name] for name in BROKEN} == dict.fromkeys(BROKEN, 0)
        assert report["accepted"] == 480
        assert report["kills"] >= KILLS
        fired.update(report["failpoints"])
        if all(fired[name] >= TIMES for name in points_in_hub()):
            break
    assert {name for name in points_in_hub() if fired[name] < TIMES} == set()


@pytest.mark.parametrize(
    ("mutant", "options"),
    [
        (
            "fence",
            ("--kinds", "c", "--zombies", "8", "--lease-s", "5", "--kills", "1", "--faults", "0", "--events", "150"),
        ),
        ("class_d", ("--kinds", "d", "--lanes", "20", "--kills", "3", "--faults", "0.2", "--events", "80")),
    ],
)
def test_a_hub_without_its_guard_is_caught(mutant: str, options: tuple[str, ...], tmp_path: Path) -> None:
    report, said = played(tmp_path, "--mutant", mutant, "--vendor-kills", "0", "--minutes", "1", *options)
    assert not report["ok"]
    assert report["doubled"] > 0
    assert "BROKEN" in said
