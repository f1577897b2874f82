"""JMESPath over exact numbers: the jmespath library, with Decimal as a number, no float, and a budget."""

from collections.abc import Iterator
from decimal import Context, Decimal, DivisionByZero, Inexact, InvalidOperation, Overflow, localcontext
from typing import Any

import jmespath
from jmespath.lexer import Lexer
from jmespath.visitor import TreeInterpreter

from hub.domain.errors import Unreadable
from hub.mapping.functions import ExactFunctions
from hub.mapping.nearest import unknown
from hub.sdk.exact import Json, loads

EXACT = Context(prec=60, traps=[Inexact, InvalidOperation, DivisionByZero, Overflow])
OPTIONS = jmespath.Options(custom_functions=ExactFunctions())
BUDGET = 200_000
"""Steps of one evaluation, and values it makes; about a quarter of a second."""

MAKERS = frozenset({"function_expression", "multi_select_list", "multi_select_dict", "flatten"})


class BadExpression(ValueError):
    """It does not compile. `position`: index of the wrong character in the expression."""

    def __init__(self, what: str, position: int) -> None:
        super().__init__(what)
        self.position = position


class Unanswerable(ValueError):
    """The expression and this data do not go together: wrong types, an inexact result, or too much work."""


class Expression:
    """A compiled expression. Raises BadExpression."""

    def __init__(self, text: str) -> None:
        self.text = text
        try:
            _check_literals(text)
            self._tree: Any = jmespath.compile(text).parsed
            for node in _nodes(self._tree):
                _make_exact(node)
                _check_function(node, text)
            self.path = _path(self._tree)
        except jmespath.exceptions.JMESPathError as error:
            what = str(error).splitlines()[0].removesuffix(", for expression:").rstrip(":")
            raise BadExpression(what, getattr(error, "lex_position", 0) or 0) from error
        except RecursionError as error:
            raise BadExpression("nested too deep", 0) from error

    def search(self, data: Json) -> Json:
        """Evaluate; pure, and every number is exact. Raises Unanswerable."""
        if self.path is not None:
            for name in self.path:
                data = data.get(name) if isinstance(data, dict) else None
            return data
        try:
            with localcontext(EXACT):
                return _Interpreter(OPTIONS).visit(self._tree, data)
        except Inexact as error:
            raise Unanswerable("the result is not exact") from error
        except RecursionError as error:
            raise Unanswerable("nested too deep") from error
        except (ArithmeticError, TypeError, ValueError) as error:
            raise Unanswerable(str(error)[:200] or type(error).__name__) from error


def _path(node: Any) -> tuple[str, ...] | None:
    """The names of a plain path such as customer.name, which most fields are; None for anything else."""
    if node["type"] == "field":
        return (node["value"],)
    if node["type"] != "subexpression":
        return None
    parts = [_path(child) for child in node["children"]]
    return None if None in parts else tuple(name for part in parts if part for name in part)


class _Interpreter(TreeInterpreter):
    """Counts what it visits and what it makes, so that a small expression cannot make a huge answer."""

    def __init__(self, options: jmespath.Options) -> None:
        super().__init__(options)
        self._left = BUDGET

    def visit(self, node: Any, *args: Any, **kwargs: Any) -> Any:
        self._spend(1)
        made = super().visit(node, *args, **kwargs)
        if node["type"] in MAKERS:
            self._weigh(made)
        return made

    def _weigh(self, made: Any) -> None:
        self._spend(1 + len(made) // 16 if isinstance(made, str) else 1)
        if isinstance(made, dict | list):
            for each in made.values() if isinstance(made, dict) else made:
                self._weigh(each)

    def _spend(self, steps: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise Unanswerable(f"more than {BUDGET} steps")


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in node["children"]:
        if isinstance(child, dict):
            yield from _nodes(child)


def _make_exact(node: Any) -> None:
    """A literal's floats become the Decimals they were written as (the library reads literals with json)."""
    if node["type"] == "literal":
        node["value"] = _exact(node["value"])


def _exact(value: Json) -> Json:
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
        try:
            same = loads(text[token["start"] + 1 :].split("`")[0]) == _exact(token["value"])
        except Unreadable:
            same = False
        if not same:
            raise BadExpression("a literal that cannot be kept exactly", token["start"])


def _check_function(node: Any, text: str) -> None:
    if node["type"] != "function_expression":
        return
    name, table = node["value"], ExactFunctions.FUNCTION_TABLE
    position = max(text.find(f"{name}("), 0)
    if name not in table:
        raise BadExpression(f"function: {unknown(name, table)}", position)
    given, wanted = len(node["children"]), table[name]["signature"]
    more = bool(wanted) and wanted[-1].get("variadic")
    if given < len(wanted) or (given > len(wanted) and not more):
        raise BadExpression(f"{name}() takes {len(wanted)} values, not {given}", position)
