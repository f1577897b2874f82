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


def test_a_gate_without_events_is_shut(migrated: Addresses) -> None:
    words = ("mappings", "backtest", "edited.yaml", "--tenant", "demo")
    assert hub(*words).exit_code == 0
    ended = hub(*words, "--budget", "100%")
    assert ended.exit_code == 1
    assert "没有可比的事件，闸门不成立 / no events to compare" in ended.stderr
    assert back_test("--budget", "0")[1]["within"] is False


def test_before_there_is_a_release_the_files_are_what_runs(migrated: Addresses) -> None:
    discounted = asyncio.run(fill(migrated, 50, 7))
    assert back_test()[1]["affected"] == len(discounted)


def test_a_back_test_tells_how_far_it_is(migrated: Addresses, monkeypatch: pytest.MonkeyPatch) -> None:
    asyncio.run(fill(migrated, 2, 7))
    assert hub("apply", "--yes").exit_code == 0
    monkeypatch.setattr("hub.cli.backtest.TELL_S", 0)
    ended = hub("mappings", "backtest", "edited.yaml", "--tenant", "demo", "--json")
    assert "% · 已看 / seen 2 · 受影响 / affected 1" in ended.stderr


def test_a_back_test_says_what_it_needs() -> None:
    words = ("mappings", "backtest", "edited.yaml")
    renamed = Path("edited.yaml").read_text("utf-8").replace("mapping: crm.contract", "mapping: crm.contrakt")
    Path("renamed.yaml").write_text(renamed, "utf-8")
    assert "no tenant default" in refused(*words)
    assert "hub apply" in refused("mappings", "backtest", "renamed.yaml", "--tenant", "demo")
    assert "--from" in refused(*words, "--from", "1d", "--to", "2d")
    assert "0.5%" in refused(*words, "--budget", "few")
    assert "2h" in refused(*words, "--from", "gestern")
    assert "no file" in refused("mappings", "backtest", "nowhere.yaml")
    assert "no mapping in this direction" in refused(*words, "--back")
    other = "mappings/crm/contract__kingdee_customer.yaml"
    assert "kingdee.ensure_customer" in refused(*words, "--tenant", "demo", "--against", other)


def test_examples_are_run_and_what_they_miss_is_named(tmp_path: Path) -> None:
    (told,) = json.loads(hub("mappings", "test", "edited.yaml", "--json").stdout)
    assert (told["examples"], told["wrong"]) == (3, {})
    assert {"kind": "branch", "told": told["untouched"][-1]["told"], "required": ""} in told["untouched"]
    assert hub("mappings", "test", "edited.yaml").exit_code == 0
    assert hub("mappings", "test", "edited.yaml", "--require", str(told["covered"])).exit_code == 0
    assert hub("mappings", "test", "edited.yaml", "--require", str(told["covered"] + 1)).exit_code == 1
    untrue = tmp_path / "untrue.yaml"
    untrue.write_text(Path("edited.yaml").read_text("utf-8").replace("AR-HT-1", "AR-HT-9"), "utf-8")
    ended = hub("mappings", "test", "untrue.yaml")
    assert ended.exit_code == 1
    line = next(n for n, text in enumerate(untrue.read_text("utf-8").splitlines(), 1) if "name: 一行明细" in text)
    assert (
        f"✕ untrue.yaml:{line}:5: 例子 / example '一行明细': bill_number: 应为 / expected \"AR-HT-9\"" in ended.stdout
    )
    assert "hub mappings check" in ended.stdout.splitlines()[-1]
    (missing,) = [line for line in ended.stdout.splitlines() if "refused when missing" in line]
    assert missing.startswith("untrue.yaml: 没有例子显示缺了会被拒绝 / ")
    assert ", " in missing


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


def test_a_check_names_all_that_a_plan_would_refuse(tmp_path: Path) -> None:
    folder = tmp_path / "mappings"

    def edit(name: str, old: str, new: str) -> None:
        text = (folder / name).read_text("utf-8")
        assert old in text
        (folder / name).write_text(text.replace(old, new), "utf-8")

    edit(MAPPING, "to: kingdee.book_receivable", "to: kingdee.book_recievable")
    edit("crm/contract__crm_approve.yaml", "from: crm.contract.submitted", "from: crm.contract.submited")
    edit("crm/contract__kingdee_customer.yaml", "name: 苏州恒锐精密机械有限公司", "name: 苏州")
    edit("flows/contract-to-kingdee.yaml", "event: contract.approved", "event: contract.aproved")
    (folder / "broken.yaml").write_text("mapping: [", "utf-8")
    ended = hub("mappings", "check")
    assert ended.exit_code == 1
    for words in (
        "unknown 'kingdee.book_recievable', did you mean 'kingdee.book_receivable'",
        "unknown 'crm.contract.submited', did you mean 'crm.contract.submitted'",
        'name: 应为 / expected "苏州"，得到 / got "苏州恒锐精密机械有限公司"',
        "unknown 'contract.aproved', did you mean 'contract.approved'",
        "broken.yaml:",
    ):
        assert words in ended.stdout, words
