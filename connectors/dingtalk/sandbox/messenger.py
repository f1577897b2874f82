"""Events on their way out of the fake DingTalk: sealed, sent, retried until the sealed "success" comes back."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import httpx
import simplejson

from connectors.dingtalk.sandbox.office import TEMPLATE, Instance
from connectors.dingtalk.sandbox.seal import BrokenSealError, Seal
from hub import sdk

TRIES = 20
AT_ONCE = 8


class Messenger:
    """Sends events to the subscribed address. The real one retries after 10 s and 30 s; this one after `pause_s`."""

    def __init__(self, seal: Seal, kit: sdk.SandboxKit, pause_s: float) -> None:
        self._seal = seal
        self._kit = kit
        self._pause_s = pause_s
        self._url = ""
        self._http = kit.client()
        self._turns = asyncio.Semaphore(AT_ONCE)

    async def subscribe(self, url: str) -> str:
        """Check an address with check_url and keep it; "" when it answered well, else what was wrong."""
        wrong = await self._send(url, {"EventType": "check_url"})
        if not wrong:
            self._url = url
        return wrong

    async def tell(self, event: dict[str, Any]) -> None:
        """Deliver one event, again and again until it is taken."""
        for attempt in range(TRIES):
            if self._url and not await self._send(self._url, event):
                self._kit.ledger.write("callback.delivered", event_id=event["eventId"], type=event["type"])
                if not self._kit.faults.hit("duplicate"):
                    return
                await self._send(self._url, event)
                return
            await asyncio.sleep(self._pause_s * min(attempt + 1, 6))

    async def _send(self, url: str, event: dict[str, Any]) -> str:
        boxed = self._seal.close(simplejson.dumps(event, ensure_ascii=False))
        when, nonce = str(int(time.time() * 1000)), uuid4().hex[:8]
        stamp = self._seal.stamp(when, nonce, boxed)
        query = {"signature": stamp, "msg_signature": stamp, "timestamp": when, "nonce": nonce}
        try:
            async with self._turns:
                answer = await self._http.post(url, params=query, json={"encrypt": boxed})
            return self._judge(answer)
        except httpx.TransportError as error:
            return f"{type(error).__name__}: {error}"

    def _judge(self, answer: httpx.Response) -> str:
        if answer.status_code != 200:
            return f"http {answer.status_code}"
        try:
            body = simplejson.loads(answer.content)
            good = self._seal.stamp(body["timeStamp"], body["nonce"], body["encrypt"])
            if good != body["msg_signature"]:
                return "the reply's signature does not match"
            return "" if self._seal.open(body["encrypt"]) == "success" else "the reply is not success"
        except (ValueError, KeyError, TypeError, BrokenSealError) as error:
            return f"unreadable reply: {error}"

    async def close(self) -> None:
        """Close the client."""
        await self._http.aclose()


def _event(made: Instance, kind: str) -> dict[str, Any]:
    return {
        "EventType": "bpms_instance_change",
        "EventTime": int(time.time() * 1000),
        "eventId": uuid4().hex,
        "CorpId": "dingsandboxcorp",
        "processInstanceId": made.id,
        "processCode": TEMPLATE,
        "title": made.title,
        "staffId": made.originator,
        "createTime": int(made.created.timestamp() * 1000),
        "type": kind,
    }


def started(made: Instance) -> dict[str, Any]:
    """The event of a start."""
    return _event(made, "start")


def ended(made: Instance) -> dict[str, Any]:
    """The event of an end."""
    at = made.finished or made.created
    return {**_event(made, "finish"), "result": made.result, "finishTime": int(at.timestamp() * 1000)}
