"""`hub check`: what it sees, what quality.yaml may say, and that a missing hint or fixture turns it red."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load
from hub.domain.text import Text
from hub.registry.quality import Folder, Level, Report, State, examine, measure, open_folder
from hub.sdk.answers import Row

ROOT = Path(__file__).parents[3]
REAL = "checked-against-a-real-account"


@pytest.fixture
def kingdee(tmp_path: Path) -> Folder:
    return copied("kingdee", tmp_path)


@pytest.fixture
def dingtalk(tmp_path: Path) -> Folder:
    return copied("dingtalk", tmp_path)


def copied(name: str, root: Path) -> Folder:
    """A connector's folder and tests, copied to where they may be spoiled."""
    for place in (f"connectors/{name}", f"tests/connectors/{name}"):
        shutil.copytree(ROOT / place, root / place, ignore=shutil.ignore_patterns("__pycache__"))
    return replace(open_folder(name), path=root / "connectors" / name, root=root)


def red(folder: Folder) -> set[tuple[str, str]]:
    """Rules that are broken, each with its file."""
    return {(finding.rule, finding.place.partition(":")[0]) for finding in examine(folder).red}


def spoil(folder: Folder, file: str, old: str, new: str) -> None:
    text = (folder.path / file).read_text("utf-8")
    assert old in text
    (folder.path / file).write_text(text.replace(old, new, 1), "utf-8")


def claim(folder: Folder, rules: str) -> None:
    (folder.path / "quality.yaml").write_text(f"connector: {folder.connector.id}\nrules: {rules}\n", "utf-8")


def hub(*words: str) -> Result:
    return CliRunner().invoke(load(words[0]), list(words))


def test_kingdee_and_dingtalk_are_silver_and_lack_only_a_real_account() -> None:
    told = hub("check", "kingdee", "dingtalk", "--json")
    answer = json.loads(told.output)

    assert (told.exit_code, answer["red"]) == (0, 0)
    assert [(each["connector"], each["level"]) for each in answer["connectors"]] == [
        ("kingdee", "silver"),
        ("dingtalk", "silver"),
    ]
    for each in answer["connectors"]:
        assert [r["rule"] for r in each["rules"] if r["level"] == "gold" and r["state"] != "done"] == [REAL]


def test_the_table_names_connector_level_and_what_is_missing() -> None:
    told = hub("check", "kingdee")
    assert told.exit_code == 0
    for word in ("kingdee", "silver", REAL):
        assert word in told.output


def test_an_unknown_connector_is_refused_and_those_there_are_named() -> None:
    told = hub("check", "kingdea")
    assert told.exit_code != 0
    assert "kingdee" in told.output


def test_sizes_count_lines_and_imports_and_name_the_smallest() -> None:
    told = json.loads(hub("check", "kingdee", "dingtalk", "--sizes", "--json").output)
    sizes = {size["connector"]: size for size in told["sizes"]}
    lines = sum(len(path.read_text("utf-8").splitlines()) for path in (ROOT / "connectors" / "dingtalk").glob("*.py"))

    assert sizes["dingtalk"]["client"] == lines
    assert sizes["dingtalk"]["libraries"] == ["httpx", "pydantic"]
    assert "TokenAuth" in sizes["dingtalk"]["sdk"]
    assert told["smallest"] == min(sizes, key=lambda name: int(sizes[name]["client"]))
    assert "smallest" in hub("check", "kingdee", "--sizes").output


def test_a_removed_fixture_makes_the_command_fail_and_says_which(tmp_path: Path) -> None:
    copied("kingdee", tmp_path)
    shutil.copy(ROOT / "connectors" / "__init__.py", tmp_path / "connectors")
    assert run(tmp_path).returncode == 0
    for path in (tmp_path / "connectors/kingdee/fixtures/events").iterdir():
        path.unlink()
    errors = tmp_path / "connectors/kingdee/errors.py"
    text = errors.read_text("utf-8")
    errors.write_text(text.replace('"单据正被别人操作，稍后自动重试。"', '""'), "utf-8")

    told = run(tmp_path)

    assert told.returncode == 1
    assert "kingdee: fixtures-for-each-event: connectors/kingdee/fixtures/events/receipt_booked__" in told.stdout
    assert "kingdee: errors-have-hints-in-both-languages: connectors/kingdee/errors.py: 13" in told.stdout


