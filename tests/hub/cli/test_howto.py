"""docs/howto/write-a-connector.md, followed from its first line to its last."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hub.registry.quality.scale import LOADS, RULES

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "howto" / "write-a-connector.md").read_text("utf-8")
BLOCK = re.compile(
    r"(?:^`(?P<file>[^`\n]+)`\n\n)?^```(?P<kind>sh|diff|json)\n(?P<text>.*?)^```", re.DOTALL | re.MULTILINE
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with no connector in it."""
    for name in ("connectors/__init__.py", "tests/__init__.py", "tests/connectors/sandboxes.py", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    return tmp_path


def test_following_the_page_leads_from_nothing_to_silver(root: Path) -> None:
    blocks = list(BLOCK.finditer(PAGE))
    assert [block["kind"] for block in blocks].count("sh") == 3

    for block in blocks:
        if block["kind"] == "sh":
            for line in block["text"].splitlines():
                run(root, line)
        elif block["kind"] == "diff":
            change(root / block["file"], block["text"])
        else:
            (root / block["file"]).write_text(block["text"], "utf-8")


def run(root: Path, line: str) -> None:
    """One line of a shell block; what stands behind # is seen in its output."""
    command, _, expected = line.partition("#")
    words = command.split()
    asked = ["-m", "hub", *words[1:]] if words[0] == "hub" else words[1:]
    extra = ["--basetemp", str(root / "tmp")] if "pytest" in words else []
    ended = subprocess.run(
        [sys.executable, *asked, *extra], cwd=root, capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 0, (line, ended.stdout, ended.stderr)
    assert expected.strip() in ended.stdout, (line, ended.stdout)


def change(path: Path, diff: str) -> None:
    """Apply a diff block: lines with a space or a minus stand there, lines with a space or a plus shall."""
    lines = diff.splitlines(keepends=True)
    old = "".join(line[1:] for line in lines if line[0] in " -")
    new = "".join(line[1:] for line in lines if line[0] in " +")
    text = path.read_text("utf-8")
    assert text.count(old) == 1, (path, old)
    path.write_text(text.replace(old, new), "utf-8")


def test_the_page_lists_the_rules_of_the_scale_with_their_levels() -> None:
    section = PAGE.partition("## 4")[2].partition("## 5")[0]
    listed = re.findall(r"^\| `([\w-]+)` \| (.) \|", section, re.MULTILINE)
    levels = {"BRONZE": "铜", "SILVER": "银", "GOLD": "金"}
    assert listed == [(LOADS, "铜"), *((rule.name, levels[rule.level.name]) for rule in RULES)]
    excusable = [name for name, _ in listed if re.search(rf"^\| `{name}`.*exempt-because", section, re.MULTILINE)]
    assert excusable == [rule.name for rule in RULES if rule.excusable]
