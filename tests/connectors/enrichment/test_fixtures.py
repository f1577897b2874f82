"""Recorded talks: what we ask, and what becomes of each answer, yes and no."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.enrichment import connector
from hub import sdk
from hub.sdk import testing

FILES = sorted((Path(__file__).parents[3] / "connectors" / "enrichment" / "fixtures" / "actions").glob("*.json"))
CASES = [sdk.loads(file.read_bytes()) for file in FILES]
SECRETS = {
    "tianyancha": {"token": "token-of-a-test"},
    "qichacha": {"app_key": "app-key-of-a-test", "secret_key": "secret-of-a-test"},
}
NOON = datetime(2026, 11, 20, 4, 0, tzinfo=UTC)


@pytest.mark.parametrize("case", CASES, ids=[file.stem for file in FILES])
async def test_actions_ask_what_was_recorded_and_end_as_recorded(case: dict[str, Any]) -> None:
    talk = iter(case["talk"])

    def vendor(request: httpx.Request) -> httpx.Response:
        turn = next(talk)
        params = {name: value for name, value in request.url.params.items() if name != "key"}
        assert {"path": request.url.path, "params": params} == turn["request"]
        return httpx.Response(200, content=sdk.dumps(turn["answer"]).encode())

    values = {"provider": case["provider"], **SECRETS[case["provider"]]}
    ctx = testing.open_context(connector, values, transport=httpx.MockTransport(vendor), now=NOON.timestamp)
    action = connector.actions[case["action"]]
    payload = action.input.model_validate(case["input"])

    if "made" in case["expect"]:
        made = await action.run(ctx, payload)
        assert sdk.dumps(made.model_dump(mode="python")) == sdk.dumps(case["expect"]["made"])
    else:
        with pytest.raises(sdk.VendorError) as caught:
            await action.run(ctx, payload)
        assert {"error": type(caught.value).__name__, "code": caught.value.code} == case["expect"]

    assert next(talk, None) is None


@pytest.mark.parametrize("provider", SECRETS)
def test_each_registry_has_a_yes_and_a_no_on_record(provider: str) -> None:
    assert {"made" in case["expect"] for case in CASES if case["provider"] == provider} == {True, False}
