"""One attempt at a vendor: look first where something may have happened, call, and judge what came of it."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog

from hub.delivery.policy import judge
from hub.delivery.prepare import Ready
from hub.domain.delivery import Next, State
from hub.domain.errors import Ambiguous, ConfigError, HubError, Rejected
from hub.domain.text import Text
from hub.failpoints import point
from hub.ledger.connections import Stored
from hub.ledger.settle import Outcome
from hub.registry import Connection, Registry
from hub.sdk.connector import Batch, Effect, Item, Made
from hub.sdk.context import Context, Exchange

T = TypeVar("T")
Alive = Callable[[], bool]

log = structlog.get_logger("hub.worker")
ODD = Text(
    "对方的回答不是约定的形状，可能已经生效：打开这次尝试看原文，并反馈给开发者。",
    "The answer has an unknown shape and it may have happened: read the attempt, and tell the developers.",
)
UNSAID = Text(
    "对方的批量回答没有提到这一条，可能已经生效：会先查后发。",
    "The vendor's answer for several does not mention it and it may have happened: we look before sending again.",
)


async def attempt(registry: Registry, stored: Stored, several: Sequence[Ready], alive: Alive) -> list[Outcome]:
    """Carry out what goes in one call, whose intents are written; an outcome for each, in their order.

    Never raises: whatever happens becomes an outcome.
    """
    try:
        connection = registry.open(stored)
    except ConfigError as error:
        return [Try(each, None, each.delivery.look_first).judged(error) for each in several]
    batch = several[0].action.batch
    if batch is None or len(several) == 1:
        return [await _alone(connection, each, alive) for each in several]
    return await _together(connection, batch, several, alive)


async def _alone(connection: Connection, ready: Ready, alive: Alive) -> Outcome:
    context = connection.context(key=ready.delivery.key, alive=alive)
    now = Try(ready, context, ready.delivery.look_first)
    made = await _answered(now.made(context), ready)
    return Outcome(Next(State.UNCERTAIN, look_first=True)) if made is None else now.ended(made)


async def _together(connection: Connection, batch: Batch, several: Sequence[Ready], alive: Alive) -> list[Outcome]:
    context = connection.context(alive=alive)
    items = [Item(each.given, each.delivery.key) for each in several]
    said = await _answered(batch.run(context, items), several[0])
    if isinstance(said, Rejected):  # nobody knows whose fault it is, and none may die of another's
        outcomes = [await _alone(connection, each, alive) for each in several]
        return [replace(each, exchanges=[*context.exchanges, *each.exchanges]) for each in outcomes]
    if isinstance(said, HubError):
        said = {item.key: said for item in items}
    unsaid = Ambiguous("the answer does not mention it", code="unsaid", hint=UNSAID)
    return [Try(each, context).ended(said.get(each.delivery.key, unsaid)) for each in several]


async def _answered(work: Awaitable[T], ready: Ready) -> T | HubError:
    """What comes of a connector's work, be it an error."""
    try:
        return await work
    except HubError as error:
        return error
    except Exception as odd:  # whatever a connector stumbles over, it may have been after the write
        log.error("an action broke off", action=ready.delivery.action, delivery=ready.delivery.id, exc_info=odd)
        return Ambiguous(f"{type(odd).__name__}: {odd}", code="shape", hint=ODD)


@dataclass(slots=True)
class Try:
    """One attempt. `doubt`: an earlier one may have taken effect, and nobody has looked yet."""

    ready: Ready
    context: Context[Any] | None
    doubt: bool = False

    @property
    def exchanges(self) -> Sequence[Exchange]:
        """What was said."""
        return self.context.exchanges if self.context else ()

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

    def ended(self, what: Made | HubError) -> Outcome:
        """What becomes of it after the vendor's answer."""
        if isinstance(what, HubError):
            return self.judged(what)
        return Outcome(Next(State.DONE), what, exchanges=self.exchanges)

    def judged(self, error: HubError) -> Outcome:
        """What becomes of it; a doubt that was not dispelled stays."""
        delivery, action = self.ready.delivery, self.ready.action
        after = judge(error, action.effect, delivery.spent, delivery.snoozes, action.settle.total_seconds())
        if self.doubt:
            after = replace(after, look_first=True)
        return Outcome(after, error=error, exchanges=self.exchanges)
