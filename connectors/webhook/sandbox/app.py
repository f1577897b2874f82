"""The fake partner: a subscriber at /hook, a sender, and the people behind both.

Options: `scheme` standard (default) | asymmetric | hmac | hmac_body | token | ed25519 of what it sends; `retry_ms`
(200) between two tries; `slow_s` (2).
People: POST /_sandbox/send {type, data, id?, url?} signs an event and posts it; POST /_sandbox/rename {"names":
{"order.bill_no": "receivable_no"}} calls fields of its data otherwise from now on, {} as before;
POST /_sandbox/answers {"next": [gone | slow_down | away | failed_after | silence | slow | moved | wrong | empty | html,
...]} for the next events; POST /_sandbox/secrets {"secrets": [whsec_…]} are those the subscriber accepts; GET
/_sandbox/received.
"""

import base64
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import simplejson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from connectors.webhook.sandbox.seal import Mac, Pair, Seal, Word
from connectors.webhook.sandbox.sender import Sender
from connectors.webhook.sandbox.subscriber import MANNERS, Subscriber
from hub import sdk

OURS = Seal(b"sandbox-key-of-the-subscriber-01")
PAIR = Pair(b"sandbox-seed-of-the-subscriber-1")
THEIRS = Seal(b"sandbox-key-of-the-sender-000001")
SENDS: dict[str, tuple[Seal | Pair | Mac | Word, dict[str, str]]] = {
    "standard": (THEIRS, {"in_scheme": "standard"}),
    "asymmetric": (Pair(b"sandbox-seed-of-the-sender-00001"), {"in_scheme": "standard"}),
    "hmac": (
        Mac("sandbox-hmac-secret-0001"),
        {
            "in_scheme": "hmac",
            "in_header": "x-partner-signature",
            "in_prefix": "sha256=",
            "in_timestamp_header": "x-partner-timestamp",
            "in_signed": "{timestamp}.{body}",
            "id_path": "id",
        },
    ),
    "hmac_body": (
        Mac("sandbox-hmac-secret-0002", bare=True),
        {"in_scheme": "hmac", "in_header": "x-partner-hmac-sha256", "in_encoding": "base64", "id_path": "id"},
    ),
    "token": (
        Word("sandbox-token-0123456789abcdef"),
        {"in_scheme": "token", "in_header": "authorization", "in_prefix": "Bearer", "id_path": "id"},
    ),
    "ed25519": (
        Pair(b"sandbox-seed-of-the-sender-00002", bare=True),
        {
            "in_scheme": "ed25519",
            "in_header": "x-signature-ed25519",
            "in_timestamp_header": "x-signature-timestamp",
            "in_signed": "{timestamp}{body}",
            "id_path": "id",
        },
    ),
}


class Server:
    """Both sides of one partner."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        options = kit.options
        self.subscriber = Subscriber(kit, [OURS], PAIR, int(options.get("slow_s", "2")))
        self.sender = Sender(kit, SENDS[_scheme(kit)][0], int(options.get("retry_ms", "200")) / 1000)

    async def send(self, request: Request) -> Response:
        """Someone does something the sender tells of."""
        return _json(await self.sender.send(await _read(request)))

    async def rename(self, request: Request) -> Response:
        """The sender is upgraded: fields of its data have other names, all others their old ones."""
        self.sender.names = (await _read(request)).get("names", {})
        return _json({"names": self.sender.names})

    async def answers(self, request: Request) -> Response:
        """How the next events are answered."""
        asked = (await _read(request))["next"]
        if unknown := [manner for manner in asked if manner not in MANNERS]:
            return _json({"unknown": unknown, "known": MANNERS}, 400)
        self.subscriber.manners += asked
        return _json({"next": self.subscriber.manners})

    async def secrets(self, request: Request) -> Response:
        """The subscriber's administrator changes its secrets."""
        asked = (await _read(request))["secrets"]
        self.subscriber.secrets = [Seal(base64.b64decode(text.removeprefix("whsec_"))) for text in asked]
        return _json({"secrets": len(asked)})

    async def received(self, _request: Request) -> Response:
        """What the subscriber has, by webhook-id."""
        return _json(self.subscriber.received)

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """End the sender with the server."""
        yield
        await self.sender.close()


def _scheme(kit: sdk.SandboxKit) -> str:
    scheme = kit.options.get("scheme", "standard")
    if scheme not in SENDS:
        raise sdk.ConfigError(f"scheme {scheme!r}; known: {', '.join(SENDS)}")
    return scheme


async def _read(request: Request) -> Any:
    return simplejson.loads(await request.body(), use_decimal=True)


def _json(value: Any, status: int = 200) -> Response:
    text = simplejson.dumps(value, use_decimal=True, ensure_ascii=False)
    return Response(text.encode(), status_code=status, media_type="application/json")


def build(kit: sdk.SandboxKit) -> ASGIApp:
    """The ASGI app."""
    server = Server(kit)
    routes = [
        Route("/hook", server.subscriber.hear, methods=["POST"]),
        Route("/_sandbox/send", server.send, methods=["POST"]),
        Route("/_sandbox/rename", server.rename, methods=["POST"]),
        Route("/_sandbox/answers", server.answers, methods=["POST"]),
        Route("/_sandbox/secrets", server.secrets, methods=["POST"]),
        Route("/_sandbox/received", server.received, methods=["GET"]),
    ]
    return Starlette(routes=routes, lifespan=server.lifespan)


def credentials(kit: sdk.SandboxKit) -> dict[str, str]:
    """The config of a connection to this partner, both ways."""
    seal, how = SENDS[_scheme(kit)]
    out = {"out_url": f"{kit.url}/hook", "out_secret": OURS.secret, "out_key": PAIR.private}
    return {**out, **how, "in_secret": seal.secret}


sandbox = sdk.Sandbox(build, credentials)
