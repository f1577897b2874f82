"""The clock a vendor judges our signatures by: ours, until the vendor refuses it and tells another time."""

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime

TOLERANCE_S = 30.0
"""Clocks nearer than this are the same; a `Date` is whole seconds and some time under way."""


class VendorClock:
    """Seconds since 1970 by a connection's vendor. Call it for the stamp of a signature.

    `Date` headers are only noted. They count once the vendor refuses what we stamped, so that a proxy whose clock is
    wrong does no harm.

    Attributes:
        skew_s: seconds by which the vendor's clock is ahead of ours, as far as it was taken over.
    """

    def __init__(self, ours: Callable[[], float] = time.time) -> None:
        self._ours = ours
        self._told_s = 0.0
        self.skew_s = 0.0

    def __call__(self) -> float:
        return self._ours() + self.skew_s

    def hear(self, date: str) -> None:
        """Note the `Date` of an answer; what is no date is passed over."""
        try:
            self._told_s = parsedate_to_datetime(date).timestamp() - self._ours()
        except (ValueError, OverflowError):
            return

    def corrected(self, stamped_s: float) -> bool:
        """After a refusal of what was stamped with this skew: whether it was wrong, and the right one is known now."""
        if abs(self._told_s - self.skew_s) > TOLERANCE_S:
            self.skew_s = self._told_s
        return self.skew_s != stamped_s
