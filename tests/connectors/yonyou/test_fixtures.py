"""Recorded talks and messages: what we send, what becomes of each answer, and what each message tells."""

from typing import Any

import httpx

from connectors.yonyou import connector
from connectors.yonyou.events import EVENTS, parse
from hub import sdk
from hub.sdk import testing
from tests.connectors.yonyou.wire import answering, signed_in, told


@testing.cases("yonyou", "events")
def test_messages_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    for _ in range(2):
        assert sdk.dumps(testing.facts(parse(case["given"]))) == sdk.dumps(case["expect"])


@testing.cases("yonyou", "actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        assert sdk.dumps(told(request)) == sdk.dumps(turn["request"])
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    ctx = answering(signed_in(vendor), **case["config"])
    await testing.ends_as_recorded(connector, ctx, case)

    assert next(talk, None) is None


def test_every_action_has_a_yes_and_a_no_and_every_event_is_recorded() -> None:
    actions = testing.recorded("yonyou", "actions").values()
    events = [case["expect"] for case in testing.recorded("yonyou", "events").values()]

    for name in connector.actions:
        assert {"made" in case["expect"] for case in actions if case["action"] == name} == {True, False}
    assert {fact["type"] for facts in events for fact in facts} == EVENTS
