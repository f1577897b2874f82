"""Recorded talks: what we send, byte for byte, and what becomes of each answer, yes and no."""

from typing import Any

import httpx

from connectors.kingdee import connector
from connectors.kingdee.receipts import ENTRY, HEAD, SOURCE, read_receipts
from hub import sdk
from hub.sdk import testing
from tests.connectors.kingdee.wire import answering


@testing.cases("kingdee", "events")
def test_receipts_become_events(case: dict[str, Any]) -> None:
    tables = [
        [dict(zip(keys, row, strict=True)) for row in case["given"][name]]
        for name, keys in (("heads", HEAD), ("sources", SOURCE), ("entries", ENTRY))
    ]
    assert sdk.dumps(testing.facts(read_receipts(*tables))) == sdk.dumps(case["expect"])


@testing.cases("kingdee", "actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        assert request.url.path.rsplit(".", 3)[-3] == turn["operation"]
        assert request.content.decode() == sdk.dumps(turn["request"])
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    await testing.ends_as_recorded(connector, answering(vendor), case)

    assert next(talk, None) is None


def test_every_action_and_event_has_a_fixture_and_every_action_a_yes_and_a_no() -> None:
    actions = testing.recorded("kingdee", "actions").values()
    events = testing.recorded("kingdee", "events").values()

    for name in connector.actions:
        assert {"made" in case["expect"] for case in actions if case["action"] == name} == {True, False}
    assert {fact["type"] for case in events for fact in case["expect"]} == set(connector.polls)
