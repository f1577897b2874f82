"""`hub schema` and `hub mappings functions` print what is committed, and write it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hub.cli import load
from hub.cli.schema import FILES
from hub.mapping.expressions.page import functions_page


@pytest.mark.parametrize("kind", FILES)
def test_a_schema_is_printed(kind: str) -> None:
    done = CliRunner().invoke(load("schema"), ["schema", kind])
    assert done.exit_code == 0
    assert json.loads(done.output)["type"] == "object"


def test_all_schemas_are_written(tmp_path: Path) -> None:
    done = CliRunner().invoke(load("schema"), ["schema", "--write", str(tmp_path / "made")])
    assert done.exit_code == 0
    assert {path.stem for path in (tmp_path / "made").iterdir()} == set(FILES)


def test_no_kind_is_refused() -> None:
    assert CliRunner().invoke(load("schema"), ["schema"]).exit_code == 2


def test_the_page_of_functions_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = CliRunner().invoke(load("mappings"), ["mappings", "functions"])
    written = CliRunner().invoke(load("mappings"), ["mappings", "functions", "--write"])
    assert (printed.exit_code, written.exit_code) == (0, 0)
    assert printed.output == (tmp_path / "docs/reference/functions.md").read_text("utf-8") == functions_page()
