"""The subscriber: verifies each event with its own code, keeps it once, and misbehaves on request."""

import asyncio
import time
from typing import Any

import simplejson
from starlette.requests import Request
from starlette.responses import Response

from connectors.webhook.sandbox.seal import Pair, Seal
from hub import sdk

WINDOW_S = 300
MANNERS = ("gone", "slow_down", "away", "failed_after", "silence", "slow", "moved", "wrong", "empty", "html")
BUSY = {"retry-after": "7"}


class Subscriber:
    """One endpoint. `manners`: how the next events are answered, one each; `secrets`: those it accepts."""

    def __init__(self, kit: sdk.SandboxKit, secrets: list[Seal], pair: Pair, slow_s: int) -> None:
        self._kit = kit
        self._pair = pair
        self._slow_s = slow_s
        self.secrets = secrets
        self.manners: list[str] = []
        self.received: dict[str, Any] = {}

    async def hear(self, request: Request) -> Response:
        """One event."""
        body = await request.body()
        manner = self.manners.pop(0) if self.manners else ""
        if self._kit.faults.hit("throttle") or manner == "slow_down":
            return Response("慢一点", 429, BUSY)
        if manner in BEFORE:
            status, headers = BEFORE[manner]
            return Response(manner, status, headers)
        if wrong := self._wrong(request, body):
            return Response(wrong, 401)
        self._keep(request.headers["webhook-id"], body)
        return await self._answer(manner, request)

    def _wrong(self, request: Request, body: bytes) -> str:
        """What is wrong with a request, "" for nothing. A signature by our pair must be good where there is one."""
        ident, when = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "")
        stamps = request.headers.get("webhook-signature", "").split(" ")
        if not ident or not when.isdigit() or abs(int(when) - int(time.time())) > WINDOW_S:
            return "no id, or the timestamp is too old or too new"
        if not {secret.stamp(ident, when, body) for secret in self.secrets} & set(stamps):
            return "no signature matches"
        asymmetric = [stamp for stamp in stamps if stamp.startswith("v1a,")]
        good = all(self._pair.has_stamped(stamp, ident, when, body) for stamp in asymmetric)
        return "" if good else "the v1a signature does not match"

    def _keep(self, ident: str, body: bytes) -> None:
        told = simplejson.loads(body, use_decimal=True)
        if ident in self.received:
            self._kit.ledger.write("event.repeated", id=ident, same=self.received[ident] == told)
            return
        self.received[ident] = told
        self._kit.ledger.write("event.received", id=ident, **told)

    async def _answer(self, manner: str, request: Request) -> Response:
        """After it was taken."""
        if manner == "silence":
            await _hung_up(request)
        if manner == "slow":
            await asyncio.sleep(self._slow_s)
        match manner:
            case "failed_after":
                return Response("<h1>500</h1>", 500, media_type="text/html")
            case "empty":
                return Response(status_code=204)
            case "html":
                return Response("<h1>谢谢</h1>", media_type="text/html")
        return Response("ok", media_type="text/plain")


async def _hung_up(request: Request) -> None:
    """Wait until the other side has had enough; the body was read before."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


BEFORE: dict[str, tuple[int, dict[str, str]]] = {
    "gone": (410, {}),
    "away": (503, BUSY),
    "moved": (308, {"location": "https://elsewhere.example/hook"}),
    "wrong": (422, {}),
}
"""Answers given before anything was taken."""
