"""Python source while it is written, and the functions it becomes.

Text from a file comes into the source as a string literal (`quoted`) or as a kept value, and in no other way.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from operator import itemgetter
from types import FunctionType
from typing import Any

quoted = ascii
"""A text as a literal: plain ASCII, with quotes, backslashes, NUL and surrogates escaped."""


class Source:
    """Functions that call each other, and the values they use by name."""

    def __init__(self, **names: Any) -> None:
        self._names: dict[str, Any] = names
        self._finished: list[str] = []
        self._count = 0

    def fresh(self, letter: str) -> str:
        """A name that nothing has yet."""
        self._count += 1
        return f"{letter}{self._count}"

    def keep(self, value: Any) -> str:
        """The name under which the code finds this value."""
        name = self.fresh("k")
        self._names[name] = value
        return name

    def finish(self, body: "Body", result: str) -> None:
        """End a function."""
        body.line(f"return {result}")
        self._finished += body.lines

    @property
    def text(self) -> str:
        """All functions that are finished."""
        return "\n".join(self._finished)

    def build(self, name: str) -> Callable[..., Any]:
        """Compile; the function of this name."""
        code = compile(self.text, "<mapping>", "exec", dont_inherit=True)
        FunctionType(code, self._names)()
        made: Callable[..., Any] = self._names[name]
        return made


class Body:
    """A function's lines. `depth`: how far its blocks are nested, for Python allows only some twenty.

    `known`: the variable that has what stands at a name of another variable, for what was read ahead.
    """

    def __init__(self, name: str, arguments: str) -> None:
        self.lines = [f"def {name}({arguments}):"]
        self.depth = 1
        self.known: dict[tuple[str, str], str] = {}

    def line(self, text: str) -> None:
        """Add a statement."""
        self.lines.append(" " * self.depth + text)

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """A statement with a block, such as "if x:"."""
        self.line(head)
        self.depth += 1
        yield
        self.depth -= 1


def read_ahead(source: Source, body: Body, value: str, paths: Mapping[Sequence[str], bool]) -> None:
    """Statements that read these paths of a variable, each name on the way once; True: it is expected to be there.

    What is expected is read in one go; when any is missing, each is read with care.
    """
    inner: dict[str, dict[Sequence[str], bool]] = {}
    sure: dict[str, bool] = {}
    for path, expected in paths.items():
        if path:
            inner.setdefault(path[0], {})[path[1:]] = expected
            sure[path[0]] = sure.get(path[0], False) or expected
    if not inner:
        return
    for name in inner:
        body.known[value, name] = source.fresh("t")
    together = [name for name in inner if sure[name]]
    with body.block("try:"):
        if together:
            made = ", ".join(body.known[value, name] for name in together)
            body.line(f"{made} = {source.keep(itemgetter(*together))}({value})")
        for name in inner:
            if not sure[name]:
                body.line(f"{body.known[value, name]} = {value}.get({quoted(name)})")
    with body.block("except MISSING:"):
        made = ", ".join(body.known[value, name] for name in inner)
        body.line(f"{made}, = each_inside({value}, {source.keep(tuple(inner))})")
    for name, rest in inner.items():
        read_ahead(source, body, body.known[value, name], rest)
