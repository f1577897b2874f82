"""From a claimed delivery to what will be sent: the pinned mapping, applied and validated. Nothing leaves here."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from hub.domain.errors import ConfigError, MappingError
from hub.domain.event import Event
from hub.domain.text import Text
from hub.failpoints import point
from hub.flows.refs import refs_of
from hub.ledger.claim import Claimed
from hub.ledger.database import Database
from hub.ledger.refs import known
from hub.ledger.versions import text_of
from hub.mapping import pinned
from hub.mapping.refs import Asked, Found, asked, seeing
from hub.registry import Registry, wrong_fields
from hub.sdk.connector import Action
from hub.sdk.exact import Json

Check = Callable[[str, Event, str], Awaitable[None]]
"""(tenant, event, pin of a mapping): raises Drifted when the event must not go through it unseen."""

MOST_OLDER = 50
"""So many mappings that no longer run are kept read: each delivery of theirs asks for its own twice."""

REPAIR = Text("修改映射文件后重放。", "Correct the mapping, then replay.")


async def unchecked(_tenant: str, _event: Event, _pin: str) -> None:
    """The check of a hub that watches no stream."""


class Translation(Protocol):
    """A mapping: pure, raises MappingError."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload."""


@dataclass(frozen=True, slots=True)
class Ready:
    """A delivery with what its action is given."""

    delivery: Claimed
    action: Action
    payload: Json
    given: BaseModel


def calls(sending: Iterable[Ready]) -> list[list[Ready]]:
    """What goes in one call each: several of an action where the vendor takes them so, all else alone.

    Alone goes also what must be looked for first, and the probe of an ill vendor.
    """
    alone: list[list[Ready]] = []
    together: defaultdict[str, list[Ready]] = defaultdict(list)
    for ready in sending:
        if ready.action.batch is None or ready.delivery.look_first or ready.delivery.probe:
            alone.append([ready])
        else:
            together[ready.delivery.action].append(ready)
    return alone + [part for several in together.values() for part in _parts(several)]


def _parts(several: list[Ready]) -> Iterable[list[Ready]]:
    batch = several[0].action.batch
    most = batch.most if batch else 1
    return (several[start : start + most] for start in range(0, len(several), most))


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares deliveries. `mapping` finds a mapping by its pin and raises KeyError when there is none.

    `check` is asked before the first attempt; what was sent once has passed it.
    """

    database: Database
    registry: Registry
    mapping: Callable[[str], Translation]
    check: Check = unchecked
    _older: dict[tuple[str, str], Translation] = field(default_factory=dict)

    async def look_up(self, tenant: str, claimed: Iterable[Claimed]) -> Found:
        """The ids in other systems that the mappings of these ask for, in one question; none where they ask for none.

        What cannot be asked shows when it is prepared.
        """
        wanted: set[Asked] = set()
        for each in claimed:
            with suppress(MappingError):
                refs = refs_of(await self._translation(tenant, each.mapping))
                wanted.update(asked(refs, each.event.data).values())
        if not wanted:
            return {}
        async with self.database.unit(tenant) as unit:
            return await known(unit, wanted)

    async def prepare(self, tenant: str, delivery: Claimed, found: Found) -> Ready:
        """Raises Drifted, or MappingError: no such action or mapping, or what comes out of it is not valid."""
        action = self.registry.actions.get(delivery.action)
        if action is None:
            raise MappingError(f"no action {delivery.action!r}", hint=REPAIR)
        point("worker.in_map")
        payload = delivery.override
        if payload is None:
            if delivery.payload is None:
                await self.check(tenant, delivery.event, delivery.mapping)
            payload = await self._mapped(tenant, delivery, found)
        try:
            return Ready(delivery, action, payload, action.input.model_validate(payload))
        except ValidationError as error:
            raise MappingError(f"the mapped payload is not valid: {wrong_fields(error)}", hint=REPAIR) from error

    async def _mapped(self, tenant: str, delivery: Claimed, found: Found) -> Json:
        """What the mapping makes of it. What may have been sent with other ids stays as it was."""
        translation = await self._translation(tenant, delivery.mapping)
        refs = refs_of(translation)
        if refs and delivery.look_first and delivery.payload is not None:
            return delivery.payload
        return translation.apply(seeing(refs, dict(delivery.event.data), found))

    async def _translation(self, tenant: str, pin: str) -> Translation:
        """The mapping that was pinned when the event was recorded; an older text is taken from the ledger."""
        try:
            return self.mapping(pin)
        except KeyError as error:
            if known := self._older.get((tenant, pin)):
                return known
            async with self.database.unit(tenant) as unit:
                text = await text_of(unit, pin)
            if text is None:
                raise MappingError(f"mapping {pin} is not known here", hint=REPAIR) from error
            try:
                made = pinned(text, pin)
            except ConfigError as error:  # written for an older engine
                raise MappingError(error.message, hint=REPAIR) from error
            if len(self._older) >= MOST_OLDER:
                self._older.clear()
            self._older[tenant, pin] = made
            return made
