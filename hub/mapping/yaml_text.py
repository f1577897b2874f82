"""YAML as operators write it: plain values, every one with its place in the file.

Anchors, aliases, merge keys, tags and second documents are refused. Values follow YAML 1.2: `no`, `017`, `1e3` and
`12:30:45` stay text; a number with a point is a Decimal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import yaml

from hub.domain.errors import ConfigError
from hub.domain.text import Text

MAX_BYTES, MAX_NODES, MAX_DEPTH = 256 * 1024, 5_000, 32
WHOLE = re.compile(r"-?(0|[1-9][0-9]*)")
EXACT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
"""What a database does not keep, and line ends that YAML sees but people do not."""

UNWRITTEN = "a character that is not allowed stands here, written with a backslash"
LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
HINT = Text("按提示的行和列修改文件。", "Correct the file at this line and column.")

Path = tuple[str | int, ...]
Place = tuple[int, int]


@dataclass(slots=True)
class Document:
    """A file's value and where each part of it stands. `origin` is how the file is called in messages.

    A value's place is its first character, a key's place stands under (…, key, ""). `folded` are values whose
    characters do not stand side by side: block scalars and such over several lines.
    """

    origin: str
    value: Any = None
    places: dict[Path, Place] = field(default_factory=dict)
    folded: set[Path] = field(default_factory=set)

    def refuse(self, path: Path, what: str, position: int = 0) -> ConfigError:
        """An error at a path (or its nearest parent that stands in the file), at this character of its text."""
        while path and path not in self.places:
            path = path[:-1]
        line, column = self.places.get(path, (1, 1))
        if path not in self.folded:
            column += position
        return ConfigError(f"{self.origin}:{line}:{column}: {what}", hint=HINT)


def read(text: str, origin: str) -> Document:
    """Read one YAML document. Raises ConfigError "file:line:column: what"."""
    document = Document(origin)
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise document.refuse((), f"larger than {MAX_BYTES // 1024} KB")
    if odd := UNPRINTABLE.search(text):
        raise _odd(document, text, odd)
    try:
        _check_events(text, document)
        node = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _at(document, place, error.problem or str(error)) from error
    except yaml.YAMLError as error:
        raise _at(document, (1, 1), str(error).replace("\n", " ")) from error
    document.value = _value(node, (), document) if node else None
    return document


def _odd(document: Document, text: str, odd: re.Match[str]) -> ConfigError:
    before = text[: odd.start()]
    place = (before.count("\n") + 1, odd.start() - before.rfind("\n"))
    return _at(document, place, f"the character U+{ord(odd[0]):04X} is not allowed")


def _at(document: Document, place: Place, what: str) -> ConfigError:
    document.places[()] = place
    return document.refuse((), what)


def _check_events(text: str, document: Document) -> None:
    nodes = depth = documents = 0
    for event in yaml.parse(text, Loader=LOADER):
        mark: Any = event.start_mark
        place = (mark.line + 1, mark.column + 1)
        documents += isinstance(event, yaml.DocumentStartEvent)
        nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        for wrong in _wrongs(event, nodes, depth, documents):
            raise _at(document, place, wrong)


def _wrongs(event: Any, nodes: int, depth: int, documents: int) -> Iterator[str]:
    if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
        yield "anchors and aliases are not allowed: write the value out"
    if getattr(event, "tag", None):
        yield f"tags such as {event.tag} are not allowed"
    if documents > 1:
        yield "one document a file"
    if nodes > MAX_NODES:
        yield f"more than {MAX_NODES} values"
    if depth > MAX_DEPTH:
        yield f"deeper than {MAX_DEPTH}"


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    document.places[path] = (node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    return _scalar(node, path, document)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key, value in node.value:
        place = (key.start_mark.line + 1, key.start_mark.column + 1)
        if not isinstance(key, yaml.ScalarNode) or key.value == "<<":
            raise _at(document, place, "keys are plain text; merge keys are not allowed")
        if UNPRINTABLE.search(key.value):
            raise _at(document, place, UNWRITTEN)
        if key.value in made:
            raise _at(document, place, f"{key.value!r} stands here twice")
        made[key.value] = _value(value, (*path, key.value), document)
        document.places[(*path, key.value, "")] = place
    return made


def _scalar(node: Any, path: Path, document: Document) -> Any:
    text: str = node.value
    line, column = document.places[path]
    if UNPRINTABLE.search(text):
        raise document.refuse(path, UNWRITTEN)
    if node.style in ("|", ">") or node.end_mark.line + 1 != line:
        document.folded.add(path)
    if node.style in ("'", '"'):
        document.places[path] = (line, column + 1)
    if node.style:
        return text
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text) if len(text) <= 34 else text
    return Decimal(text) if EXACT.fullmatch(text) else text
