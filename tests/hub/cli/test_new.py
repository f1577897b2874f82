"""`hub new connector`: what it writes passes the check, the type checker, the linter and its own tests at once."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hub.cli import load

ROOT = Path(__file__).parents[3]
CLIENT_LINES = 80


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with no connector in it."""
    for name in ("connectors/__init__.py", "tests/__init__.py", "tests/connectors/sandboxes.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "hub").symlink_to(ROOT / "hub")
    return tmp_path


def new(name: str, root: Path) -> Result:
    return CliRunner().invoke(load("new"), ["new", "connector", name, "--into", str(root)])


def run(root: Path, *words: str) -> str:
    command = [sys.executable, "-m", *words]
    ended = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_a_new_connector_is_bronze_and_its_tests_are_green_right_away(root: Path) -> None:
    told = new("acme", root)
    assert told.exit_code == 0, told.output

    answer = json.loads(run(root, "hub", "check", "acme", "--json", "--sizes"))
    tested = run(root, "pytest", "tests/connectors/acme", "-q", f"--basetemp={root / 'tmp'}")

    (acme,) = answer["connectors"]
    assert (acme["level"], answer["red"]) == ("bronze", 0)
    assert [r["rule"] for r in acme["rules"] if r["level"] == "silver" and r["state"] != "done"] == [
        "official-sdk-or-oracle-drives-the-sandbox"
    ]
    assert answer["sizes"][0]["client"] <= CLIENT_LINES
    assert " passed" in tested
    assert "failed" not in tested


def test_a_new_connector_of_any_name_is_typed_and_tidy(root: Path) -> None:
    new("blue_whale", root)
    folders = ("connectors/blue_whale", "tests/connectors/blue_whale")

    run(root, "ruff", "check", *folders)
    run(root, "ruff", "format", "--check", *folders)
    run(root, "mypy", *folders, "--cache-dir", str(root / "mypy"))

    written = [path for folder in folders for path in (root / folder).rglob("*") if path.is_file()]
    assert not [path for path in written if "acme" in path.name or "acme" in path.read_text("utf-8").lower()]
    assert not [path for path in written if path.suffix == ".txt"]


@pytest.mark.parametrize("name", ["Acme", "ac-me", "../acme", "1acme", "class", "json", "公司", ""])
def test_a_name_that_cannot_be_a_folder_is_refused(name: str, root: Path) -> None:
    assert new(name, root).exit_code != 0
    assert [path.name for path in (root / "connectors").iterdir()] == ["__init__.py"]


def test_nothing_is_written_over_and_nothing_outside_a_repository(root: Path) -> None:
    assert new("acme", root).exit_code == 0
    readme = root / "connectors/acme/README.md"
    readme.write_text("mine", "utf-8")

    assert new("acme", root).exit_code != 0
    assert readme.read_text("utf-8") == "mine"
    assert new("acme", root / "tests").exit_code != 0
    assert not (root / "tests/connectors/connectors").exists()
