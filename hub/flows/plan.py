"""Which deliveries an event owes. Pure: no clock, no database, no network."""

from collections.abc import Iterable, Sequence

from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.flows.flow import Flow, Step
from hub.mapping.expressions.expression import Expression, Unanswerable
from hub.sdk.exact import Json

UNPLANNED = "unplanned"
"""How the mapping of a delivery begins that could not be planned; no mapping has such a name, so it goes dead."""


def plan(event: Event, flows: Sequence[Flow]) -> list[Owed]:
    """Every step of every flow the event is for, in the order of the flows and their steps.

    The steps of a flow share its lane within a connection and so go one after the other. It never raises, for an
    event must be kept whatever a flow makes of it: what an expression cannot answer (a text compared with a number,
    a record that is not there) is owed under a mapping that does not exist, and so shows as a dead letter with
    the reason, and nothing is sent.
    """
    return [owed for flow in flows if _hears(flow, event) for owed in _steps(flow, event)]


def _hears(flow: Flow, event: Event) -> bool:
    return flow.when.connection == event.connection and event.type in flow.when.event


def _steps(flow: Flow, event: Event) -> Iterable[Owed]:
    data = {"subject": event.subject, **event.data}
    try:
        if flow.condition is not None and not _is_true(flow.condition.search(event.data)):
            return
        lane = _name(flow.lane, data, event)
        records = [_name(step.record, data, event) for step in flow.steps]
    except Unanswerable as error:
        yield from (_unplanned(flow, i, step, event, str(error)) for i, step in enumerate(flow.steps))
        return
    for index, (step, record) in enumerate(zip(flow.steps, records, strict=True)):
        place = (flow.name, index, step.connection, step.action, step.pin, lane, record)
        yield Owed(*place, optional=flow.optional, newest=flow.newest)


def _unplanned(flow: Flow, index: int, step: Step, event: Event, reason: str) -> Owed:
    why = f"{UNPLANNED}: {reason}"
    return Owed(flow.name, index, step.connection, step.action, why, event.subject, event.subject, flow.optional)


def _name(expression: Expression | None, data: Json, event: Event) -> str:
    """What a lane or record expression gives; the event's subject where the flow has none."""
    if expression is None:
        return event.subject
    found = expression.search(data)
    if isinstance(found, str) and found:
        return found
    if isinstance(found, int) and not isinstance(found, bool):
        return str(found)
    raise Unanswerable(f"{expression.text!r} gives no id")


def _is_true(value: Json) -> bool:
    """JMESPath's truth: 0 is true; false, nothing and what is empty are not."""
    return value is not None and value is not False and value not in ("", [], {})
