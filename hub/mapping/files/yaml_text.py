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
WHOLE = re.compile(r"0|-?[1-9][0-9]*")
EXACT = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff]")
"""What a database does not keep, and line ends that YAML sees but people do not."""

UNWRITTEN = Text(
    "这里有用反斜杠写的、不允许的字符：删掉", "a character that is not allowed, with a backslash: delete it"
)
TWO_DOCUMENTS = Text(
    "一个文件只写一份：另一份放进自己的文件", "one document a file: put the other into a file of its own"
)
ALIASES = Text("锚点和别名不允许，把值写出来", "anchors and aliases are not allowed: write the value out")
QUOTE = Text("给这段文本加引号", "put quotes around it")
PLAIN_KEYS = Text(
    "键是普通文本，合并键不允许；含逗号、引号或括号的表达式整个加双引号",
    "keys are plain text, without merge keys: write the keys out, and quote a whole expression that has a comma",
)
ADVICE = {
    "tab character": Text("用空格缩进", "indent with spaces"),
    "mapping values": Text("文本里有“: ”，加引号", 'put quotes around text that has ": " in it'),
    "cannot start any token": Text(
        "这样开头的文本加引号，用空格缩进", "put quotes around text that begins so, and indent with spaces"
    ),
    "',' or": Text(
        "列表用 ]、对象用 } 结束，之间用逗号；含逗号、引号或括号的表达式整个加双引号",
        "close the list with ], the object with }, put commas between; quote a whole expression that has such signs",
    ),
    "end of stream": Text("引号没有结束", "close the quotes"),
    "escape c": Text("反斜杠写成 \\\\，或用单引号", "write \\\\ for a backslash, or use single quotes"),
    "block sequence entries": Text("列表另起一行", "begin the list on a line of its own"),
    "expected key": Text("同一对象的键缩进要相同", "give the keys of one object the same indentation"),
    "'-' indicator": Text(
        "同一列表的各项缩进要相同，旁边不写键",
        "give the items of one list the same indentation, and no keys beside them",
    ),
    "node content": QUOTE,
    "comment or line break": QUOTE,
    "document start": TWO_DOCUMENTS,
    "tag handle": Text("只写值，文本加引号", "write the value alone, text in quotes"),
    "alphabetic or numeric": QUOTE,
    "nesting depth": Text("嵌套太深", "nest less"),
    "digit or": Text("去掉 %YAML 一行", "leave the %YAML line out"),
    "incompatible YAML": Text("去掉 %YAML 一行", "leave the %YAML line out"),
}
"""What the parser says, and what to write instead."""

LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
STARTS = frozenset({yaml.MappingStartEvent, yaml.SequenceStartEvent})
ENDS = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
VALUES = STARTS | {yaml.ScalarEvent}
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

    def part(self, name: str) -> "Document":
        """The part of this name as a document, with every place in the whole file."""
        own = {path[1:]: place for path, place in self.places.items() if path[:1] == (name,) and path != (name, "")}
        folded = {path[1:] for path in self.folded if path[:1] == (name,)}
        return Document(self.origin, self.value[name], own, folded)


def read(text: str, origin: str) -> Document:
    """Read one YAML document. Raises ConfigError "file:line:column: what"."""
    document = Document(origin)
    if len(text) > MAX_BYTES or len(text.encode("utf-8", "replace")) > MAX_BYTES:
        raise document.refuse((), str(_many(f"{MAX_BYTES // 1024} KB")))
    if odd := UNPRINTABLE.search(text):
        raise _odd(document, text, odd)
    try:
        events = _checked(text, document)
        event = next(events, None)
        document.value = _value(event, events, (), document) if event else None
        next(events, None)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        raise _at(document, place, _advised(error.problem or str(error))) from error
    except yaml.YAMLError as error:
        raise _at(document, (1, 1), _advised(str(error).replace("\n", " "))) from error
    return document


def _advised(problem: str) -> str:
    """What the parser says, and what to write instead."""
    found = next((advice for said, advice in ADVICE.items() if said in problem), None)
    return f"{found.zh} / {problem}: {found.en}" if found else problem


