"""What is found wrong in a file before it runs, each with its place."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.mapping.checks.infer import infer, position
from hub.mapping.checks.types import Type, said, spoken
from hub.mapping.expressions.expression import Expression
from hub.mapping.files.yaml_text import Document, Path

IDS = frozenset({"text", "integer"})
NAMELESS = Text("可能取不到编号，那时这个事件排不了", "may come to nothing, and then the event cannot be planned")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, with its place. `certain`: it never goes well; else it may go wrong with some data."""

    words: str
    certain: bool
    error: ConfigError

    def __str__(self) -> str:
        """file:line:column: what, as people read it."""
        return self.error.message


Tell = Callable[[Finding], None]


def certain(error: ConfigError) -> Finding:
    """An error as a finding."""
    return Finding(error.message, True, error)


def refuse(finding: Finding) -> None:
    """Raise what can never go well, as loading does; the rest may pass."""
    if finding.certain:
        raise finding.error


@dataclass(slots=True)
class Findings:
    """Those of one document, in the order they were made. `called`: what a part of it is called, by its path."""

    document: Document
    called: Callable[[Path], str]
    found: list[Finding] = field(default_factory=list)

    def infer(self, expression: Expression, here: Type, path: Path) -> Type:
        """The type of an expression's answer, asked of `here`; what is wrong in it is told."""

        def report(what: Text, node: Any, always: bool) -> None:
            self.tell(what, always, path, expression, node)

        return infer(expression.tree, here, report)

    def decide(self, expression: Expression, here: Type, path: Path) -> None:
        """The same of a condition, which should not come out the same whatever the data is."""
        made = self.infer(expression, here, path)
        if made.anything or not made.sure:
            return
        if made.kinds == {"null"}:
            self.tell(Text("这个条件永远不成立：取不到值", "this is never true: it comes to nothing"), False, path)
        elif not made.maybe and "boolean" not in made.kinds:
            words = said(made)
            zh, en = (
                f"这个条件总是成立：{words.zh}从不为空，0 也算成立",
                f"this is always true: {words.en} is never nothing",
            )
            self.tell(Text(zh, f"{en}, and 0 is true"), False, path)

    def identify(self, expression: Expression, here: Type, path: Path, needed: bool) -> None:
        """The same of an expression that gives an id; `needed`: it must not come to nothing."""
        made = self.infer(expression, here, path)
        if made.anything:
            return
        if odd := made.kinds - IDS - {"null"}:
            always = made.sure and not made.kinds & IDS
            words = said(made) if always else spoken(odd)
            zh = f"编号是文本或整数，这里{'是' if always else '可能是'}{words.zh}"
            en = f"an id is text or integer, and this {'is' if always else 'may be'} {words.en}"
            self.tell(Text(zh, en), always, path, expression, made.node)
        elif needed and made.sure and "null" in made.kinds:
            self.tell(NAMELESS, made.kinds == {"null"}, path, expression, made.node)

    def tell(
        self, what: Text, always: bool, path: Path, expression: Expression | None = None, node: Any = None
    ) -> None:
        """Add one, at a part of the document, and there at the part of the expression that `node` is.

        `always`: it never goes well.
        """
        at = 0 if expression is None or node is None else position(expression.text, expression.tree, node)
        words = f"{self.called(path)}: {what}"
        self.found.append(Finding(words, always, self.document.refuse(path, words, at)))
