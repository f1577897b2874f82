"""What expressions and mappings mean, written down plainly: the library's interpreter, and a walk of the rules."""

from collections.abc import Callable, Mapping
from decimal import localcontext
from typing import Any

import jmespath
from jmespath.visitor import TreeInterpreter

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping.engine import CLEANERS, FORMATS, Step
from hub.mapping.expressions.expression import WRONG, Expression, unanswerable
from hub.mapping.expressions.functions import ExactFunctions
from hub.mapping.expressions.trade.numbers import EXACT

OPTIONS = jmespath.Options(custom_functions=ExactFunctions())
Lookups = Mapping[str, Mapping[str, Any]]


def answer(work: Callable[..., Any], *given: Any) -> Any:
    """What the work gives, or why it cannot, as (kind of the error, what it says, its hint)."""
    try:
        return plainly(work(*given))
    except MappingError as error:
        return "MappingError", error.message, error.hint
    except WRONG as error:
        return "Unanswerable", str(unanswerable(error)), None


def interpreted(expression: Expression, data: Any) -> Any:
    """The library's answer, over exact numbers."""
    with localcontext(EXACT):
        return TreeInterpreter(OPTIONS).visit(expression.tree, data)


def plainly(value: Any) -> Any:
    """A value with its types, so that 1, true and 1.0 are told apart; a reference to an expression is only that."""
    if isinstance(value, dict):
        return {key: plainly(item) for key, item in value.items()}, *value
    if isinstance(value, list):
        return [plainly(item) for item in value]
    kind = type(value).__name__
    return kind if kind == "_Expression" else (kind, str(value))


def made(steps: Mapping[str, Step], lookups: Lookups, data: Any, at: str = "") -> dict[str, Any]:
    """The payload of a mapping."""
    found = {name: _one(step, lookups, data, f"{at}{name}") for name, step in steps.items()}
    return {name: value for name, value in found.items() if value is not None}


def _one(step: Step, lookups: Lookups, data: Any, field: str) -> Any:
    rule = step.rule
    if step.condition is not None and not _is_true(_taken(step.condition, data, field, "decided")):
        return None
    if rule.value is not None:
        return rule.value
    value = _taken(step.expression, data, field) if step.expression else None
    if rule.each is not None:
        if not isinstance(value, list | None):
            raise _wrong(field, "is no list", "each 要指向一个列表", "let `each` name a list")
        items = enumerate(value or [])
        value = [made(step.inner or {}, lookups, item, f"{field}[{n}].") for n, item in items]
    elif step.inner is not None:
        value = made(step.inner, lookups, data, f"{field}.")
    else:
        value = _finished(step, lookups, value, field)
    if not _is_nothing(value):
        return value
    if rule.required:
        raise _wrong(field, "is required", "补上来源里的这个字段", "fill this field at the source")
    return rule.default


def _is_true(value: Any) -> bool:
    return value is not False and not _is_nothing(value)


def _taken(expression: Expression, data: Any, field: str, done: str = "taken") -> Any:
    try:
        return interpreted(expression, data)
    except WRONG as error:
        what = f"cannot be {done} by {expression.text!r}: {unanswerable(error)}"
        raise _wrong(field, what, "检查来源数据和表达式", "check the source and the expression") from error


def _finished(step: Step, lookups: Lookups, value: Any, field: str) -> Any:
    rule = step.rule
    for cleaner in rule.clean if isinstance(value, str) else []:
        value = CLEANERS[cleaner](value)
    if rule.lookup is not None and not _is_nothing(value):
        found = lookups[rule.lookup].get(str(value), rule.default)
        if found is None:
            what = f"{str(value)[:40]!r} is not in the table {rule.lookup}"
            todo = f"在 lookups.{rule.lookup} 里补上这个值", f"add the value to lookups.{rule.lookup}"
            raise _wrong(field, what, *todo)
        value = found
    if rule.format is None or _is_nothing(value):
        return value
    try:
        return FORMATS[rule.format](value)
    except ValueError as error:
        raise _wrong(field, f"cannot be {rule.format}: {error}", "检查来源数据", "check the source") from error


def _is_nothing(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _wrong(field: str, what: str, zh: str, en: str) -> MappingError:
    return MappingError(f"{field} {what}", hint=Text(f"{zh}：{field}。", f"{en}: {field}."))
