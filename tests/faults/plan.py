"""The vendor's plan of bad manners: what happens at the nth call for an event is a pure function of the seed."""

import random
from dataclasses import dataclass, field

WRITES = (
    "http_503",
    "error_body",
    "login_page",
    "rst_before",
    "rst_after",
    "http_500_after",
    "late_commit",
    "kill_before",
    "kill_after",
    "slow",
)
"""What befalls a write. `kill_*`: the calling worker is killed, before or after the vendor has committed.
`slow` is no fault: the answer comes late, but in time."""
READS = ("http_503", "rst_before")
HEALTHY = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Odds by fault, each between 0 and 1. The same seed gives every call the same fate, whatever the timing."""

    seed: int = 0
    odds: dict[str, float] = field(default_factory=dict)

    @classmethod
    def parse(cls, seed: int, spec: str) -> "Plan":
        """SPEC: "http_503=0.05,late_commit=0.02"; ValueError for a fault there is not, or odds over 1 together."""
        odds = {name: float(value) for name, _, value in (part.partition("=") for part in spec.split(",") if part)}
        if strange := odds.keys() - set(WRITES):
            raise ValueError(f"no fault {sorted(strange)}; there are: {', '.join(WRITES)}")
        if sum(odds.values()) > 1:
            raise ValueError("the odds are more than 1 together")
        return cls(seed, odds)

    def fate(self, kind: str, event: str, nth: int, reads: bool = False) -> str:
        """The fault of the nth call (from 1) of a kind for an event, or HEALTHY."""
        drawn = random.Random(f"{self.seed}/{kind}/{event}/{nth}/{reads}").random()
        for name in READS if reads else WRITES:
            drawn -= self.odds.get(name, 0.0)
            if drawn < 0:
                return name
        return HEALTHY


def faulty(share: float, kills: float = 0.0, slow: float = 0.0) -> str:
    """A spec that spreads `share` evenly over the faults of writes, `kills` over those that kill the caller."""
    killing = [name for name in WRITES if name.startswith("kill_")]
    failing = [name for name in WRITES if name not in (*killing, "slow")]
    odds = {name: share / len(failing) for name in failing} | {name: kills / len(killing) for name in killing}
    return ",".join(f"{name}={chance:.4f}" for name, chance in {**odds, "slow": slow}.items() if chance)
