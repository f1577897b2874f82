"""Recorded talks and messages: what we send, what becomes of each answer, and what each message tells."""

from typing import Any

import httpx

from connectors.dingtalk import connector
from connectors.dingtalk.events import EVENTS, parse
from connectors.dingtalk.sandbox.app import credentials
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

PLACE = SandboxKit(EffectLedger(None), Faults(), url="http://127.0.0.1:1")


@testing.cases("dingtalk", "events")
def test_messages_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    for _ in range(2):
        assert sdk.dumps(testing.facts(parse(case["given"]))) == sdk.dumps(case["expect"])


@testing.cases("dingtalk", "actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        said = {"method": request.method, "path": request.url.path, "body": sdk.loads(request.content)}
        assert said == turn["request"]
        return httpx.Response(turn["answer"]["status"], content=sdk.dumps(turn["answer"]["body"]).encode())

    values = {**credentials(PLACE), **case["config"]}
    ctx = testing.open_context(connector, values, key="dlv_0001", transport=httpx.MockTransport(vendor))
    await testing.ends_as_recorded(connector, ctx, case)

    assert next(talk, None) is None


def test_every_event_is_recorded() -> None:
    told = [case["expect"] for case in testing.recorded("dingtalk", "events").values()]

    assert {fact["type"] for facts in told for fact in facts} == EVENTS
