"""The functions that expressions have beside JMESPath's own: what the trade needs, pure and exact."""

from collections.abc import Mapping

from hub.mapping.expressions.trade import dates, identities, lists, numbers, texts, words
from hub.mapping.expressions.trade.declare import Function, Group, by_name

__all__ = ["FUNCTIONS", "GROUPS", "Function", "Group"]

GROUPS: tuple[Group, ...] = (numbers.GROUP, words.GROUP, dates.GROUP, texts.GROUP, identities.GROUP, lists.GROUP)
FUNCTIONS: Mapping[str, Function] = by_name(GROUPS)
"""Every function by its name."""
