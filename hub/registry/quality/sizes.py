"""How large a connector is, and what it leans on."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass

from hub.registry.quality.apart import ROOMS
from hub.registry.quality.folder import Folder, Source


@dataclass(frozen=True, slots=True)
class Size:
    """Lines of client, sandbox and fixtures; libraries of either side; names of hub.sdk the client uses."""

    connector: str
    client: int
    sandbox: int
    fixtures: int
    libraries: tuple[str, ...]
    sandbox_libraries: tuple[str, ...]
    sdk: tuple[str, ...]


def measure(folder: Folder) -> Size:
    """Count; blank lines and comments count as lines."""
    fixtures = (folder.path / "fixtures").rglob("*.json")
    return Size(
        folder.connector.id,
        _lines(source.text for source in folder.client),
        _lines(source.text for source in folder.sandbox),
        _lines(path.read_text("utf-8") for path in fixtures),
        _libraries(folder.client),
        _libraries(folder.sandbox),
        tuple(sorted({name for source in folder.client for name in source.sdk_names()})),
    )


def _lines(texts: Iterable[str]) -> int:
    return sum(len(text.splitlines()) for text in texts)


def _libraries(sources: list[Source]) -> tuple[str, ...]:
    roots = {name.partition(".")[0] for source in sources for name in source.imports()}
    return tuple(sorted(roots - sys.stdlib_module_names - set(ROOMS)))
