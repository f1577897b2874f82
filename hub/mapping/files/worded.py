"""What pydantic says of a value, in both languages."""

from pydantic_core import ErrorDetails

from hub.domain.text import Text

CHINESE = {
    "missing": "必须写",
    "literal_error": "应为 {expected}",
    "enum": "应为 {expected}",
    "string_type": "应为文本",
    "string_pattern_mismatch": "应符合 {pattern}",
    "string_too_short": "至少 {min_length} 个字",
    "string_too_long": "至多 {max_length} 个字",
    "int_type": "应为整数",
    "int_parsing": "应为整数",
    "int_from_float": "应为整数",
    "decimal_type": "应为数字",
    "decimal_parsing": "应为数字",
    "decimal_max_places": "至多 {decimal_places} 位小数",
    "decimal_max_digits": "至多 {max_digits} 位数字",
    "greater_than": "应大于 {gt}",
    "greater_than_equal": "应不小于 {ge}",
    "less_than": "应小于 {lt}",
    "less_than_equal": "应不大于 {le}",
    "bool_type": "应为 true 或 false",
    "bool_parsing": "应为 true 或 false",
    "date_type": "应为日期",
    "date_from_datetime_parsing": "应为日期，如 2026-11-28",
    "datetime_from_date_parsing": "应为时刻，如 2026-11-28T08:00:00Z",
    "list_type": "应为列表",
    "tuple_type": "应为列表",
    "dict_type": "应为对象",
    "model_type": "应为对象",
    "too_short": "至少 {min_length} 项",
    "too_long": "至多 {max_length} 项",
    "extra_forbidden": "没有这个字段",
}
"""Of each type of error that files and payloads run into, the Chinese words."""


def worded(error: ErrorDetails) -> str:
    """Chinese first; of a rare type only pydantic's own words."""
    said = CHINESE.get(error["type"])
    return error["msg"] if said is None else str(Text(said.format(**error.get("ctx", {})), error["msg"]))
