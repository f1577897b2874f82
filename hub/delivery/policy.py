"""What happens after an attempt. Pure: no clock, no database; the tables below are the whole policy."""

from hub.domain.delivery import Next, State
from hub.domain.errors import ConfigError, HubError, VendorError, Verdict
from hub.sdk.connector import Effect

MINUTE, HOUR = 60.0, 3600.0
BACKOFF = (5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, *(6 * HOUR for _ in range(54)))
"""Seconds before each further try: 5 s … 3 h, then every 6 h until 14 days; then it is held, never dropped."""

SNOOZE = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, MINUTE)
"""Seconds to wait for a record that is not there yet, by snoozes so far; the last one repeats."""


def judge(error: HubError, effect: Effect, spent: int, snoozes: int) -> Next:
    """Decide the next state of a delivery whose attempt raised `error`.

    Args:
        spent: attempts already counted, this one excluded.
        snoozes: waits already made that cost nothing.
    """
    if isinstance(error, ConfigError):  # the connection, not the delivery: a person must correct it
        return Next(State.HELD, spent=False)
    if not isinstance(error, VendorError):
        return Next(State.DEAD)
    match error.verdict:
        case Verdict.DEAD:
            return Next(State.DEAD)
        case Verdict.HOLD:
            return Next(State.HELD, spent=False)
        case Verdict.SNOOZE:
            asked = error.retry_after.total_seconds() if error.retry_after else 0.0
            return Next(State.WAITING, asked or SNOOZE[min(snoozes, len(SNOOZE) - 1)], spent=False)
        case Verdict.CHECK if effect is Effect.D:
            return Next(State.UNCERTAIN)
        case _ if spent >= len(BACKOFF):
            return Next(State.HELD)
        case verdict:
            return Next(State.WAITING, BACKOFF[spent], look_first=verdict is Verdict.CHECK)