def run(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hub", "check"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)


def test_a_folder_that_does_not_load_is_red_and_harms_no_other(tmp_path: Path) -> None:
    copied("dingtalk", tmp_path)
    (tmp_path / "connectors/__init__.py").touch()
    (tmp_path / "connectors/broken").mkdir()
    (tmp_path / "connectors/broken/__init__.py").write_text("connector = 1 +\n", "utf-8")

    told = run(tmp_path)

    assert told.returncode == 1
    assert "broken: exports-connector: connectors/broken/__init__.py" in told.stdout
    assert "silver" in told.stdout


def test_a_removed_hint_is_seen_wherever_it_stands(kingdee: Folder) -> None:
    rows = dict(kingdee.connector.errors.rows)
    for hint in (Text("", ""), Text("", "Retry."), Text("Retry.", "Retry."), Text("重试。", "")):
        errors = replace(kingdee.connector.errors, rows={**rows, "13": Row(rows["13"].error, hint)})
        spoiled = replace(kingdee, connector=replace(kingdee.connector, errors=errors))
        assert red(spoiled) == {("errors-have-hints-in-both-languages", "connectors/kingdee/errors.py")}

    spoil(kingdee, "documents.py", "        hint=sdk.Text(", "        hints=sdk.Text(")
    spoil(kingdee, "customers.py", "CUSTOMER = ", "WORDS = sdk.Text(f'{1} only English', 'English')\nCUSTOMER = ")
    rule = "errors-have-hints-in-both-languages"
    assert red(kingdee) == {(rule, "connectors/kingdee/documents.py"), (rule, "connectors/kingdee/customers.py")}


@pytest.mark.parametrize("case", ["new", "already_there", "another_company"])
def test_every_fixture_that_is_the_last_of_its_kind_is_missed(kingdee: Folder, case: str) -> None:
    (kingdee.path / f"fixtures/actions/ensure_customer__{case}.json").unlink()
    missed = red(kingdee) == {
        ("fixtures-yes-and-no-for-each-action", "connectors/kingdee/fixtures/actions/ensure_customer__<case>.json")
    }
    assert missed is (case == "another_company")


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("events/receipt_booked__x.json", {"given": {}}),
        ("events/receipt_booked__x.json", {"given": {}, "expect": [{"type": "receipt.booked"}]}),
        ("events/something_else__x.json", {"given": {}, "expect": []}),
        ("actions/ensure_customer__x.json", {"action": "ensure_customer", "input": {}, "talk": [], "expect": {}}),
        ("actions/nobody__x.json", {"action": "nobody", "input": {}, "talk": [], "expect": {"made": {}}}),
        (
            "events/receipt_booked__x.json",
            {
                "given": {},
                "expect": [
                    {
                        "type": "receipt.booked",
                        "subject": "1",
                        "dedupe_key": "1",
                        "occurred_at": "2026-11-20T10:00:00",
                        "data": {},
                    }
                ],
            },
        ),
        (
            "actions/ensure_customer__x.json",
            {"action": "ensure_customer", "input": {"number": "1", "name": "甲"}, "talk": [], "expect": {"made": {}}},
        ),
        (
            "actions/ensure_customer__x.json",
            {"action": "ensure_customer", "input": {"number": "1"}, "talk": [], "expect": {"made": {"id": "1"}}},
        ),
        (
            "actions/ensure_customer__x.json",
            {
                "action": "ensure_customer",
                "input": {"number": "1", "name": "甲"},
                "talk": [],
                "expect": {"error": "Refused", "code": "1"},
            },
        ),
    ],
    ids=[
        "no facts",
        "half a fact",
        "no such event",
        "no end",
        "no such action",
        "no time zone",
        "made nothing",
        "input too short",
        "no such error",
    ],
)
def test_a_fixture_of_another_shape_is_red(kingdee: Folder, file: str, content: dict[str, Any]) -> None:
    path = kingdee.path / "fixtures" / file
    path.write_text(json.dumps(content), "utf-8")
    assert {place for _, place in red(kingdee)} == {f"connectors/kingdee/fixtures/{file}"}
    path.write_text("{", "utf-8")
    assert {place for _, place in red(kingdee)} == {f"connectors/kingdee/fixtures/{file}"}


@pytest.mark.parametrize(
    ("file", "old", "new", "rule"),
    [
        ("README.md", "## 字段", "## 其他", "readme-is-for-the-person"),
        ("README.md", "`look_back_hours`", "…", "readme-is-for-the-person"),
        ("events.py", "from hub import sdk", "from hub.domain.event import Inbound", "imports-stay-at-the-door"),
        ("events.py", "from hub import sdk", "import connectors.kingdee", "imports-stay-at-the-door"),
        (
            "callbacks.py",
            "from connectors.dingtalk.config import Config",
            "from connectors.dingtalk.sandbox.seal import Seal",
            "client-and-sandbox-share-no-protocol-code",
        ),
        (
            "sandbox/messenger.py",
            "import httpx",
            "from ..callbacks import sign",
            "client-and-sandbox-share-no-protocol-code",
        ),
        ("sandbox/messenger.py", "kit.client()", "sdk.SealedBox", "client-and-sandbox-share-no-protocol-code"),
        ("sandbox/app.py", "import asyncio", "import asyncio\n" + "#\n" * 400, "files-are-short"),
    ],
)
def test_what_is_spoiled_in_a_file_is_seen_there(dingtalk: Folder, file: str, old: str, new: str, rule: str) -> None:
    spoil(dingtalk, file, old, new)
    assert red(dingtalk) == {(rule, f"connectors/dingtalk/{file}")}


