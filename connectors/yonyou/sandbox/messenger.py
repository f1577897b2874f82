"""Events on their way out of the fake YonBIP: sealed, sent, retried until "success" comes back."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx
import simplejson

from connectors.yonyou.sandbox.gate import TENANT
from connectors.yonyou.sandbox.seal import FIELDS, BrokenSealError, Seal
from hub import sdk

TRIES = 20
PATIENCE_S = 5.0


class Messenger:
    """Sends events to the subscribed address. The real one retries after 1 min, 5 min, then hourly; we each pause."""

    def __init__(self, seal: Seal, kit: sdk.SandboxKit, scheme: str, pause_s: float) -> None:
        self._seal = seal
        self._kit = kit
        self._scheme = scheme
        self._pause_s = pause_s
        self._url = ""
        self._http = kit.client()
        self._tasks: set[asyncio.Task[None]] = set()

    async def subscribe(self, url: str) -> str:
        """Check an address with CHECK_URL and keep it; "" when it answered well, else what was wrong."""
        wrong = await self._send(url, envelope("CHECK_URL", "检查"))
        if not wrong:
            self._url = url
        return wrong

    def tell(self, kind: str, content: Any) -> None:
        """Have one event delivered, again and again until it is taken. Nothing when nobody subscribed."""
        if not self._url:
            return
        task = asyncio.create_task(self._deliver(envelope(kind, content)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _deliver(self, event: dict[str, Any]) -> None:
        for _ in range(TRIES):
            if not await self._send(self._url, event):
                self._kit.ledger.write("callback.delivered", event_id=event["eventId"], type=event["type"])
                if self._kit.faults.hit("duplicate"):
                    await self._send(self._url, event)
                return
            await asyncio.sleep(self._pause_s)

    async def _send(self, url: str, event: dict[str, Any]) -> str:
        boxed = self._seal.close(simplejson.dumps(event, ensure_ascii=False))
        when, nonce = int(time.time() * 1000), uuid4().hex[:16]
        stamp = self._seal.stamp(self._scheme, str(when), nonce, boxed)
        body = {FIELDS[self._scheme]: stamp, "timestamp": when, "nonce": nonce, "encrypt": boxed}
        try:
            answer = await self._http.post(url, json=body, timeout=PATIENCE_S)
        except httpx.TransportError as error:
            return f"{type(error).__name__}: {error}"
        return self._judge(answer)

    def _judge(self, answer: httpx.Response) -> str:
        """Both documented replies are good: the plain word and the sealed one."""
        if answer.status_code != 200:
            return f"http {answer.status_code}"
        if answer.content.strip() == b"success":
            return ""
        try:
            body = simplejson.loads(answer.content)
            good = self._seal.stamp(self._scheme, str(body["timestamp"]), body["nonce"], body["encrypt"])
            if good != body[FIELDS[self._scheme]]:
                return "the reply's signature does not match"
            return "" if self._seal.open(body["encrypt"]) == "success" else "the reply is not success"
        except (ValueError, KeyError, TypeError, BrokenSealError) as error:
            return f"unreadable reply: {error}"

    async def close(self) -> None:
        """Stop all deliveries and close the client."""
        for task in self._tasks:
            task.cancel()
        await self._http.aclose()


def envelope(kind: str, content: Any) -> dict[str, Any]:
    """An event as YonBIP wraps it."""
    return {
        "type": kind,
        "eventId": str(uuid4()),
        "timestamp": int(time.time() * 1000),
        "tenantId": TENANT,
        "content": content,
    }
