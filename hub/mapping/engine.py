"""Apply a mapping: event data → payload. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping.amounts import money
from hub.mapping.expression import Expression, Unanswerable
from hub.mapping.schema import Rule

CLEANERS: dict[str, Callable[[str], str]] = {"strip": str.strip, "upper": str.upper, "lower": str.lower}
FORMATS: dict[str, Callable[[Any], str]] = {"money": money}

Lookups = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Step:
    """One rule, its expression compiled, its inner rules too. `plain`: it only takes, and what it takes is enough."""

    rule: Rule
    expression: Expression | None
    inner: Mapping[str, "Step"] | None
    plain: bool = field(init=False)

    def __post_init__(self) -> None:
        rule = self.rule
        only = not (rule.clean or rule.lookup or rule.format or rule.each or self.inner) and rule.value is None
        object.__setattr__(self, "plain", only and self.expression is not None and self.expression.path is not None)


def apply(steps: Mapping[str, Step], lookups: Lookups, data: Any, at: str = "") -> dict[str, Any]:
    """Make the payload; a field that comes to nothing is left out. MappingError names the field."""
    made = {}
    for name, step in steps.items():
        if step.plain and step.expression and not _is_nothing(value := step.expression.search(data)):
            made[name] = value
            continue
        value = _make(step, lookups, data, f"{at}{name}")
        if value is not None:
            made[name] = value
    return made


def _make(step: Step, lookups: Lookups, data: Any, field: str) -> Any:
    rule = step.rule
    if rule.value is not None:
        return rule.value
    value = _search(step.expression, data, field) if step.expression else None
    if rule.each is not None:
        items = enumerate(_items(value, field))
        value = [apply(step.inner or {}, lookups, item, f"{field}[{n}].") for n, item in items]
    elif step.inner is not None:
        value = apply(step.inner, lookups, data, f"{field}.")
    else:
        value = _finish(rule, lookups, value, field)
    if not _is_nothing(value):
        return value
    if rule.required:
        raise _wrong(field, "is required", "补上来源里的这个字段", "fill this field at the source")
    return rule.default


def _search(expression: Expression, data: Any, field: str) -> Any:
    try:
        return expression.search(data)
    except Unanswerable as error:
        what = f"cannot be taken by {expression.text!r}: {error}"
        raise _wrong(field, what, "检查来源数据和表达式", "check the source and the expression") from error


def _items(value: Any, field: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise _wrong(field, "is no list", "each 要指向一个列表", "let `each` name a list")
    return value


def _finish(rule: Rule, lookups: Lookups, value: Any, field: str) -> Any:
    if isinstance(value, str):
        for cleaner in rule.clean:
            value = CLEANERS[cleaner](value)
    if rule.lookup is not None and not _is_nothing(value):
        value = _look_up(rule, lookups[rule.lookup], value, field)
    if rule.format is None or _is_nothing(value):
        return value
    try:
        return FORMATS[rule.format](value)
    except ValueError as error:
        raise _wrong(field, f"cannot be {rule.format}: {error}", "检查来源数据", "check the source") from error


def _look_up(rule: Rule, table: Mapping[str, Any], value: Any, field: str) -> Any:
    found = table.get(str(value), rule.default)
    if found is None:
        what = f"{str(value)[:40]!r} is not in the table {rule.lookup}"
        raise _wrong(field, what, f"在 lookups.{rule.lookup} 里补上这个值", f"add the value to lookups.{rule.lookup}")
    return found


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, str | list | dict) and not value)


def _wrong(field: str, what: str, zh: str, en: str) -> MappingError:
    return MappingError(f"{field} {what}", hint=Text(f"{zh}：{field}。", f"{en}: {field}."))
