"""Which deliveries an event owes. Pure: no clock, no database, no network."""

from collections.abc import Iterable, Sequence
from typing import Any

from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.flows.flow import Flow
from hub.mapping.expression import Expression


def plan(event: Event, flows: Sequence[Flow]) -> list[Owed]:
    """Every step of every flow the event is for, in the order of the flows and their steps.

    The steps of a flow share its lane within a connection and so go one after the other. A condition that cannot
    be evaluated raises: nothing is recorded, the sender is not told 2xx, and the flow's author sees why.
    """
    return [owed for flow in flows if _is_for(flow, event) for owed in _steps(flow, event)]


def _is_for(flow: Flow, event: Event) -> bool:
    if (flow.when.connection, flow.when.event) != (event.connection, event.type):
        return False
    return flow.condition is None or bool(flow.condition.search(event.data))


def _steps(flow: Flow, event: Event) -> Iterable[Owed]:
    lane = _text(flow.lane, event)
    for index, step in enumerate(flow.steps):
        record = _text(step.record, event)
        yield Owed(flow.name, index, step.connection, step.action, step.pin, lane, record)


def _text(expression: Expression | None, event: Event) -> str:
    found: Any = expression.search(event.data) if expression else None
    return str(found) if found is not None else event.subject
