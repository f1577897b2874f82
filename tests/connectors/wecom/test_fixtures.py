"""Recorded talks and messages: what we send, what becomes of each answer, and what each message tells."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.wecom import connector
from connectors.wecom.events import parse
from connectors.wecom.sandbox.app import credentials
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit
from tests.connectors.wecom.archive_fixtures import tell_given

FOLDER = Path(__file__).parents[3] / "connectors" / "wecom" / "fixtures"
PLACE = SandboxKit(EffectLedger(None), Faults(), url="http://127.0.0.1:1")


def cases(kind: str) -> pytest.MarkDecorator:
    files = sorted((FOLDER / kind).glob("*.json"))
    return pytest.mark.parametrize("case", [sdk.loads(f.read_bytes()) for f in files], ids=[f.stem for f in files])


@cases("events")
def test_messages_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    tell = tell_given if "plaintext" in case["given"] else parse
    for _ in range(2):
        got = [
            {
                "type": fact.type,
                "subject": fact.subject,
                "dedupe_key": fact.dedupe_key,
                "occurred_at": fact.occurred_at.isoformat(),
                "data": dict(fact.data),
            }
            for fact in tell(case["given"])
            if isinstance(fact, sdk.Inbound)
        ]
        assert sdk.dumps(got) == sdk.dumps(case["expect"])


@cases("actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        body = sdk.loads(request.content) if request.content else None
        said = {"method": request.method, "path": request.url.path, "params": dict(request.url.params), "body": body}
        assert said == turn["request"]
        return httpx.Response(turn["answer"]["status"], content=sdk.dumps(turn["answer"]["body"]).encode())

    values = {**credentials(PLACE), **case["config"]}
    ctx = testing.open_context(connector, values, key="dlv_0001", transport=httpx.MockTransport(vendor))
    action = connector.actions[case["action"]]
    payload = action.input.model_validate(case["input"])

    if "made" in case["expect"]:
        assert (await action.run(ctx, payload)).model_dump() == case["expect"]["made"]
    else:
        with pytest.raises(sdk.VendorError) as caught:
            await action.run(ctx, payload)
        assert {"error": type(caught.value).__name__, "code": caught.value.code} == case["expect"]
        assert caught.value.hint.zh

    assert next(talk, None) is None


def test_every_event_is_recorded() -> None:
    told = [sdk.loads(path.read_bytes())["expect"] for path in (FOLDER / "events").glob("*.json")]

    assert {fact["type"] for facts in told for fact in facts} == connector.events - {"contact.read", "message.sent"}
