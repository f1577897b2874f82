"""What happens after an attempt. Pure: no clock, no database; the tables below are the whole policy."""

from decimal import Decimal

from hub.domain.delivery import Next, State
from hub.domain.errors import ConfigError, HubError, VendorError, Verdict
from hub.ledger.gates import Budget, Health
from hub.sdk.connector import Effect

MINUTE, HOUR = 60.0, 3600.0
BACKOFF = (5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE, HOUR, 3 * HOUR, *(6 * HOUR for _ in range(54)))
"""Seconds before each further try: 5 s … 3 h, then every 6 h until 14 days; then it is held, never dropped."""

SNOOZE = (1.0, 2.0, 4.0, 8.0, 15.0, 30.0, MINUTE)
"""Seconds to wait for a record that is not there yet, by snoozes so far; the last one repeats."""


WINDOW_S, ENOUGH, IN_A_ROW = 60.0, 40, 10
"""A circuit opens when half of at least so many attempts within the window failed, or so many one after another."""

REST_S = 30.0
"""How long an open circuit lets nothing through before it tries again."""


RETRIES = Budget(WINDOW_S, Decimal("0.1"), 120, 10 * MINUTE)
"""Of the calls of a minute a tenth may be retries, or 120; what is more goes later, by ten minutes at most."""


def trips(health: Health) -> bool:
    """Whether a connection is so ill that everything waits."""
    tried = health.good + health.bad
    return health.open or health.in_a_row >= IN_A_ROW or (tried >= ENOUGH and health.bad * 2 >= tried)


def is_illness(error: HubError | None) -> bool:
    """Whether an attempt failed because the vendor is unwell, and not because of what was sent."""
    return isinstance(error, VendorError) and error.verdict in (Verdict.RETRY, Verdict.CHECK)


def is_retried(after: Next, error: HubError | None) -> bool:
    """Whether a call was in vain and will be made again: it counts against the budget of retries."""
    return after.state is State.WAITING and is_illness(error)


def judge(error: HubError, effect: Effect, spent: int, snoozes: int, settle_s: float = 0) -> Next:
    """Decide the next state of a delivery whose attempt raised `error`.

    Args:
        spent: attempts already counted, this one excluded.
        snoozes: waits already made that cost nothing.
        settle_s: how long the vendor may take to show what it did; nobody looks earlier.
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
            return Next(State.UNCERTAIN, look_first=True)
        case verdict if spent >= len(BACKOFF):
            return Next(State.HELD, look_first=verdict is Verdict.CHECK)
        case Verdict.CHECK:
            return Next(State.WAITING, max(BACKOFF[spent], settle_s), look_first=True)
        case _:
            return Next(State.WAITING, BACKOFF[spent])
