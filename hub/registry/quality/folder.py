"""A connector as it lies on disk: its sources, its fixtures, its README, its tests."""

import ast
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from hub.domain.text import Text
from hub.registry import load_connector, load_sandbox
from hub.sdk.connector import Connector
from hub.sdk.sandbox import Sandbox

DYNAMIC = "import_module"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a rule does not find: the file, what is wrong there, and what to do next."""

    place: str
    words: Text


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file; `module` is its dotted name."""

    path: Path
    module: str
    text: str
    tree: ast.Module

    def imports(self) -> Iterator[str]:
        """Full dotted names of what it imports: `from hub import sdk` is "hub.sdk"; import_module("x") counts."""
        for node in ast.walk(self.tree):
            match node:
                case ast.Import(names=names):
                    yield from (each.name for each in names)
                case ast.ImportFrom(names=names):
                    yield from (f"{self._origin(node)}.{each.name}" for each in names)
                case ast.Call(args=[ast.Constant(value=str(name)), *_]) if ast.unparse(node.func).endswith(DYNAMIC):
                    yield name

    def sdk_names(self) -> set[str]:
        """What it takes through the door: every `sdk.x`."""
        return {
            node.attr
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "sdk"
        }

    def _origin(self, node: ast.ImportFrom) -> str:
        package = self.module if self.path.name == "__init__.py" else self.module.rpartition(".")[0]
        above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
        return ".".join([*above, *filter(None, [node.module])])


def read_sources(folder: Path, package: str) -> list[Source]:
    """Every Python file below a folder, in order."""
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        module = ".".join([package, *(part for part in parts if part != "__init__")])
        text = path.read_text("utf-8")
        found.append(Source(path, module, text, ast.parse(text)))
    return found


@dataclass(frozen=True)
class Folder:
    """A connector's folder. `root` holds both `connectors/` and `tests/`; `package` is the connector's dotted name."""

    connector: Connector[Any]
    vendor: Sandbox | None
    package: str
    path: Path
    root: Path

    @cached_property
    def client(self) -> list[Source]:
        """The connector's own sources, without its sandbox."""
        return [s for s in self._sources if not s.module.startswith(f"{self.package}.sandbox")]

    @cached_property
    def sandbox(self) -> list[Source]:
        """The sources of its fake vendor."""
        return [s for s in self._sources if s.module.startswith(f"{self.package}.sandbox")]

    @cached_property
    def tests(self) -> dict[str, str]:
        """Name of each test → its text, marks included."""
        return {
            node.name: ast.unparse(node)
            for source in read_sources(self.root / "tests" / "connectors" / self.connector.id, "tests")
            for node in ast.walk(source.tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
        }

    @cached_property
    def _sources(self) -> list[Source]:
        return read_sources(self.path, self.package)

    def told(self, path: Path) -> str:
        """A path as people say it: from the root."""
        return path.relative_to(self.root).as_posix()

    def place_of(self, word: str) -> str:
        """The client's file in which this word stands first; the folder when there is none."""
        return self.told(next((s.path for s in self.client if word in s.text), self.path))


def open_folder(name: str, package: str = "connectors") -> Folder:
    """Load a connector and find its folder; ConfigError, ImportError or SyntaxError when it does not load."""
    above = Path(next(iter(importlib.import_module(package).__path__)))
    return Folder(
        load_connector(name, package), load_sandbox(name, package), f"{package}.{name}", above / name, above.parent
    )
