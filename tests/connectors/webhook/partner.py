"""Configs, contexts and callbacks of one partner, signed as our sandbox signs."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import httpx

from connectors.webhook import connector
from connectors.webhook.config import Config
from connectors.webhook.sandbox.app import SENDS, credentials
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit

URL = "http://127.0.0.1:1"
BODY = b'{"type":"order.paid","timestamp":"2026-11-28T10:00:00Z","data":{"total":199.65}}'
EVENT = {"type": "contract.approved", "data": {"contract": {"number": "HT-1"}}}


def values(scheme: str = "standard", **changes: Any) -> dict[str, Any]:
    """A connection to the sandbox."""
    kit = SandboxKit(EffectLedger(None), Faults(), {"scheme": scheme}, url=URL)
    return {**credentials(kit), **changes}


def config(scheme: str = "standard", **changes: Any) -> Config:
    return Config.model_validate(values(scheme, **changes))


def pushed(
    scheme: str = "standard",
    body: bytes = BODY,
    ident: str = "msg_1",
    when: int | None = None,
    headers: Mapping[str, str] | None = None,
) -> sdk.Callback:
    """A callback as the fake partner sends it, now or at another second."""
    signed = SENDS[scheme][0].headers(ident, str(int(time.time()) if when is None else when), body)
    return sdk.Callback("POST", {}, {**(headers or {}), **signed}, body)


def answering(vendor: Callable[[httpx.Request], httpx.Response], key: str = "dlv_1", **changes: Any) -> Any:
    """A context whose subscriber is one function."""
    return testing.open_context(connector, values(**changes), key=key, transport=httpx.MockTransport(vendor))


async def send(ctx: sdk.Context[Config], **changes: Any) -> sdk.Made:
    """Send an event as the hub does."""
    action = connector.actions["send_event"]
    return await action.run(ctx, action.input.model_validate({**EVENT, **changes}))
