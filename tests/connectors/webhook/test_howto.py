"""docs/howto/webhooks.md: its settings, its receiver, its mapping and flow do what the page says."""

import importlib
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

import core_crm
from connectors.webhook import connector
from connectors.webhook.config import Config
from connectors.webhook.sandbox.app import OURS
from hub.domain.event import Event
from hub.flows import Catalogue
from hub.sdk import testing
from tests.connectors.webhook.partner import send, values

PAGE = (Path(__file__).parents[3] / "docs" / "howto" / "webhooks.md").read_text("utf-8")
SETTINGS = [yaml.safe_load(text) for text in re.findall(r"```yaml\n(in_scheme.*?)```", PAGE, re.DOTALL)]


@pytest.mark.parametrize("given", SETTINGS, ids=lambda given: given.get("in_header", given["in_scheme"]))
def test_every_setting_makes_a_connection(given: dict[str, Any]) -> None:
    assert Config.model_validate(given).in_scheme == given["in_scheme"]


def test_every_scheme_is_shown() -> None:
    assert {given["in_scheme"] for given in SETTINGS} == {"standard", "hmac", "token", "ed25519"}


async def test_the_receivers_code_takes_what_we_send_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "receiver_of_the_page.py").write_text(code, "utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    is_genuine, seen = importlib.import_module("receiver_of_the_page").is_genuine, []

    def receive(request: httpx.Request) -> httpx.Response:
        seen.append((dict(request.headers), request.content))
        return httpx.Response(204)

    await send(testing.open_context(connector, values(), transport=httpx.MockTransport(receive)))

    ((headers, body),) = seen
    assert is_genuine(OURS.secret, headers, body)
    assert not is_genuine(OURS.secret, headers, body + b" ")
    assert not is_genuine("whsec_" + "QUFB" * 8, headers, body)
    assert not is_genuine(OURS.secret, {**headers, "webhook-timestamp": "1764316800"}, body)


def test_the_mapping_and_the_flow_load_and_plan(tmp_path: Path) -> None:
    for name, text in re.findall(r"`mappings/(\S+\.yaml)`\n\n```yaml\n(.*?)```", PAGE, re.DOTALL):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    actions = {f"crm.{name}": action.input for name, action in core_crm.home.actions.items()}

    catalogue = Catalogue.load(tmp_path, actions, {"webhook": connector.events})

    data = {"type": "order.paid", "id": "msg_1", "at": "2026-11-28T10:00:00+00:00", "payload": {}}
    event = Event("evt_1", "demo", "shop", "event.received", "o-1", datetime(2026, 11, 28, tzinfo=UTC), data)
    (owed,) = catalogue.plan(event)
    assert (owed.action, owed.lane) == ("crm.note_interaction", "o-1")
    other = Event(event.id, "demo", "shop", "event.received", "o-1", event.occurred_at, {**data, "type": "order.sent"})
    assert catalogue.plan(other) == []
