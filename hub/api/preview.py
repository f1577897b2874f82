"""What a replay would do with one delivery: which mapping, which payload, and how that differs. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import ValidationError

from hub.domain.delivery import Owed
from hub.domain.errors import MappingError
from hub.domain.event import Event
from hub.domain.text import NOTHING, Text
from hub.flows.plan import UNPLANNED
from hub.ledger.batches import Choice, Put
from hub.ledger.selection import Candidate
from hub.mapping.trials.difference import Change, differences
from hub.registry import wrong_fields
from hub.sdk.connector import Action
from hub.sdk.exact import Json

NOT_OWED = Text(
    "流程现在不再做这一步：按原来的映射重放，或放弃它。",
    "Today's flows do not do this: replay it with the pinned mapping, or cancel it.",
)
NO_PLAN = Text("先改正流程文件。", "Correct the flow file first.")
REPAIR = Text("修改映射文件，或修改内容后发送。", "Correct the mapping, or edit the payload.")
NO_ACTION = Text("装上有这个动作的连接器。", "Install the connector that has this action.")


class Translation(Protocol):
    """A mapping: pure, raises MappingError."""

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A mapping that is not to be had; applying it says why."""

    pin: str
    why: str

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Raises MappingError."""
        raise MappingError(f"mapping {self.pin}: {self.why}", hint=REPAIR)


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be sent for a delivery with the mapping `pin`; or `error` and `hint`: why nothing could be."""

    candidate: Candidate
    pin: str
    payload: Json = None
    changes: Sequence[Change] = ()
    error: str = ""
    hint: Text = NOTHING


@dataclass(frozen=True, slots=True)
class Planner:
    """Actions by their full name, and what an event owes by today's flows."""

    actions: Mapping[str, Action]
    plan: Callable[[Event], Sequence[Owed]]

    def pin(self, candidate: Candidate, choice: Choice) -> str:
        """The mapping a replay uses. Raises MappingError when today's flows have none."""
        return candidate.mapping if choice == "pinned" else self._owed(candidate).mapping

    def put(self, candidate: Candidate, choice: Choice) -> Put:
        """How to put it back. Raises MappingError as `pin` does."""
        if choice == "pinned":
            return Put(candidate.id)
        owed = self._owed(candidate)
        if candidate.mapping.startswith(UNPLANNED):
            return Put(candidate.id, owed.mapping, owed.lane, owed.record)
        return Put(candidate.id, owed.mapping)

    def preview(self, candidate: Candidate, choice: Choice, translation: Callable[[str], Translation]) -> Preview:
        """What would be sent, an edited payload included, and how it differs from what was."""
        pin = candidate.mapping
        try:
            pin = self.pin(candidate, choice)
            payload = candidate.override if choice == "pinned" else None
            if payload is None:
                payload = translation(pin).apply(dict(candidate.event.data))
            self.validate(candidate.action, payload)
        except MappingError as error:
            return Preview(candidate, pin, error=error.message, hint=error.hint)
        return Preview(candidate, pin, payload, differences(candidate.payload, payload))

    def validate(self, action: str, payload: Json) -> None:
        """MappingError names each field of a payload that the action does not take."""
        known = self.actions.get(action)
        if known is None:
            raise MappingError(f"no action {action!r}", hint=NO_ACTION)
        try:
            known.input.model_validate(payload)
        except ValidationError as error:
            raise MappingError(f"the payload is not valid: {wrong_fields(error)}", hint=REPAIR) from error

    def _owed(self, candidate: Candidate) -> Owed:
        """The same step as today's flows plan it."""
        place = (candidate.flow, candidate.step, candidate.connection, candidate.action)
        for owed in self.plan(candidate.event):
            if (owed.flow, owed.step, owed.connection, owed.action) == place:
                if owed.mapping.startswith(UNPLANNED):
                    raise MappingError(owed.mapping, hint=NO_PLAN)
                return owed
        raise MappingError("today's flows do not owe this step", hint=NOT_OWED)
