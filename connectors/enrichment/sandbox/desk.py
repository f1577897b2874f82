"""The provider's back office: who may call, what is left, what is charged, and the trouble it makes on request."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from hub import sdk

PRICES = {"company.searched": Decimal("0.10"), "company.read": Decimal("0.20")}
LOCK_S = 7200
FAILURES_BEFORE_LOCK = 3


@dataclass(slots=True)
class Desk:
    """One customer's account at both registries.

    `quota`: calls left, None for no end. `said`: codes that the next calls are refused with. `broken`: how the next
    answers are spoiled (truncated, http_502, code_as_text). `slow_ms`: added to every answer, after the charge.
    """

    kit: sdk.SandboxKit
    token: str = "8b6d2f04-3c51-4a7e-9e10-sandbox00001"
    key: str = "sandboxqccappkey0123456789abcdef"
    secret: str = "SANDBOXQCCSECRET0123456789ABCDEF"
    quota: int | None = None
    not_bought: set[str] = field(default_factory=set)
    said: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    slow_ms: int = 0
    most_at_once: int = 8
    busy: int = 0
    charged: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    locked: dict[str, int] = field(default_factory=dict)

    def trouble(self) -> str:
        """The code the next call is refused with, "" for none."""
        return self.said.pop(0) if self.said else ""

    def spoil(self) -> str:
        """How the next answer is spoiled, "" for not at all."""
        return self.broken.pop(0) if self.broken else ""

    def is_empty(self) -> bool:
        """Whether nothing is left."""
        return self.quota is not None and self.quota <= 0

    def charge(self, effect: str, provider: str, **facts: Any) -> str:
        """Count and write down a billed call; its order number."""
        self.charged += 1
        if self.quota is not None:
            self.quota -= 1
        order = f"{'ECI' if provider == 'qichacha' else 'TYC'}{time.strftime('%Y%m%d%H%M%S')}{self.charged:08d}"
        self.kit.ledger.write(effect, provider=provider, price=PRICES[effect], order_number=order, **facts)
        return order

    def fail(self, query: str) -> None:
        """One more failure of the same query; at the third it is locked for two hours."""
        self.failures[query] += 1
        if self.failures[query] >= FAILURES_BEFORE_LOCK:
            self.locked[query] = int(time.time()) + LOCK_S

    def is_locked(self, query: str) -> bool:
        """Whether this query, or every one ("*"), must wait."""
        return max(self.locked.get(query, 0), self.locked.get("*", 0)) > time.time()

    async def pause(self) -> None:
        """Be slow."""
        await asyncio.sleep(self.slow_ms / 1000)

    def set(self, asked: Mapping[str, Any]) -> None:
        """What a person changes at the provider's screens; see the sandbox's docstring."""
        for name in ("quota", "slow_ms", "token", "secret", "most_at_once"):
            if name in asked:
                setattr(self, name, asked[name])
        self.not_bought = set(asked.get("not_bought", self.not_bought))
        self.said += [str(code) for code in asked.get("say", [])]
        self.broken += asked.get("spoil", [])
        if "lock" in asked:
            self.locked = {"*": int(time.time()) + LOCK_S} if asked["lock"] else {}
