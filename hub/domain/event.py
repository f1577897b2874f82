"""An event: an immutable fact, `noun.past`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Inbound:
    """A fact as its source tells it, before the ledger has given it an id.

    Attributes:
        type: `noun.past`, such as "approval.finished".
        subject: the record it speaks of, by the source's own id, as text.
        dedupe_key: equal when the source tells the same fact twice; unique per connection.
        occurred_at: aware, when it happened at the source.
        data: JSON; numbers that are money are Decimal or text, never float.
    """

    type: str
    subject: str
    dedupe_key: str
    occurred_at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Nudge:
    """A vendor's hint that a list of its has news: make the poll of this event type now."""

    poll: str


@dataclass(frozen=True, slots=True)
class Event:
    """A fact in the ledger. `connection` is the connection's name; "crm" is the home system."""

    id: str
    tenant_id: str
    connection: str
    type: str
    subject: str
    occurred_at: datetime
    data: Mapping[str, Any]
