"""Editors know every file: the published schemas are fresh, and each shipped file names the one of its kind."""

import json
from pathlib import Path

import pytest

from hub.cli.schema import FILES, text_of

ROOT = Path(__file__).parents[2]
SHIPPED = sorted((ROOT / "mappings").rglob("*.yaml"))
KINDS = {"flows": "flow", "tables": "table"}


@pytest.mark.parametrize("kind", FILES)
def test_a_published_schema_is_fresh(kind: str) -> None:
    assert (ROOT / "schemas" / f"{kind}.json").read_text("utf-8") == text_of(kind), "hub schema --write schemas"


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_names_the_schema_of_its_kind(file: Path) -> None:
    first = file.read_text("utf-8").splitlines()[0]
    named = first.removeprefix("# yaml-language-server: $schema=")
    assert (file.parent / named).resolve() == ROOT / "schemas" / f"{KINDS.get(file.parent.name, 'mapping')}.json"


@pytest.mark.parametrize("kind", FILES)
def test_every_key_is_explained_in_both_languages(kind: str) -> None:
    schema = json.loads(text_of(kind))
    for shape in [schema, *schema.get("$defs", {}).values()]:
        for name, key in shape["properties"].items():
            assert " / " in key.get("description", ""), name
