"""The layout, kept by a test: short files named for what they hold, one way to do a thing."""

import ast
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("hub", "connectors", "core_crm")
BANNED = {"utils", "util", "helpers", "helper", "common", "misc", "base", "manager", "service"}
SOURCES = sorted(path for room in ROOMS for path in (ROOT / room).rglob("*.py"))
IDS = [str(path.relative_to(ROOT)) for path in SOURCES]
FACTORY = (ROOT / "hub/sdk/http.py", ROOT / "hub/sdk/client.py")
CLIENTS = {"aiohttp", "requests", "urllib.request", "http.client", "urllib3"}


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_files_are_short_and_named_for_what_they_hold(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400
    assert path.stem not in BANNED


@pytest.mark.parametrize("path", SOURCES, ids=IDS)
def test_only_the_factory_makes_http_clients(path: Path) -> None:
    if path in FACTORY:
        return
    tree = ast.parse(path.read_text("utf-8"))
    imported = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    imported |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    made = {n.func.attr for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)}
    assert not imported & CLIENTS
    assert not made & {"AsyncClient", "ClientSession"}


def test_no_folder_borrows_a_standard_library_name() -> None:
    """`connectors/email` will be the one exception, and the next test guards it."""
    folders = {p.name for room in ROOMS for p in (ROOT / room).rglob("*") if p.is_dir()}
    assert folders & sys.stdlib_module_names <= {"email"}


def test_nothing_puts_connectors_on_the_path() -> None:
    assert not [p for p in sys.path if Path(p).name == "connectors"]


def test_there_are_no_pardons() -> None:
    words = ("# no" + "qa", "type: " + "ignore", "pragma: no" + " cover")
    files = [*SOURCES, *(ROOT / "tests").rglob("*.py")]
    assert not [f"{p}: {w}" for p in files for w in words if w in p.read_text("utf-8")]
