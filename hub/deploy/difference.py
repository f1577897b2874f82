"""What differs between what runs and what shall run, in lines a person reads. Pure; no line ever holds a secret."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from difflib import unified_diff
from typing import Literal

from pydantic import BaseModel, SecretStr

from hub.deploy.environment import Wanted
from hub.flows import Files
from hub.registry import Connection

Kind = Literal["added", "changed", "removed"]
SEEN = str.maketrans({"\r": "␍", "\ufeff": "␂"})
"""Line ends and byte order marks, which would not be seen."""

UNDECLARED = "不再声明；连接本身保留 / no longer declared; the connection itself stays"


@dataclass(frozen=True, slots=True)
class Change:
    """One file or connection that differs."""

    what: Literal["file", "connection"]
    name: str
    kind: Kind
    lines: tuple[str, ...]


def file_changes(running: Files, wanted: Files) -> Iterator[Change]:
    """Every file that differs in a byte, by path, with its unified difference."""
    for path in sorted(running.keys() | wanted.keys()):
        was, becomes = running.get(path), wanted.get(path)
        if was != becomes:
            yield Change("file", path, _kind(was, becomes), tuple(_unified(path, was or "", becomes or "")))


def connection_change(current: Connection | None, wanted: Wanted) -> Change | None:
    """What is new about a connection, field by field; None when it is as it shall be."""
    lines = tuple(_fields(current, wanted))
    return Change("connection", ".".join(wanted.place), "changed" if current else "added", lines) if lines else None


def undeclared(places: Iterable[tuple[str, str]]) -> Iterator[Change]:
    """Connections that were declared and are no longer."""
    return (Change("connection", ".".join(place), "removed", (UNDECLARED,)) for place in sorted(places))


def _kind(was: str | None, becomes: str | None) -> Kind:
    return "added" if was is None else "removed" if becomes is None else "changed"


def _unified(path: str, was: str, becomes: str) -> Iterable[str]:
    """With `split`, not `splitlines`, so that the end of the last line counts as well."""
    before, after = (text.translate(SEEN).split("\n") if text else [] for text in (was, becomes))
    return unified_diff(before, after, f"running/{path}", path, lineterm="")


def _fields(current: Connection | None, wanted: Wanted) -> Iterator[str]:
    was = current.config if current and current.connector.id == wanted.connector else None
    if was is None:
        yield f"connector: {current.connector.id if current else '—'} → {wanted.connector}"
    for name in type(wanted.config).model_fields:
        value = getattr(wanted.config, name)
        if was is not None and getattr(was, name) == value:
            continue
        if name in wanted.references:
            yield f"{name}: {'有变化 / changed' if was is not None else '设置 / set'} ({wanted.references[name]})"
        elif not isinstance(value, SecretStr):
            yield f"{name}: {_shown(was, name)} → {_shown(wanted.config, name)}"
        elif was is not None:
            yield f"{name}: 清空 / cleared"


def _shown(config: BaseModel | None, name: str) -> str:
    return "—" if config is None else json.dumps(config.model_dump(mode="json")[name], ensure_ascii=False)
