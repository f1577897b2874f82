"""Recorded talks and messages: what we send, what becomes of each answer, and what each message tells."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.yonyou import connector
from connectors.yonyou.events import EVENTS, parse
from hub import sdk
from tests.connectors.yonyou.wire import answering, run, signed_in, told

FOLDER = Path(__file__).parents[3] / "connectors" / "yonyou" / "fixtures"


def cases(kind: str) -> pytest.MarkDecorator:
    files = sorted((FOLDER / kind).glob("*.json"))
    return pytest.mark.parametrize("case", [sdk.loads(f.read_bytes()) for f in files], ids=[f.stem for f in files])


@cases("events")
def test_messages_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    for _ in range(2):
        got = [
            {
                "type": fact.type,
                "subject": fact.subject,
                "dedupe_key": fact.dedupe_key,
                "occurred_at": fact.occurred_at.isoformat(),
                "data": fact.data,
            }
            for fact in parse(case["given"])
        ]
        assert sdk.dumps(got) == sdk.dumps(case["expect"])


@cases("actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        assert sdk.dumps(told(request)) == sdk.dumps(turn["request"])
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    ctx = answering(signed_in(vendor), **case["config"])
    if "made" in case["expect"]:
        made = await run(ctx, case["action"], case["input"])
        assert made.model_dump() == case["expect"]["made"]
    else:
        with pytest.raises(sdk.VendorError) as caught:
            await run(ctx, case["action"], case["input"])
        assert {"error": type(caught.value).__name__, "code": caught.value.code} == case["expect"]
        assert caught.value.hint.zh

    assert next(talk, None) is None


def test_every_action_has_a_yes_and_a_no_and_every_event_is_recorded() -> None:
    actions = [sdk.loads(path.read_bytes()) for path in (FOLDER / "actions").glob("*.json")]
    events = [sdk.loads(path.read_bytes())["expect"] for path in (FOLDER / "events").glob("*.json")]

    for name in connector.actions:
        assert {"made" in case["expect"] for case in actions if case["action"] == name} == {True, False}
    assert {fact["type"] for facts in events for fact in facts} == EVENTS
