"""FilterString, OrderString: a small reader of Kingdee's SQL-like text into functions over rows."""

import re
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from connectors.kingdee.sandbox.books import CHINA, Refused

Getter = Callable[[Any], Any]
Test = Callable[[Any], bool]
Resolve = Callable[[str], Getter]

_TOKEN = re.compile(r"\s*(?:('(?:[^']|'')*')|(-?\d+(?:\.\d+)?)|([A-Za-z_][\w.]*)|(<>|!=|>=|<=|[=<>(),]))")
COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: bool(a == b),
    "<>": lambda a, b: bool(a != b),
    "!=": lambda a, b: bool(a != b),
    ">=": lambda a, b: bool(a >= b),
    "<=": lambda a, b: bool(a <= b),
    ">": lambda a, b: bool(a > b),
    "<": lambda a, b: bool(a < b),
}


def tokens(text: str) -> list[str]:
    """Split a filter; texts keep their quotes. Refused names where it stops making sense."""
    made, at = [], 0
    while text[at:].strip():
        found = _TOKEN.match(text, at)
        if not found:
            raise Refused(8, f"过滤条件“{text[at : at + 20]}”附近有语法错误", "FilterString")
        made.append(found.group().strip())
        at = found.end()
    return made


class Filter:
    """A recursive-descent reader: or < and < not < (…) | field comparison."""

    def __init__(self, text: str, resolve: Resolve) -> None:
        self._tokens = tokens(text)
        self._at = 0
        self._resolve = resolve

    def read(self) -> Test:
        """The whole filter as one test; an empty filter lets everything through."""
        if not self._tokens:
            return lambda _row: True
        test = self._either()
        if self._at < len(self._tokens):
            self._fail()
        return test

    def _either(self) -> Test:
        tests = [self._both()]
        while self._take("or"):
            tests.append(self._both())
        return tests[0] if len(tests) == 1 else lambda row: any(test(row) for test in tests)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._take("and"):
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda row: all(test(row) for test in tests)

    def _single(self) -> Test:
        if self._take("not"):
            inner = self._single()
            return lambda row: not inner(row)
        if self._take("("):
            test = self._either()
            self._need(")")
            return test
        return self._comparison()

    def _comparison(self) -> Test:
        get = self._operand()
        negative = self._take("not")
        if self._take("in"):
            test = self._among(get)
        elif self._take("like"):
            test = _like(get, str(self._literal()))
        elif self._take("is"):
            negative = self._take("not")
            self._need("null")
            return lambda row: (get(row) is not None) == negative
        else:
            return _compare(get, self._operator(), self._literal())
        return (lambda row: not test(row)) if negative else test

    def _among(self, get: Getter) -> Test:
        self._need("(")
        tests = [_compare(get, "=", self._literal())]
        while self._take(","):
            tests.append(_compare(get, "=", self._literal()))
        self._need(")")
        return lambda row: any(test(row) for test in tests)

    def _operand(self) -> Getter:
        token = self._next()
        if token[0] in "'-0123456789":  # such as 1=1
            value = _literal(token)
            return lambda _row: value
        return self._resolve(token)

    def _operator(self) -> str:
        token = self._next()
        if token not in COMPARE:
            self._fail()
        return token

    def _literal(self) -> Any:
        token = self._next()
        if token[0] not in "'-0123456789":
            self._fail()
        return _literal(token)

    def _next(self) -> str:
        if self._at >= len(self._tokens):
            self._fail()
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at].lower() == word:
            self._at += 1
            return True
        return False

    def _need(self, word: str) -> None:
        if not self._take(word):
            self._fail()

    def _fail(self) -> None:
        near = " ".join(self._tokens[self._at : self._at + 3]) or "末尾"
        raise Refused(8, f"过滤条件“{near}”附近有语法错误", "FilterString")


def _literal(token: str) -> Any:
    return token[1:-1].replace("''", "'") if token[0] == "'" else Decimal(token)


def _like(get: Getter, pattern: str) -> Test:
    expression = "".join(".*" if c == "%" else "." if c == "_" else re.escape(c) for c in pattern)
    matcher = re.compile(expression, re.IGNORECASE | re.DOTALL)
    return lambda row: matcher.fullmatch(str(get(row) or "")) is not None


def _compare(get: Getter, operator: str, literal: Any) -> Test:
    """Compare as the field's own kind; nothing compares with null."""
    compare = COMPARE[operator]
    as_moment, as_number = _moment(literal), _number(literal)

    def test(row: Any) -> bool:
        value = get(row)
        if value is None:
            return False
        if isinstance(value, datetime):
            return as_moment is not None and compare(value, as_moment)
        if isinstance(value, bool):
            return compare("1" if value else "0", str(literal))
        if isinstance(value, int | Decimal):
            return as_number is not None and compare(value, as_number)
        return compare(str(value), str(literal))

    return test


def _moment(literal: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(literal)).replace(tzinfo=CHINA)
    except ValueError:
        return None


def _number(literal: Any) -> Decimal | None:
    try:
        return Decimal(str(literal))
    except ArithmeticError:
        return None
