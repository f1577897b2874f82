"""Recorded talks: what we ask, and what becomes of each answer, yes and no."""

from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from connectors.enrichment import connector
from hub import sdk
from hub.sdk import testing

CASES = testing.recorded("enrichment", "actions").values()
SECRETS = {
    "tianyancha": {"token": "token-of-a-test"},
    "qichacha": {"app_key": "app-key-of-a-test", "secret_key": "secret-of-a-test"},
}
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@testing.cases("enrichment", "actions")
async def test_actions_ask_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        params = {name: value for name, value in request.url.params.items() if name != "key"}
        assert {"path": request.url.path, "params": params} == turn["request"]
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    values = {"provider": case["provider"], **SECRETS[case["provider"]]}
    ctx = testing.open_context(connector, values, transport=httpx.MockTransport(vendor), now=NOON.timestamp)
    await testing.ends_as_recorded(connector, ctx, case)

    assert next(talk, None) is None


@pytest.mark.parametrize("provider", SECRETS)
def test_each_registry_has_a_yes_and_a_no_on_record(provider: str) -> None:
    assert {"made" in case["expect"] for case in CASES if case["provider"] == provider} == {True, False}
