"""`hub mappings test` and `hub mappings backtest` as a person types them."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.embedded.postgres import Addresses
from tests.benchmarks.backtest import MAPPING, environment, fill, records_in, wrong_edit

EVENTS = 2_000


@pytest.fixture(autouse=True)
def edited(migrated: Addresses, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A wrong edit of a shipped mapping, beside a copy of those that are shipped."""
    file = wrong_edit(tmp_path)
    for name, value in environment(migrated, tmp_path).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return file


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), list(words))


def refused(*words: str) -> str:
    ended = hub(*words)
    assert ended.exit_code != 0
    return f"{ended.output} {ended.exception} {getattr(ended.exception, 'hint', '')}"


def back_test(*words: str) -> Any:
    """Exit code and report."""
    ended = hub("mappings", "backtest", "edited.yaml", "--tenant", "demo", "--json", *words)
    assert ended.exit_code in (0, 1), (ended.output, ended.exception)
    return ended.exit_code, json.loads(ended.stdout)


def test_a_wrong_edit_is_named_record_by_record(migrated: Addresses, tmp_path: Path) -> None:
    discounted = asyncio.run(fill(migrated, EVENTS, 7))
    assert hub("apply", "--yes").exit_code == 0
    records = tmp_path / "records"
    code, report = back_test("--budget", "0", "--records", str(records), "--sample", "3")
    assert (code, report["within"]) == (1, False)
    assert (report["events"], report["affected"], report["changed"]) == (EVENTS, len(discounted), len(discounted))
    assert records_in(records) == discounted
    assert set(report["fields"]) == {"lines[].amount"}
    amount = report["fields"]["lines[].amount"]
    assert amount["sum"] == {"before": f"{len(discounted) * 628000}.00", "after": f"{len(discounted) * 596600}.00"}
    assert [(s["path"], s["before"], s["after"]) for s in amount["samples"]] == [("lines[0].amount", 62800, 59660)] * 3
    for budget, within in ((str(len(discounted)), 0), (str(len(discounted) - 1), 1), ("7%", 0), ("6.9%", 1)):
        assert back_test("--budget", budget)[0] == within
    shown = hub("mappings", "backtest", "edited.yaml", "--tenant", "demo").stdout
    assert f"lines[0].amount: 62800.00 → 59660.00  ({amount['samples'][0]['record']} " in shown
    assert f"{EVENTS} 件事件，{len(discounted)} 件受影响" in shown
    assert back_test("--against", str(tmp_path / "mappings" / MAPPING))[1]["affected"] == len(discounted)
    assert back_test("--against", "edited.yaml", "--budget", "0")[1]["affected"] == 0
    assert back_test("--from", "2000-01-01T00:00+08:00", "--to", "2000-01-02T00:00+08:00")[1]["events"] == 0


def test_what_no_flow_sends_is_not_counted(migrated: Addresses, tmp_path: Path) -> None:
    asyncio.run(fill(migrated, 20, 7))
    flow = tmp_path / "mappings" / "flows" / "contract-to-kingdee.yaml"
    event = "event: contract.approved"
    chosen = f'{event}, if: "contract.number != `\\"HT-3\\"`"'
    flow.write_text(flow.read_text("utf-8").replace(event, chosen), "utf-8")
    assert hub("apply", "--yes").exit_code == 0
    _, report = back_test()
    assert (report["events"], report["unsent"]) == (19, 1)


def test_a_back_test_tells_how_far_it_is(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(fill(migrated, 2, 7))
    assert hub("apply", "--yes").exit_code == 0
    monkeypatch.setattr("hub.cli.backtest.TELL_S", 0)
    ended = hub("mappings", "backtest", "edited.yaml", "--tenant", "demo", "--json")
    assert "% · 已看 / seen 2 · 受影响 / affected 1" in ended.stderr


def test_a_back_test_says_what_it_needs() -> None:
    words = ("mappings", "backtest", "edited.yaml")
    assert "hub apply" in refused(*words)
    assert "--from" in refused(*words, "--from", "1d", "--to", "2d")
    assert "0.5%" in refused(*words, "--budget", "few")
    assert "2h" in refused(*words, "--from", "gestern")
    assert "no file" in refused("mappings", "backtest", "nowhere.yaml")
    assert "no mapping in this direction" in refused(*words, "--back")
    other = "mappings/crm/contract__kingdee_customer.yaml"
    assert "kingdee.ensure_customer" in refused(*words, "--against", other)


def test_examples_are_run_and_what_they_miss_is_named(tmp_path: Path) -> None:
    (told,) = json.loads(hub("mappings", "test", "edited.yaml", "--json").stdout)
    assert (told["examples"], told["wrong"]) == (3, {})
    assert {"kind": "branch", "told": told["untouched"][-1]["told"]} in told["untouched"]
    assert hub("mappings", "test", "edited.yaml").exit_code == 0
    assert hub("mappings", "test", "edited.yaml", "--require", str(told["covered"])).exit_code == 0
    assert hub("mappings", "test", "edited.yaml", "--require", str(told["covered"] + 1)).exit_code == 1
    untrue = tmp_path / "untrue.yaml"
    untrue.write_text(Path("edited.yaml").read_text("utf-8").replace("AR-HT-1", "AR-HT-9"), "utf-8")
    ended = hub("mappings", "test", "untrue.yaml")
    assert ended.exit_code == 1
    assert "✕ untrue.yaml: " in ended.stdout


def test_all_shipped_mappings_are_tested_by_default() -> None:
    ended = hub("mappings", "test", "--json")
    assert ended.exit_code == 0
    assert len(json.loads(ended.stdout)) >= 22


def test_what_can_never_go_well_is_found_without_running(migrated: Addresses, tmp_path: Path) -> None:
    assert hub("mappings", "check").exit_code == 0
    file = tmp_path / "mappings" / MAPPING
    file.write_text(file.read_text("utf-8").replace("contract.number", "contract.nubmer"), "utf-8")
    ended = hub("mappings", "check")
    assert ended.exit_code == 1
    assert "✕" in ended.stdout
    assert "did you mean 'number'" in ended.stdout
    (found, *_) = json.loads(hub("mappings", "check", "--json").stdout)
    assert found["certain"]
    assert found["found"].startswith(f"{MAPPING}:")
    assert hub("mappings", "check", "--tenant", "demo").exit_code == 1
