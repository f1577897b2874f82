"""A delivery: one event owed to one flow step; the unit of truth. Its states and how they may change."""

from dataclasses import dataclass
from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    CLAIMED = "claimed"
    SENDING = "sending"
    DONE = "done"
    WAITING = "waiting"
    UNCERTAIN = "uncertain"
    HELD = "held"
    DEAD = "dead"
    SKIPPED = "skipped"
    CANCELLED = "cancelled"


_AFTER_ATTEMPT = frozenset({State.DONE, State.WAITING, State.UNCERTAIN, State.HELD, State.DEAD})

TRANSITIONS: dict[State, frozenset[State]] = {
    State.PENDING: frozenset({State.CLAIMED, State.SKIPPED, State.CANCELLED, State.HELD}),
    State.CLAIMED: frozenset({State.SENDING, State.PENDING, State.SKIPPED}) | _AFTER_ATTEMPT,
    State.SENDING: _AFTER_ATTEMPT,
    State.WAITING: frozenset({State.CLAIMED, State.PENDING, State.SKIPPED, State.CANCELLED, State.HELD}),
    State.UNCERTAIN: frozenset({State.PENDING, State.DONE, State.DEAD, State.CANCELLED}),
    State.HELD: frozenset({State.PENDING, State.DONE, State.DEAD, State.CANCELLED}),
    State.DEAD: frozenset({State.PENDING, State.CANCELLED}),
    State.DONE: frozenset({State.PENDING}),
    State.SKIPPED: frozenset({State.PENDING}),
    State.CANCELLED: frozenset({State.PENDING}),
}
"""From each state, the states it may turn into. done/skipped/cancelled → pending only by an operator's replay."""


@dataclass(frozen=True, slots=True)
class Owed:
    """A delivery that an event owes, planned by a flow and not yet in the ledger.

    Attributes:
        step: position in the flow, from 0; steps of one flow share its lane and go in order.
        connection: name of the target connection.
        lane: what must go one at a time and in order, within the target connection.
        mapping: mapping name and version, pinned here ("crm.contract__dingtalk.approval@1").
        newest: of one record, lane and step only what happened last is sent; what is older is skipped.
        optional: nothing is owed where the tenant has no such connection; otherwise it is held until there is one.
    """

    flow: str
    step: int
    connection: str
    action: str
    mapping: str
    lane: str
    record: str
    optional: bool = False
    newest: bool = False


@dataclass(frozen=True, slots=True)
class Next:
    """What becomes of a delivery after an attempt.

    Attributes:
        delay_s: seconds until it is due again; only for `waiting`, before jitter.
        spent: whether the attempt counts against the retry budget.
        look_first: the next attempt must look before it writes.
    """

    state: State
    delay_s: float = 0.0
    spent: bool = True
    look_first: bool = False
