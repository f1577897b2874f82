"""How much one hook may send: a token bucket each, in this process, so that one flood does not drown the others."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MOST = 10_000
"""So many addresses are remembered; the one that was quiet longest is forgotten first."""


@dataclass(slots=True)
class Buckets:
    """`per_s` requests a second and hook in the long run, `burst` at once."""

    per_s: float
    burst: int
    now: Callable[[], float] = time.monotonic
    _full_at: OrderedDict[str, float] = field(default_factory=OrderedDict)

    def take(self, address: str) -> float:
        """0 when one more request of this hook may pass, else in how many seconds the next one may."""
        now = self.now()
        full_at = max(self._full_at.pop(address, 0.0), now) + 1 / self.per_s
        wait = round(full_at - now - self.burst / self.per_s, 6)
        self._full_at[address] = full_at - (1 / self.per_s if wait > 0 else 0)
        if len(self._full_at) > MOST:
            self._full_at.popitem(last=False)
        return max(wait, 0.0)
