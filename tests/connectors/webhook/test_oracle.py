"""The reference library of Standard Webhooks speaks with our fake partner and with our client, both ways."""

import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from standardwebhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.webhook import connector
from connectors.webhook.proof import verify
from connectors.webhook.sandbox.app import OURS, THEIRS
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import sandbox
from tests.connectors.webhook.partner import BODY, config, send, values
from tests.serving import serving


class Oracle:
    """A receiver made of the library: it answers 204 to what it can verify."""

    def __init__(self, secret: str) -> None:
        self._library = Webhook(secret)
        self.heard: list[tuple[str, object]] = []
        self.app = Starlette(routes=[Route("/hook", self.hook, methods=["POST"])])

    async def hook(self, request: Request) -> Response:
        try:
            told = self._library.verify(await request.body(), dict(request.headers))
        except WebhookVerificationError as error:
            return Response(str(error), 401)
        self.heard.append((request.headers["webhook-id"], told))
        return Response(status_code=204)


def signed(secret: str, ident: str, body: str) -> dict[str, str]:
    """Headers as the library makes them."""
    now = datetime.now(UTC)
    signature = Webhook(secret).sign(ident, now, body)
    return {"webhook-id": ident, "webhook-timestamp": str(int(now.timestamp())), "webhook-signature": signature}


async def test_the_oracle_drives_our_sandbox_and_takes_what_it_sends(tmp_path: Path) -> None:
    oracle = Oracle(THEIRS.secret)
    body = '{"type":"contract.approved","timestamp":"2026-11-28T10:00:00Z","data":{"amount":628000.10}}'
    with sandbox("webhook", tmp_path) as running:
        async with make_client(base_url=running.url, egress=LOOPBACK) as http, serving(oracle.app) as url:
            good = await http.post("/hook", content=body, headers=signed(OURS.secret, "msg_1", body))
            bad = await http.post("/hook", content=body, headers=signed(THEIRS.secret, "msg_2", body))
            told = {"type": "order.paid", "data": {"name": "张三"}, "id": "msg_3", "url": f"{url}/hook"}
            sent = (await http.post("/_sandbox/send", json=told)).json()

    assert (good.status_code, bad.status_code) == (200, 401)
    assert sent == {"id": "msg_3", "status": 204, "tries": 1}
    ((ident, heard),) = oracle.heard
    assert ident == "msg_3"
    assert isinstance(heard, dict)
    assert heard["data"] == {"name": "张三"}
    assert [(e["effect"], e.get("id")) for e in running.effects()] == [
        ("event.received", "msg_1"),
        ("callback.delivered", None),
    ]


@pytest.mark.parametrize("which", ["out_secret", "out_secret_old", "out_secret_older"])
async def test_an_oracle_takes_what_our_client_sends_by_any_of_its_secrets(which: str) -> None:
    secrets = {"out_secret": "whsec_" + "QUFB" * 8, "out_secret_old": "whsec_" + "QkJC" * 8}
    oracle = Oracle({**secrets, which: OURS.secret}[which])
    async with serving(oracle.app) as url:
        told = values(out_url=f"{url}/hook", **{**secrets, which: OURS.secret})
        ctx = testing.open_context(connector, told, key="dlv_7")
        async with ctx.http:
            made = await send(ctx, data={"name": "张三"}, timestamp="2026-11-28T10:00:00Z")

    body = {"type": "contract.approved", "timestamp": "2026-11-28T10:00:00.000Z", "data": {"name": "张三"}}
    assert made.id == "dlv_7"
    assert oracle.heard == [("dlv_7", body)]


async def test_an_oracle_with_another_secret_is_told_again_later() -> None:
    oracle = Oracle("whsec_" + "Q0ND" * 8)
    async with serving(oracle.app) as url:
        ctx = testing.open_context(connector, values(out_url=f"{url}/hook", out_key=""))
        async with ctx.http:
            with pytest.raises(sdk.Transient, match="No matching signature"):
                await send(ctx)

    assert oracle.heard == []


def test_our_client_takes_what_the_oracle_signs() -> None:
    headers = signed(THEIRS.secret, "msg_1", BODY.decode())
    assert verify(config(), sdk.Callback("POST", {}, headers, BODY)).plaintext.endswith(BODY)


@pytest.mark.parametrize("signature", ["v1", "v1,a,b", "v1,é", "v1,a", "é"])
def test_what_trips_the_oracle_is_refused_by_our_client(signature: str) -> None:
    """The library ends with errors of other kinds than its own (or none of its own words) for these."""
    headers = {"webhook-id": "msg_1", "webhook-timestamp": str(int(time.time())), "webhook-signature": signature}
    with pytest.raises((ValueError, WebhookVerificationError)):
        Webhook(THEIRS.secret).verify(BODY, headers)
    with pytest.raises(sdk.BadSignature):
        verify(config(), sdk.Callback("POST", {}, headers, BODY))
    with pytest.raises(sdk.BadSignature):
        verify(config(), sdk.Callback("POST", {}, headers, b"\xff\xfe"))


async def test_the_oracles_headers_are_what_httpx_sends() -> None:
    """Ours are lower case on the wire or not, the library finds them."""
    seen: list[httpx.Headers] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers)
        Webhook(OURS.secret).verify(request.content, dict(request.headers))
        return httpx.Response(200)

    ctx = testing.open_context(connector, values(), transport=httpx.MockTransport(vendor))
    await send(ctx)
    assert len(seen) == 1
