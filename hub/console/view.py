"""How things look to people: times in Shanghai, exact JSON made readable, a mark for each state."""

from datetime import datetime, timedelta, timezone

import simplejson

from hub import sdk
from hub.domain.delivery import State

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")

TROUBLE = (State.DEAD, State.HELD, State.UNCERTAIN, State.WAITING)
REPLAYABLE = frozenset({State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD, State.SKIPPED, State.CANCELLED})
CANCELLABLE = frozenset({State.PENDING, State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD})

MARKS = {
    State.PENDING: "◌",
    State.CLAIMED: "◌",
    State.SENDING: "◌",
    State.DONE: "●",
    State.WAITING: "◔",
    State.UNCERTAIN: "?",
    State.HELD: "‖",
    State.DEAD: "✕",
    State.SKIPPED: "○",
    State.CANCELLED: "○",
}


def clock(at: datetime) -> str:
    """11-22 09:30:05, in Shanghai."""
    return at.astimezone(SHANGHAI).strftime("%m-%d %H:%M:%S")


def instant(at: datetime) -> str:
    """The full instant, for the hover."""
    return at.astimezone(SHANGHAI).isoformat(" ", "milliseconds")


def took(ms: int | None) -> str:
    """86 ms, 1.2 s, 3 min 5 s; "" while unknown."""
    if ms is None:
        return ""
    if ms < 1000:
        return f"{ms} ms"
    if ms < 60_000:
        return f"{ms // 1000}.{ms % 1000 // 100} s"
    return f"{ms // 60_000} min {ms % 60_000 // 1000} s"


def pretty(value: sdk.Json) -> str:
    """JSON on several lines, every digit kept."""
    return simplejson.dumps(value, use_decimal=True, ensure_ascii=False, indent=2)


def pretty_text(text: str) -> str:
    """The same for text that is JSON; any other text as it is."""
    try:
        return pretty(sdk.loads(text))
    except sdk.Unreadable:
        return text


def short(ident: str) -> str:
    """An id short enough for a table: its beginning and its end."""
    return ident if len(ident) <= 18 else f"{ident[:8]}…{ident[-6:]}"
