"""Recorded mails and talks: what each mail tells, what we say to a server, and what becomes of each answer."""

from typing import Any

from connectors.email import connector
from hub import sdk
from hub.sdk import testing
from tests.connectors.email.talks import HOME, NOON, scripted, tell_given


@testing.cases("email", "events")
def test_mails_become_events_and_the_same_ones_again(case: dict[str, Any]) -> None:
    for _ in range(2):
        assert sdk.dumps(testing.facts(tell_given(case["given"]))) == sdk.dumps(case["expect"])


@testing.cases("email", "actions")
async def test_actions_say_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    async with scripted(case["talk"]) as server:
        values = {**HOME, **case["config"], "smtp_port": server.port}
        ctx = testing.open_context(connector, values, key="dlv_0001", now=NOON.timestamp)
        await testing.ends_as_recorded(connector, ctx, case)

    assert server.heard == case["talk"]


def test_every_event_is_recorded() -> None:
    told = [case["expect"] for case in testing.recorded("email", "events").values()]

    assert {fact["type"] for facts in told for fact in facts} == connector.events - {"mail.sent"}
