"""The retry policy is a table, and so is its test."""

from datetime import timedelta

import pytest

from hub.delivery.policy import BACKOFF, judge
from hub.domain.delivery import Next, State
from hub.domain.errors import (
    Ambiguous,
    ConfigError,
    HubError,
    MappingError,
    NeedsReauth,
    NotReady,
    Rejected,
    Throttled,
    Transient,
)
from hub.sdk import Effect

WAITING = State.WAITING


@pytest.mark.parametrize(
    ("error", "effect", "spent", "snoozes", "expected"),
    [
        (Transient("busy", code="-1"), Effect.B, 0, 0, Next(WAITING, 5)),
        (Transient("busy", code="-1"), Effect.B, 3, 0, Next(WAITING, 600)),
        (Transient("busy", code="-1"), Effect.B, len(BACKOFF), 0, Next(State.HELD)),
        (Throttled("slow", code="14", retry_after=timedelta(minutes=5)), Effect.B, 9, 4, Next(WAITING, 300, False)),
        (NotReady("no customer", code="404"), Effect.B, 7, 0, Next(WAITING, 1, False)),
        (NotReady("no customer", code="404"), Effect.B, 7, 99, Next(WAITING, 60, False)),
        (NeedsReauth("bad secret", code="1"), Effect.B, 0, 0, Next(State.HELD, spent=False)),
        (Ambiguous("read timeout", code="t"), Effect.B, 0, 0, Next(WAITING, 5, look_first=True)),
        (Ambiguous("read timeout", code="t"), Effect.C, 1, 0, Next(WAITING, 30, look_first=True)),
        (Ambiguous("read timeout", code="t"), Effect.D, 0, 0, Next(State.UNCERTAIN, look_first=True)),
        (Rejected("no receiver", code="81013"), Effect.B, 0, 0, Next(State.DEAD)),
        (MappingError("name is required"), Effect.B, 0, 0, Next(State.DEAD)),
        (ConfigError("the secret does not open"), Effect.B, 0, 0, Next(State.HELD, spent=False)),
    ],
)
def test_policy(error: HubError, effect: Effect, spent: int, snoozes: int, expected: Next) -> None:
    assert judge(error, effect, spent, snoozes) == expected


def test_the_schedule_reaches_two_weeks() -> None:
    assert sum(BACKOFF) >= 13.5 * 24 * 3600
