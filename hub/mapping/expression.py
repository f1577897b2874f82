"""JMESPath over exact numbers: the jmespath library, with Decimal as a number and no float anywhere."""

from decimal import Decimal
from typing import Any

import jmespath
from jmespath import functions

from hub.sdk.exact import Json, dumps


class _Exact(functions.Functions):
    """The library's functions; those that would make a float answer a Decimal."""

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        return "number" if pyobject == "Decimal" else str(functions.TYPES_MAP.get(pyobject, "unknown"))

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[list[str]]]:
        """The library's table of Python types, where a Decimal is allowed wherever a float is."""
        parts = [text.split("-", 1) for text in types]
        plain = [name for part in parts for name in _python_types(part[0])]
        return plain, [_python_types(part[1]) for part in parts if len(part) == 2]

    @functions.signature({"types": []})
    def _func_to_string(self, given: Json) -> str:
        return given if isinstance(given, str) else dumps(given)

    @functions.signature({"types": []})
    def _func_to_number(self, given: Json) -> Json:
        if isinstance(given, str):
            try:
                number = Decimal(given)
            except ArithmeticError:
                return None
            return number if number.is_finite() else None
        return given if isinstance(given, int | Decimal) and not isinstance(given, bool) else None

    @functions.signature({"types": ["array-number"]})
    def _func_avg(self, numbers: list[Decimal | int]) -> Json:
        return sum(numbers, Decimal(0)) / len(numbers) if numbers else None


def _python_types(name: str) -> list[str]:
    return [*functions.REVERSE_TYPES_MAP[name], *(["Decimal"] if name == "number" else [])]


OPTIONS = jmespath.Options(custom_functions=_Exact())


class Expression:
    """A compiled expression. Raises jmespath's errors: ValueError with `lex_position` for bad syntax."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._parsed = jmespath.compile(text)
        _make_exact(self._parsed.parsed)

    def search(self, data: Json) -> Json:
        """Evaluate; pure. Raises jmespath.exceptions.JMESPathError."""
        return self._parsed.search(data, options=OPTIONS)


def _make_exact(node: Any) -> None:
    """Turn the float literals of a parsed expression into the Decimals they were written as."""
    if isinstance(node, list):
        for each in node:
            _make_exact(each)
    elif isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, float):
                node[key] = Decimal(repr(value))
            else:
                _make_exact(value)
