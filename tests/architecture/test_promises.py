"""What may stand nowhere: a float on a money path, a pickle, a network call inside a transaction."""

import ast
import re
from pathlib import Path

import httpx
import pytest

from hub.ledger.database import Database
from hub.sdk.client import make_client

ROOT = Path(__file__).parents[2]
MONEY = ("core_crm", "connectors", "hub/mapping", "hub/flows", "hub/ledger", "hub/api", "hub/console", "mappings")
MONEY_FILES = sorted(p for room in MONEY for p in (ROOT / room).rglob("*.py"))
SECONDS = re.compile(r"\w+_s|now|good_until|seconds|until")
"""Names of spans and instants of time; by the house's rule a span ends in _s."""
EVERY_FILE = sorted(p for room in ("hub", "connectors", "core_crm", "tests") for p in (ROOT / room).rglob("*.py"))


def floats(tree: ast.AST) -> list[int]:
    """Lines where a float is made or declared, except for seconds of time."""
    timed = {
        id(n.annotation)
        for n in ast.walk(tree)
        if (isinstance(n, ast.arg) and SECONDS.fullmatch(n.arg))
        or (isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name) and SECONDS.fullmatch(n.target.id))
    }
    called = [n.lineno for n in ast.walk(tree) if isinstance(n, ast.Call) and getattr(n.func, "id", "") == "float"]
    declared = [
        n.lineno
        for n in ast.walk(tree)
        if isinstance(n, ast.arg | ast.AnnAssign)
        and id(n.annotation) not in timed
        and any(getattr(part, "id", "") == "float" for part in ast.walk(n.annotation or ast.Pass()))
    ]
    return called + declared


@pytest.mark.parametrize("path", MONEY_FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_float_stands_on_a_money_path(path: Path) -> None:
    assert floats(ast.parse(path.read_text("utf-8"))) == []


def test_the_float_scan_sees_what_it_is_for() -> None:
    assert floats(ast.parse("x = float(y)\ndef f(amount: float, lease_s: float) -> None: ...")) == [1, 2]


def test_nothing_pickles() -> None:
    for path in EVERY_FILE:
        tree = ast.parse(path.read_text("utf-8"))
        names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not {"pickle", "cPickle", "dill", "marshal", "shelve"} & names, path


async def test_a_network_call_inside_a_transaction_is_refused(database: Database) -> None:
    """The one client factory looks at every request, so no code path of ours can do it unseen."""
    transport = httpx.MockTransport(lambda _: httpx.Response(200))
    async with make_client(transport=transport) as http:
        async with database.unit("demo"):
            with pytest.raises(RuntimeError, match="inside a transaction"):
                await http.get("https://vendor.example/")
        assert (await http.get("https://vendor.example/")).status_code == 200
