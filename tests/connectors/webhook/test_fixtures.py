"""Recorded talks and requests: what we send, what becomes of each answer, and what each request tells."""

from typing import Any

import httpx

from connectors.webhook import connector
from connectors.webhook.events import RECEIVED, parse, read
from connectors.webhook.proof import verify
from hub import sdk
from hub.sdk import testing
from tests.connectors.webhook.partner import answering, config, pushed


@testing.cases("webhook", "events")
def test_requests_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    given = case["given"]
    told = config(given["scheme"], **given["config"])
    callback = pushed(given["scheme"], given["body"].encode(), given.get("id", ""), headers=given.get("headers"))

    for _ in range(2):
        plaintext = verify(told, callback).plaintext
        assert sdk.dumps(testing.facts(parse(read(plaintext)))) == sdk.dumps(case["expect"])


@testing.cases("webhook", "actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        ident = {"webhook-id": request.headers["webhook-id"]}
        said = {"method": request.method, "path": request.url.path, **ident, "body": sdk.loads(request.content)}
        assert sdk.dumps(said) == sdk.dumps(turn["request"])
        answer = turn["answer"]
        return httpx.Response(answer["status"], headers=answer.get("headers"), text=answer["text"])

    await testing.ends_as_recorded(connector, answering(vendor, **case["config"]), case)

    assert next(talk, None) is None


def test_every_event_is_recorded() -> None:
    events = [case["expect"] for case in testing.recorded("webhook", "events").values()]
    assert {fact["type"] for facts in events for fact in facts} == {RECEIVED}
