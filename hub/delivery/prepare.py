"""From a claimed delivery to what will be sent: the pinned mapping, applied and validated. Nothing leaves here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ValidationError

from hub.domain.errors import ConfigError, MappingError
from hub.domain.text import Text
from hub.failpoints import point
from hub.ledger.claim import Claimed
from hub.ledger.database import Database
from hub.ledger.versions import text_of
from hub.mapping import parse_mapping
from hub.registry import Registry, wrong_fields
from hub.sdk.connector import Action
from hub.sdk.exact import Json

REPAIR = Text("修改映射文件后重放。", "Correct the mapping, then replay.")


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


@dataclass(frozen=True, slots=True)
class Preparer:
    """Prepares deliveries. `mapping` finds a mapping by its pin and raises KeyError when there is none."""

    database: Database
    registry: Registry
    mapping: Callable[[str], Translation]

    async def prepare(self, tenant: str, delivery: Claimed) -> Ready:
        """Raises MappingError: no such action or mapping, or what comes out of it is not valid."""
        action = self.registry.actions.get(delivery.action)
        if action is None:
            raise MappingError(f"no action {delivery.action!r}", hint=REPAIR)
        point("worker.in_map")
        payload = delivery.override
        if payload is None:
            payload = (await self._translation(tenant, delivery.mapping)).apply(dict(delivery.event.data))
        try:
            return Ready(delivery, action, payload, action.input.model_validate(payload))
        except ValidationError as error:
            raise MappingError(f"the mapped payload is not valid: {wrong_fields(error)}", hint=REPAIR) from error

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
