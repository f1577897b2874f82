"""The functions of our expressions: JMESPath's own, exact, `money(x)` and `text(x)`, and those of `trade`."""

from collections.abc import Callable
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal, localcontext
from typing import Any

from jmespath import functions
from jmespath.functions import signature

from hub.mapping.expressions.amounts import Number, money, plain, read_number
from hub.mapping.expressions.budget import LIGHT, Budget, Reference
from hub.mapping.expressions.trade import FUNCTIONS, Function
from hub.mapping.expressions.trade.numbers import EXACT
from hub.sdk.exact import Json, dumps

TYPES: dict[str, set[type]] = {
    "number": {int, Decimal},
    "string": {str},
    "array": {list},
    "object": {dict},
    "expref": {Reference},
}


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
    def _func_type(self, given: Json) -> Json:
        name = self._convert_to_jmespath_type(type(given).__name__)
        return None if name == "expref" else name

    @signature({"types": []})
    def _func_to_string(self, given: Json) -> str:
        return given if isinstance(given, str) else dumps(given)

    @signature({"types": []})
    def _func_to_number(self, given: Json) -> Json:
        if isinstance(given, str):
            return read_number(given)
        return given if isinstance(given, int | Decimal) and not isinstance(given, bool) else None

    @signature({"types": ["number"]})
    def _func_abs(self, number: Number) -> Json:
        with localcontext(EXACT):
            return abs(number)

    @signature({"types": ["array-number"]})
    def _func_sum(self, numbers: list[Number]) -> Json:
        with localcontext(EXACT):
            return sum(numbers)

    @signature({"types": ["array-number"]})
    def _func_avg(self, numbers: list[Number]) -> Json:
        with localcontext(EXACT):
            return sum(numbers, Decimal(0)) / len(numbers) if numbers else None

    @signature({"types": ["number"]})
    def _func_ceil(self, number: Number) -> Json:
        return int(Decimal(plain(number)).to_integral_value(ROUND_CEILING))

    @signature({"types": ["number"]})
    def _func_floor(self, number: Number) -> Json:
        return int(Decimal(plain(number)).to_integral_value(ROUND_FLOOR))


SCALARS = frozenset(
    {
        *("abs", "avg", "ceil", "contains", "ends_with", "floor", "join", "length"),
        *("money", "starts_with", "sum", "text", "to_number", "to_string", "type"),
    }
)
"""Those of them whose answer is never a list or an object."""


def _spec(offered: Function) -> dict[str, Any]:
    """A function of ours in the library's table; it looks at the types of its values itself."""
    signature: list[dict[str, Any]] = [{"types": []} for _ in range(offered.least)]
    if offered.most != offered.least:
        signature[-1]["variadic"] = True
    return {"function": lambda _, *given: offered(*given), "signature": signature, "most": offered.most}


ExactFunctions.FUNCTION_TABLE.update({name: _spec(offered) for name, offered in FUNCTIONS.items()})


def most_values(spec: Any) -> int | None:
    """How many values a function of the table takes at most; None without a limit."""
    signature = spec["signature"]
    return spec.get("most") if signature and signature[-1].get("variadic") else len(signature)


def _python_types(name: str) -> list[str]:
    return [*functions.REVERSE_TYPES_MAP[name], *(["Decimal"] if name == "number" else [])]


def _pay_outermost(budget: Budget, *given: Json) -> None:
    for value in given:
        if isinstance(value, dict | list):
            budget.spend(len(value))
        elif isinstance(value, str):
            budget.spend(len(value) // 16)


def _pay_all(budget: Budget, *given: Json) -> None:
    for value in given:
        if value.__class__ not in LIGHT:
            budget.weigh(value)


OUTERMOST = ("keys", "length", "map", "merge", "not_null", "reverse", "to_array", "type", "values")
PAYMENTS = dict.fromkeys(OUTERMOST, _pay_outermost)
"""What a function's work costs, where it does not look at all that stands inside the values it is given."""


def _call(name: str, spec: Any) -> Callable[..., Json]:
    """How an expression calls it: work is paid for before it is done; a wrong type gives the library's error."""
    library, function = ExactFunctions(), spec["function"]
    fits = [(index, *_kinds(each["types"])) for index, each in enumerate(spec["signature"]) if each["types"]]
    pay = PAYMENTS.get(name, _pay_all)

    def call(budget: Budget, *given: Json) -> Json:
        for index, types, items in fits:
            value = given[index]
            if value.__class__ not in types or (items and not _all_one_of(items, value)):
                _pay_all(budget, *given)
                return library.call_function(name, given)
        pay(budget, *given)
        return function(library, *given)

    return call


def _kinds(texts: list[str]) -> tuple[set[type], list[set[type]]]:
    """The Python types of an argument, and those of the items when it is an array of one kind."""
    parts = [text.split("-") for text in texts]
    return {kind for part in parts for kind in TYPES[part[0]]}, [TYPES[part[1]] for part in parts if len(part) == 2]


def _all_one_of(kinds: list[set[type]], values: Any) -> bool:
    return any(map(set(map(type, values)).issubset, kinds))


def _join(budget: Budget, separator: Json, texts: Json) -> Json:
    """What most mappings call most, without a detour where all are texts."""
    if separator.__class__ is str and texts.__class__ is list:
        try:
            budget.spend(1 + 2 * len(texts) + (len(separator) * len(texts) + sum(map(len, texts))) // 16)
            return separator.join(texts)
        except TypeError:
            pass
    return _refuse_join(budget, separator, texts)


_refuse_join = _call("join", ExactFunctions.FUNCTION_TABLE["join"])

CALLS = {name: _call(name, spec) for name, spec in ExactFunctions.FUNCTION_TABLE.items()} | {"join": _join}
"""Every function, called with the budget first. Raises Unanswerable, or the library's errors."""