def _many(most: str) -> Text:
    return Text(f"超过 {most}：分成几个文件", f"more than {most}: split the file")


def _odd(document: Document, text: str, odd: re.Match[str]) -> ConfigError:
    before = text[: odd.start()]
    place = (before.count("\n") + 1, odd.start() - before.rfind("\n"))
    return _at(document, place, f"不允许的字符，删掉 / the character U+{ord(odd[0]):04X} is not allowed: delete it")


def _at(document: Document, place: Place, what: str) -> ConfigError:
    document.places[()] = place
    return document.refuse((), what)


def _checked(text: str, document: Document) -> Iterator[Any]:
    """The events of values, and the ends of lists and mappings, each checked before it is given."""
    nodes = depth = documents = 0
    event: Any
    for event in yaml.parse(text, Loader=LOADER):
        kind = type(event)
        if kind in STARTS:
            depth += 1
        elif kind in ENDS:
            depth -= 1
        elif kind is yaml.DocumentStartEvent:
            documents += 1
        nodes += kind in VALUES
        if nodes > MAX_NODES or depth > MAX_DEPTH or documents > 1:
            raise _at(document, _place(event), _too_much(nodes, depth))
        if kind is yaml.AliasEvent or (kind in VALUES and event.anchor):
            raise _at(document, _place(event), str(ALIASES))
        if kind in VALUES and event.tag:
            raise _at(
                document,
                _place(event),
                f"不用 {event.tag}，只写值，文本加引号 / tags are not allowed: write the value alone, text in quotes",
            )
        if kind in VALUES or kind in ENDS:
            yield event


def _too_much(nodes: int, depth: int) -> str:
    if nodes > MAX_NODES:
        return str(_many(f"{MAX_NODES} 个值 values"))
    deep = Text(f"嵌套超过 {MAX_DEPTH} 层", f"deeper than {MAX_DEPTH}: nest less")
    return str(deep if depth > MAX_DEPTH else TWO_DOCUMENTS)


def _value(event: Any, events: Iterator[Any], path: Path, document: Document) -> Any:
    """The value that begins with this event; takes its other events."""
    document.places[path] = _place(event)
    if isinstance(event, yaml.MappingStartEvent):
        return _mapping(events, path, document)
    if isinstance(event, yaml.SequenceStartEvent):
        return _list(events, path, document)
    return _scalar(event, path, document)


def _mapping(events: Iterator[Any], path: Path, document: Document) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for key in events:
        if isinstance(key, yaml.MappingEndEvent):
            break
        place = _place(key)
        if not isinstance(key, yaml.ScalarEvent) or key.value == "<<":
            raise _at(document, place, str(PLAIN_KEYS))
        if UNPRINTABLE.search(key.value):
            raise _at(document, place, str(UNWRITTEN))
        if key.value in made:
            raise _at(document, place, f"{key.value!r} 写了两次，留一个 / stands here twice: keep one")
        made[key.value] = _value(next(events), events, (*path, key.value), document)
        document.places[(*path, key.value, "")] = place
    return made


def _list(events: Iterator[Any], path: Path, document: Document) -> list[Any]:
    made: list[Any] = []
    for event in events:
        if isinstance(event, yaml.SequenceEndEvent):
            break
        made.append(_value(event, events, (*path, len(made)), document))
    return made


def _place(event: Any) -> Place:
    return event.start_mark.line + 1, event.start_mark.column + 1


def _scalar(event: Any, path: Path, document: Document) -> Any:
    text: str = event.value
    line, column = document.places[path]
    if UNPRINTABLE.search(text):
        raise document.refuse(path, str(UNWRITTEN))
    if event.style in ("|", ">") or event.end_mark.line + 1 != line:
        document.folded.add(path)
    if event.style in ("'", '"'):
        document.places[path] = (line, column + 1)
    if event.style:
        return text
    if text in WORDS:
        return WORDS[text]
    if WHOLE.fullmatch(text):
        return int(text) if len(text) <= 34 else text
    return Decimal(text) if EXACT.fullmatch(text) else text
