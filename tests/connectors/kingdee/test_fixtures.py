"""Recorded talks: what we send, byte for byte, and what becomes of each answer, yes and no."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.kingdee import connector
from connectors.kingdee.receipts import ENTRY, HEAD, SOURCE, read_receipts
from hub import sdk
from tests.connectors.kingdee.wire import answering

FOLDER = Path(__file__).parents[3] / "connectors" / "kingdee" / "fixtures"


def cases(kind: str) -> pytest.MarkDecorator:
    files = sorted((FOLDER / kind).glob("*.json"))
    return pytest.mark.parametrize("case", [sdk.loads(f.read_bytes()) for f in files], ids=[f.stem for f in files])


@cases("events")
def test_receipts_become_events(case: dict[str, Any]) -> None:
    tables = [
        [dict(zip(keys, row, strict=True)) for row in case["given"][name]]
        for name, keys in (("heads", HEAD), ("sources", SOURCE), ("entries", ENTRY))
    ]
    got = [
        {
            "type": event.type,
            "subject": event.subject,
            "dedupe_key": event.dedupe_key,
            "occurred_at": event.occurred_at.isoformat(),
            "data": event.data,
        }
        for event in read_receipts(*tables)
    ]
    assert sdk.dumps(got) == sdk.dumps(case["expect"])


@cases("actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        assert request.url.path.rsplit(".", 3)[-3] == turn["operation"]
        assert request.content.decode() == sdk.dumps(turn["request"])
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    action = connector.actions[case["action"]]
    ctx = answering(vendor)
    payload = action.input.model_validate(case["input"])

    if "made" in case["expect"]:
        assert (await action.run(ctx, payload)).model_dump() == case["expect"]["made"]
    else:
        with pytest.raises(sdk.VendorError) as caught:
            await action.run(ctx, payload)
        assert {"error": type(caught.value).__name__, "code": caught.value.code} == case["expect"]

    assert next(talk, None) is None


def test_every_action_and_event_has_a_fixture_and_every_action_a_yes_and_a_no() -> None:
    actions = [sdk.loads(f.read_bytes()) for f in (FOLDER / "actions").glob("*.json")]
    events = [sdk.loads(f.read_bytes()) for f in (FOLDER / "events").glob("*.json")]

    for name in connector.actions:
        assert {"made" in case["expect"] for case in actions if case["action"] == name} == {True, False}
    assert {fact["type"] for case in events for fact in case["expect"]} == set(connector.polls)