@pytest.mark.parametrize(
    ("test", "rule"),
    [
        ("official_sdk_drives", ""),
        ("our_client_drives_our_sandbox", "our-client-drives-the-sandbox"),
        ("our_client_with_a_wrong_secret", "wrong-secret-is-refused"),
        ("no_mutated_callback", "mutated-callbacks-are-refused"),
    ],
)
def test_a_removed_test_is_missed(dingtalk: Folder, test: str, rule: str) -> None:
    path = dingtalk.root / "tests/connectors/dingtalk/test_dingtalk.py"
    path.write_text(path.read_text("utf-8").replace(f"def test_{test}", "def skipped"), "utf-8")
    expected = {(rule, "tests/connectors/dingtalk")} if rule else set()
    assert red(dingtalk) == expected


def test_a_rule_that_is_told_done_but_is_not_seen_is_red(kingdee: Folder) -> None:
    shutil.rmtree(kingdee.root / "tests")
    claim(kingdee, f"{{wrong-secret-is-refused: done, {REAL}: {{todo: 没有账套}}}}")
    assert ("wrong-secret-is-refused", "tests/connectors/kingdee") in red(kingdee)


def state(report: Report, rule: str) -> State:
    return next(finding.state for finding in report.findings if finding.rule == rule)


def test_todo_and_exempt_carry_reasons_and_count_as_they_should(kingdee: Folder) -> None:
    oracle = "official-sdk-or-oracle-drives-the-sandbox"
    claim(kingdee, f"{{{oracle}: {{todo: 没有找到官方 SDK}}, {REAL}: {{todo: 没有账套}}}}")
    report = examine(kingdee)
    assert (report.red, report.level, state(report, oracle)) == ((), Level.BRONZE, State.TODO)
    assert [finding.rule for finding in report.missing] == [oracle]

    claim(kingdee, f"{{{oracle}: {{exempt-because: 厂商没有 SDK}}, {REAL}: {{todo: 没有账套}}}}")
    report = examine(kingdee)
    assert (report.red, report.level, state(report, oracle)) == ((), Level.SILVER, State.EXEMPT)


@pytest.mark.parametrize(
    "rules",
    [
        f"{{secrets-are-secret: {{todo: 以后}}, {REAL}: {{todo: 没有账套}}}}",
        f"{{files-are-short: {{exempt-because: 很难}}, {REAL}: {{todo: 没有账套}}}}",
        f"{{{REAL}: {{exempt-because: 没有账套}}}}",
        f"{{{REAL}: {{done: 2026-11-28}}}}",
        f"{{{REAL}: done}}",
        "{}",
        f"{{{REAL}: {{todo: ''}}}}",
        f"{{{REAL}: perhaps}}",
        f"{{own-rule: done, {REAL}: {{todo: 没有账套}}}}",
        f"{{own-rule: {{done: test_that_is_not_there}}, {REAL}: {{todo: 没有账套}}}}",
        "[",
    ],
)
def test_a_claim_without_ground_is_red(kingdee: Folder, rules: str) -> None:
    claim(kingdee, rules)
    assert examine(kingdee).red


def test_gold_needs_a_day_and_fixtures_of_a_real_account(kingdee: Folder) -> None:
    claim(kingdee, f"{{{REAL}: {{done: 2026-11-28}}}}")
    spoil(kingdee, "fixtures/actions/ensure_customer__new.json", '"our sandbox"', '"a real account"')
    report = examine(kingdee)
    assert (report.red, report.level, report.missing) == ((), Level.GOLD, ())


def test_fields_without_words_and_open_secrets_are_seen(dingtalk: Folder) -> None:
    fields = dingtalk.connector.config.model_fields
    kept = dict(fields)
    try:
        fields["process_code"] = replace_field(kept["process_code"], title="Code", description="code")
        fields["app_key"] = replace_field(kept["app_key"], json_schema_extra=None)
        assert red(dingtalk) == {
            ("config-is-told-in-both-languages", "connectors/dingtalk/config.py"),
            ("secrets-are-secret", "connectors/dingtalk/config.py"),
        }
    finally:
        fields.update(kept)


def replace_field(field: Any, **changes: Any) -> Any:
    made = field._copy()
    for name, value in changes.items():
        setattr(made, name, value)
    return made


def test_no_probe_and_no_sandbox_are_seen(kingdee: Folder) -> None:
    bare = replace(kingdee.connector, probe=None)
    assert red(replace(kingdee, connector=bare, vendor=None)) == {
        ("probe-is-harmless", "connectors/kingdee/connector.py"),
        ("sandbox-builds", "connectors/kingdee/sandbox"),
    }


def test_a_sandbox_whose_credentials_do_not_fit_is_seen(kingdee: Folder) -> None:
    assert kingdee.vendor is not None
    other = replace(kingdee.vendor, credentials=lambda _kit: {"nonsense": "1"})
    assert red(replace(kingdee, vendor=other)) == {("sandbox-builds", "connectors/kingdee/sandbox")}


def test_only_the_sandbox_needs_a_web_framework() -> None:
    size = measure(open_folder("kingdee"))
    assert "starlette" in size.sandbox_libraries
    assert "starlette" not in size.libraries
