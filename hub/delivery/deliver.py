"""Carry out deliveries: claim, map, intend, call, decide, settle. A connection is drained until nothing is due."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from hub.delivery.policy import judge
from hub.domain.delivery import Next, State
from hub.domain.errors import ODD_SHAPES, Ambiguous, ConfigError, HubError, MappingError, NeedsReauth
from hub.domain.text import Text
from hub.ledger.claim import Claimed, claim, heartbeat, intend
from hub.ledger.connections import Stored, find, hold
from hub.ledger.database import Database, LedgerUnit, Unavailable
from hub.ledger.leases import kept
from hub.ledger.settle import Outcome, settle
from hub.ledger.versions import text_of
from hub.mapping import parse_mapping
from hub.registry import Registry, wrong_fields
from hub.sdk.connector import Action, Effect, Made
from hub.sdk.exact import Json, dumps

BATCH = 32
REPAIR = Text("修改映射文件后重放。", "Correct the mapping, then replay.")


class Translation(Protocol):
    """A mapping: pure, raises MappingError."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload."""


@dataclass(frozen=True, slots=True)
class Deliverer:
    """Delivers for one process. `mapping` finds a mapping by its pin and raises KeyError when there is none."""

    database: Database
    registry: Registry
    mapping: Callable[[str], Translation]
    lease_s: float

    async def drain(self, tenant: str, connection: str) -> int:
        """Deliver until nothing of this connection is due; how many attempts were made."""
        made = 0
        most = BATCH
        if connection in self.registry.connectors:
            most = self.registry.connectors[connection].limits.concurrency
        while claimed := await self._claim(tenant, connection, most):
            async with kept(self.database, tenant, self.lease_s, self._renewal(claimed)):
                ended = await asyncio.gather(*(self._deliver(tenant, d) for d in claimed), return_exceptions=True)
            for each in ended:
                if isinstance(each, BaseException):
                    raise each
            made += len(claimed)
        return made

    async def _claim(self, tenant: str, connection: str, most: int) -> list[Claimed]:
        async with self.database.unit(tenant) as unit:
            return await claim(unit, connection, most, self.lease_s)

    def _renewal(self, claimed: list[Claimed]) -> Callable[[LedgerUnit], Awaitable[None]]:
        ids = [delivery.id for delivery in claimed]
        return lambda unit: heartbeat(unit, ids, self.lease_s)

    async def _deliver(self, tenant: str, delivery: Claimed) -> None:
        action = self.registry.actions.get(delivery.action)
        try:
            if action is None:
                raise MappingError(f"no action {delivery.action!r}", hint=REPAIR)
            payload, given = _map(await self._translation(tenant, delivery.mapping), delivery, action)
        except MappingError as error:
            await self._settle(tenant, delivery, None, action, None, Outcome(Next(State.DEAD), error=error))
            return
        if action.effect is Effect.HOME:
            await self._apply_at_home(tenant, delivery, action, payload, given)
        else:
            await self._send(tenant, delivery, action, payload, given)

    async def _translation(self, tenant: str, pin: str) -> Translation:
        """The mapping that was pinned when the event was recorded; an older text is taken from the ledger."""
        try:
            return self.mapping(pin)
        except KeyError as error:
            async with self.database.unit(tenant) as unit:
                text = await text_of(unit, pin)
            if text is None:
                raise MappingError(f"mapping {pin} is not known here", hint=REPAIR) from error
            try:
                return parse_mapping(text, pin)
            except ConfigError as error:  # written for an older engine
                raise MappingError(error.message, hint=REPAIR) from error

    async def _apply_at_home(
        self, tenant: str, delivery: Claimed, action: Action, payload: Json, given: BaseModel
    ) -> None:
        """Effect and settlement in one transaction: exactly once, whatever dies."""
        run: Any = action.run
        try:
            async with self.database.unit(tenant, source=delivery.event.connection) as unit:
                attempt = await intend(unit, delivery, payload, _hash(payload))
                if attempt is None:
                    return
                made: Made = await run(unit, given)
                await settle(unit, delivery, attempt, action, payload, Outcome(Next(State.DONE), made))
        except Unavailable:
            raise  # nothing was done; the lease lapses and the sweep takes it up again
        except HubError as error:
            async with self.database.unit(tenant) as unit:
                attempt = await intend(unit, delivery, payload, _hash(payload))
                after = judge(error, action.effect, delivery.spent, delivery.snoozes)
                await settle(unit, delivery, attempt, action, payload, Outcome(after, error=error))

    async def _send(self, tenant: str, delivery: Claimed, action: Action, payload: Json, given: BaseModel) -> None:
        async with self.database.unit(tenant) as unit:
            stored = await find(unit, delivery.connection)
            attempt = await intend(unit, delivery, payload, _hash(payload)) if stored else None
        if stored is None:
            missing = NeedsReauth(f"no connection {delivery.connection!r}", code="connection", hint=NO_CONNECTION)
            after = Outcome(Next(State.HELD, spent=False), error=missing)
            await self._settle(tenant, delivery, None, action, payload, after)
            return
        if attempt is not None:
            outcome = await self._call(stored, delivery, action, given)
            await self._settle(tenant, delivery, attempt, action, payload, outcome)

    async def _call(self, stored: Stored, delivery: Claimed, action: Action, given: BaseModel) -> Outcome:
        try:
            context = self.registry.open(stored).context(key=delivery.id)
        except ConfigError as error:
            return Outcome(judge(error, action.effect, delivery.spent, delivery.snoozes), error=error)
        try:
            made: Made | None = None
            if delivery.look_first and action.look:
                made = await action.look(context, given)
            elif delivery.look_first and action.effect is Effect.D:
                return Outcome(Next(State.UNCERTAIN))
            made = made or await action.run(context, given)
        except HubError as error:
            after = judge(error, action.effect, delivery.spent, delivery.snoozes)
            return Outcome(after, error=error, exchanges=context.exchanges)
        except ODD_SHAPES as odd:
            doubt = Ambiguous(f"{type(odd).__name__}: {odd}", code="shape", hint=ODD)
            after = judge(doubt, action.effect, delivery.spent, delivery.snoozes)
            return Outcome(after, error=doubt, exchanges=context.exchanges)
        return Outcome(Next(State.DONE), made, exchanges=context.exchanges)

    async def _settle(
        self,
        tenant: str,
        delivery: Claimed,
        attempt: str | None,
        action: Action | None,
        payload: Json,
        outcome: Outcome,
    ) -> None:
        async with self.database.unit(tenant) as unit:
            await settle(unit, delivery, attempt, action, payload, outcome)
            if outcome.next.state is State.HELD and isinstance(outcome.error, NeedsReauth):
                await hold(unit, delivery.connection, str(outcome.error))


NO_CONNECTION = Text(
    "请先用 hub connections add 建立这个连接。", "Add this connection with `hub connections add` first."
)


ODD = Text(
    "对方的回答不是约定的形状，可能已经生效：打开这次尝试看原文，并反馈给开发者。",
    "The answer has an unknown shape and it may have happened: read the attempt, and tell the developers.",
)


def _map(translation: Translation, delivery: Claimed, action: Action) -> tuple[Json, BaseModel]:
    try:
        payload = translation.apply(dict(delivery.event.data))
        return payload, action.input.model_validate(payload)
    except ValidationError as error:
        raise MappingError(f"the mapped payload is not valid: {wrong_fields(error)}", hint=REPAIR) from error


def _hash(payload: Json) -> str:
    return sha256(dumps(payload).encode()).hexdigest()
