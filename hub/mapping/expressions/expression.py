"""JMESPath over exact numbers, compiled: parsed by the jmespath library, run as Python code, within a budget."""

import re
from decimal import Decimal, Inexact
from functools import cached_property
from typing import Any

import jmespath
from jmespath import ast
from jmespath.lexer import Lexer

from hub.domain.errors import Unreadable
from hub.domain.text import Text
from hub.mapping.expressions.budget import Unanswerable
from hub.mapping.expressions.compiler import LONGEST, NAMES, Compiler
from hub.mapping.expressions.functions import ExactFunctions, most_values
from hub.mapping.expressions.source import Body, Source
from hub.mapping.files.nearest import unknown
from hub.sdk.exact import Json, loads

__all__ = ["BadExpression", "Expression", "Unanswerable", "WRONG", "unanswerable"]

PATH = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
"""What most expressions are; they need no parser."""

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?")
WIDE = dict(zip("（），：．［］｛｝‘’“”？＝＞＜｜＆", "(),:.[]{}''\"\"?=><|&", strict=True))
"""Signs that a Chinese keyboard writes, and what expressions take."""

MAX_CHARACTERS, MAX_DEPTH = 20_000, 150
WRONG = (ArithmeticError, TypeError, ValueError, RecursionError)
"""What an expression raises when it cannot answer."""


class BadExpression(ValueError):
    """It does not compile. `position`: index of the wrong character in the expression."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(what)
        self.position = position


class Expression:
    """A checked expression; it is compiled when it is first used. Raises BadExpression."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            self.tree = _tree(text)
        except BadExpression:
            raise
        except jmespath.exceptions.JMESPathError as error:
            what = str(error).splitlines()[0].removesuffix(", for expression:").rstrip(":")
            position = getattr(error, "lex_position", 0) or 0
            raise BadExpression(f"{what}{_advice(text, position)}", position) from error
        except RecursionError as error:
            raise BadExpression("nested too deep", 0) from error
        except ValueError as error:
            raise BadExpression(str(error), 0) from error

    def search(self, data: Json) -> Json:
        """Evaluate; pure, and every number is exact. Raises Unanswerable."""
        try:
            return self._run(data)
        except WRONG as error:
            raise unanswerable(error) from error

    def source(self) -> Source:
        """The Python code, as the function `search`."""
        source, body = Source(**NAMES), Body("search", "data, b=None")
        source.finish(body, Compiler(source, body).whole(self.tree, "data"))
        return source

    @cached_property
    def _run(self) -> Any:
        return self.source().build("search")


def unanswerable(error: Exception) -> Unanswerable:
    """What one of WRONG means to people."""
    if isinstance(error, Unanswerable):
        return error
    if isinstance(error, Inexact):
        return Unanswerable("the result is not exact")
    if isinstance(error, RecursionError):
        return Unanswerable("nested too deep")
    return Unanswerable(str(error)[:200] or type(error).__name__)


def _advice(text: str, position: int) -> str:
    """What to write instead of what stands here, where that is plain."""
    if wide := WIDE.get(text[position : position + 1]):
        return f"；{Text(f'换成半角 {wide}', f'use the half-width one: {wide}')}"
    if number := NUMBER.match(text, position):
        return f"；{Text(f'数字写成 `{number[0]}`（反引号）', f'write numbers as `{number[0]}`')}"
    return ""


def path_of(text: str) -> tuple[str, ...]:
    """The names of an expression that is only a path, if it is not too long to be read ahead; else ()."""
    names = tuple(text.split(".")) if PATH.fullmatch(text) else ()
    return names if len(names) <= LONGEST else ()


def _tree(text: str) -> Any:
    if len(text) > MAX_CHARACTERS:
        raise BadExpression(f"longer than {MAX_CHARACTERS} characters", MAX_CHARACTERS)
    if PATH.fullmatch(text):
        return ast.subexpression([ast.field(name) for name in text.split(".")])
    if "`" in text:
        _check_literals(text)
    return _checked(jmespath.compile(text).parsed, text)


def _checked(node: Any, text: str, depth: int = 0) -> Any:
    """A copy of the tree (the library keeps its own for the next who asks) with exact literals."""
    if depth > MAX_DEPTH:
        raise BadExpression("nested too deep", 0)
    made = dict(node)
    if node["type"] == "literal":
        made["value"] = _exact(node["value"])
    elif node["type"] == "function_expression":
        _check_function(node, text)
    inner = node["children"]
    made["children"] = [_checked(each, text, depth + 1) if isinstance(each, dict) else each for each in inner]
    return made


def _exact(value: Json) -> Json:
    """A literal's floats become the Decimals they were written as (the library reads literals with json)."""
    if isinstance(value, float):
        return Decimal(repr(value))
    if isinstance(value, list):
        return [_exact(item) for item in value]
    return {key: _exact(item) for key, item in value.items()} if isinstance(value, dict) else value


def _check_literals(text: str) -> None:
    """Refuse a literal with more digits than the library keeps."""
    token: Any
    for token in Lexer().tokenize(text):
        if token["type"] != "literal" or not isinstance(token["value"], float | list | dict):
            continue
        written = text[token["start"] + 1 : token["start"] + token["end"]].removesuffix("`").replace("\\`", "`")
        try:
            same = loads(written) == _exact(token["value"])
        except Unreadable:
            same = False
        if not same:
            raise BadExpression("a literal that cannot be kept exactly", token["start"])


def _check_function(node: Any, text: str) -> None:
    name, table = node["value"], ExactFunctions.FUNCTION_TABLE
    position = max(text.find(f"{name}("), 0)
    if name not in table:
        raise BadExpression(f"function: {unknown(name, table)}", position)
    given, least, most = len(node["children"]), len(table[name]["signature"]), most_values(table[name])
    if given < least or (most is not None and given > most):
        many = least if most in (least, None) else f"{least} to {most}"
        raise BadExpression(f"{name}() takes {many} values, not {given}", position)
