"""Lines: what stands around a list, brought into each of its items, and their numbers."""

from typing import Annotated, Any

from hub.domain.text import Text
from hub.mapping.expressions.trade.declare import MOST_CHARACTERS, Group, Kind, Word
from hub.sdk.exact import Json

GROUP = Group(Text("明细行", "Lines"))
MOST_FIELDS = MOST_CHARACTERS
"""How many fields all items may have together."""


def _items(value: Json) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise ValueError
    return value


def _object(value: Json) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise ValueError
    return value


Items = Annotated[list[dict[str, Any]], Kind(Text("对象的列表", "a list of objects"), ("array",), _items)]
Fields = Annotated[dict[str, Any], Kind(Text("对象", "an object"), ("object",), _object)]


@GROUP.offer(
    "把外层的字段带进每一行，同名的以外层为准；用在 each 里",
    "Each item with these fields beside its own, and in their place; for `each`",
    (
        'spread(`[{"sku": "A"}, {"sku": "B"}]`, {currency: \'CNY\'})',
        [{"sku": "A", "currency": "CNY"}, {"sku": "B", "currency": "CNY"}],
    ),
)
def spread(items: Items, fields: Fields) -> list[Json]:
    if sum(map(len, items)) + len(items) * len(fields) > MOST_FIELDS:
        raise ValueError(f"more than {MOST_FIELDS} fields")
    return [{**item, **fields} for item in items]


@GROUP.offer(
    "给每一行加上行号，从 1 起",
    "Each item with its number, from 1, under this name",
    ('numbered(`[{"sku": "A"}, {"sku": "B"}]`, \'no\')', [{"sku": "A", "no": 1}, {"sku": "B", "no": 2}]),
)
def numbered(items: Items, name: Word) -> list[Json]:
    return [{**item, name: number} for number, item in enumerate(items, 1)]
