"""What a parser tells must fit the ledger; what does not is unreadable, and no fault of ours."""

from hub.domain.event import Inbound, Nudge

LONGEST = 2000
"""Bytes of an id: it stands in an index."""


def fitting(told: Inbound | Nudge) -> Inbound | Nudge:
    """The same; TypeError or ValueError when the ledger could not hold it."""
    if isinstance(told, Inbound):
        for name, text in (("type", told.type), ("subject", told.subject), ("dedupe_key", told.dedupe_key)):
            if not isinstance(text, str):
                raise TypeError(f"{name} is not a text")
            if len(text.encode()) > LONGEST or "\x00" in text:
                raise ValueError(f"{name} has at most {LONGEST} bytes and no NUL")
        if told.occurred_at.tzinfo is None:
            raise ValueError("occurred_at has no zone")
    return told
