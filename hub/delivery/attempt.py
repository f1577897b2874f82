"""One attempt at a vendor: look first where something may have happened, call, and judge what came of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import structlog

from hub.delivery.policy import judge
from hub.delivery.prepare import Ready
from hub.domain.delivery import Next, State
from hub.domain.errors import Ambiguous, ConfigError, HubError
from hub.domain.text import Text
from hub.failpoints import point
from hub.ledger.connections import Stored
from hub.ledger.settle import Outcome
from hub.registry import Registry
from hub.sdk.connector import Effect, Made
from hub.sdk.context import Context

log = structlog.get_logger("hub.worker")
ODD = Text(
    "对方的回答不是约定的形状，可能已经生效：打开这次尝试看原文，并反馈给开发者。",
    "The answer has an unknown shape and it may have happened: read the attempt, and tell the developers.",
)


async def attempt(registry: Registry, stored: Stored, ready: Ready, alive: Callable[[], bool]) -> Outcome:
    """Carry out one delivery, whose intent is written. Never raises: whatever happens becomes an outcome."""
    try:
        context = registry.open(stored).context(key=ready.delivery.key, alive=alive)
    except ConfigError as error:
        return Try(ready, None, ready.delivery.look_first).judged(error)
    now = Try(ready, context, ready.delivery.look_first)
    try:
        made = await now.made(context)
    except HubError as error:
        return now.judged(error)
    except Exception as odd:  # whatever a connector stumbles over, it may have been after the write
        log.error("an action broke off", action=ready.delivery.action, delivery=ready.delivery.id, exc_info=odd)
        return now.judged(Ambiguous(f"{type(odd).__name__}: {odd}", code="shape", hint=ODD))
    if made is None:
        return Outcome(Next(State.UNCERTAIN, look_first=True))
    return Outcome(Next(State.DONE), made, exchanges=context.exchanges)


@dataclass(slots=True)
class Try:
    """One attempt. `doubt`: an earlier one may have taken effect, and nobody has looked yet."""

    ready: Ready
    context: Context[Any] | None
    doubt: bool = False

    async def made(self, context: Context[Any]) -> Made | None:
        """What the vendor made; None when nobody can know whether it did already, and so nothing may be sent."""
        action = self.ready.action
        if self.doubt and action.effect is Effect.D:
            return None
        if self.doubt and action.look:
            point("worker.before_look")
            found = await action.look(context, self.ready.given)
            point("worker.after_look")
            if found:
                return found
        self.doubt = False
        made: Made = await action.run(context, self.ready.given)
        return made

    def judged(self, error: HubError) -> Outcome:
        """What becomes of it; a doubt that was not dispelled stays."""
        delivery, action = self.ready.delivery, self.ready.action
        after = judge(error, action.effect, delivery.spent, delivery.snoozes, action.settle.total_seconds())
        if self.doubt:
            after = replace(after, look_first=True)
        return Outcome(after, error=error, exchanges=self.context.exchanges if self.context else ())
