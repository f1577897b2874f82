"""Apply a mapping: event data → payload. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jmespath

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping.expression import Expression
from hub.mapping.schema import Rule

CLEANERS: dict[str, Callable[[str], str]] = {"strip": str.strip, "upper": str.upper, "lower": str.lower}
FEN = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Step:
    """One rule, its expression compiled, its inner rules too."""

    rule: Rule
    expression: Expression | None
    inner: Mapping[str, "Step"] | None


def apply(
    steps: Mapping[str, Step], lookups: Mapping[str, Mapping[str, Any]], data: Any, at: str = ""
) -> dict[str, Any]:
    """Make the payload; a field that comes to nothing is left out. MappingError names the field."""
    made = {}
    for name, step in steps.items():
        value = _make(step, lookups, data, f"{at}{name}")
        if value is not None:
            made[name] = value
    return made


def _make(step: Step, lookups: Mapping[str, Mapping[str, Any]], data: Any, field: str) -> Any:
    rule = step.rule
    value = _search(step.expression, data, field) if step.expression else rule.value
    if rule.each is not None:
        items = _items(value, field)
        value = [apply(step.inner or {}, lookups, item, f"{field}[{n}].") for n, item in enumerate(items)] or None
    elif step.inner is not None:
        value = apply(step.inner, lookups, data, f"{field}.") or None
    else:
        value = _finish(rule, lookups, value, field)
    if value is None and rule.required:
        raise _wrong(field, "is required", "补上来源里的这个字段", "fill this field at the source")
    return value


def _search(expression: Expression, data: Any, field: str) -> Any:
    try:
        return expression.search(data)
    except jmespath.exceptions.JMESPathError as error:
        raise _wrong(field, f"{expression.text!r}: {error}", "改正表达式", "correct the expression") from error


def _items(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(field, "is no list", "each 要指向一个列表", "let `each` name a list")
    return value


def _finish(rule: Rule, lookups: Mapping[str, Mapping[str, Any]], value: Any, field: str) -> Any:
    if isinstance(value, str):
        for cleaner in rule.clean:
            value = CLEANERS[cleaner](value)
    if rule.lookup is not None and value is not None:
        value = lookups[rule.lookup].get(str(value))
    if value is None or value == "":
        value = rule.default
    return _money(value, field) if rule.format == "money" and value is not None else value


def _money(value: Any, field: str) -> str:
    """Yuan as text with two decimals; more decimals than a fen are refused, never rounded away."""
    try:
        exact = Decimal(value)
        if exact == exact.quantize(FEN):
            return f"{exact:.2f}"
    except (ArithmeticError, TypeError, ValueError):
        pass
    raise _wrong(field, f"{value!r} is no amount to the fen", "检查金额", "check the amount")


def _wrong(field: str, what: str, zh: str, en: str) -> MappingError:
    return MappingError(f"{field} {what}", hint=Text(f"{zh}：{field}。", f"{en}: {field}."))
