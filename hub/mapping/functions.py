"""The functions of our expressions: JMESPath's own, exact, and two of ours: `money(x)` and `text(x)`."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from jmespath import functions
from jmespath.functions import signature

from hub.mapping.amounts import Number, money, plain, read_number
from hub.sdk.exact import Json, dumps


class ExactFunctions(functions.Functions):
    """The library's functions; a Decimal is a number, and none of them makes a float."""

    def _convert_to_jmespath_type(self, pyobject: str) -> str:
        return "number" if pyobject == "Decimal" else str(functions.TYPES_MAP.get(pyobject, "unknown"))

    def _get_allowed_pytypes(self, types: list[str]) -> tuple[list[str], list[list[str]]]:
        """The library's table of Python types, where a Decimal is allowed wherever a float is."""
        parts = [text.split("-", 1) for text in types]
        allowed = [name for part in parts for name in _python_types(part[0])]
        return allowed, [_python_types(part[1]) for part in parts if len(part) == 2]

    @signature({"types": ["number", "string"]})
    def _func_money(self, given: Json) -> str:
        """Yuan as text with two decimals; a part of a fen is refused."""
        return money(given)

    @signature({"types": ["number", "string"]})
    def _func_text(self, given: Json) -> str:
        """The text, or the number's digits; nothing (null) is refused, where to_string writes "null"."""
        return given if isinstance(given, str) else plain(given)

    @signature({"types": []})
    def _func_to_string(self, given: Json) -> str:
        return given if isinstance(given, str) else dumps(given)

    @signature({"types": []})
    def _func_to_number(self, given: Json) -> Json:
        if isinstance(given, str):
            return read_number(given)
        return given if isinstance(given, int | Decimal) and not isinstance(given, bool) else None

    @signature({"types": ["array-number"]})
    def _func_avg(self, numbers: list[Number]) -> Json:
        return sum(numbers, Decimal(0)) / len(numbers) if numbers else None

    @signature({"types": ["number"]})
    def _func_ceil(self, number: Number) -> Json:
        return int(Decimal(plain(number)).to_integral_value(ROUND_CEILING))

    @signature({"types": ["number"]})
    def _func_floor(self, number: Number) -> Json:
        return int(Decimal(plain(number)).to_integral_value(ROUND_FLOOR))


def _python_types(name: str) -> list[str]:
    return [*functions.REVERSE_TYPES_MAP[name], *(["Decimal"] if name == "number" else [])]
