"""Callbacks on their way out of the fake WeCom: the address check, and pushes that are retried until HTTP 200."""

import asyncio
import time
from collections.abc import Mapping
from uuid import uuid4

import httpx

from connectors.wecom.sandbox.seal import Seal
from hub import sdk

BUDGET_S = 5.0
PAUSES = (1, 5, 10)
"""Before each of the three retries, in units of `pause_s`; the real spacing is not documented."""


class Messenger:
    """Pushes to the saved address; without one nothing is pushed, as the vendor does."""

    def __init__(self, seal: Seal, kit: sdk.SandboxKit, agent: int, pause_s: float, check_s: float) -> None:
        self._seal = seal
        self._kit = kit
        self._agent = agent
        self._pause_s = pause_s
        self._check_s = check_s
        self._url = ""
        self._http = kit.client()

    async def save(self, url: str) -> str:
        """Check an address with an echo and keep it; "" when it answered to the letter, else what was wrong."""
        echo = str(uuid4().int)[:19]
        boxed = self._seal.close(echo)
        try:
            async with asyncio.timeout(self._check_s):
                answer = await self._http.get(url, params={**self._query(boxed), "echostr": boxed})
        except (httpx.TransportError, TimeoutError) as error:
            return f"{type(error).__name__}: {error}"
        if answer.status_code != 200 or answer.content != echo.encode():
            return f"http {answer.status_code}: the answer is not the decrypted echostr"
        self._url = url
        return ""

    async def tell(self, message: Mapping[str, str | int]) -> None:
        """Push one message; the first try and three more."""
        if not self._url:
            return
        plain = xml({"ToUserName": self._seal.receiver, "FromUserName": "sys", **message})
        for tries, pause in enumerate((0, *PAUSES), 1):
            await asyncio.sleep(pause * self._pause_s)
            if await self._push(plain):
                self._kit.ledger.write("callback.delivered", tries=tries, **_told(message))
                if self._kit.faults.hit("duplicate"):
                    await self._push(plain)
                return
        self._kit.ledger.write("callback.lost", **_told(message))

    async def _push(self, plain: str) -> bool:
        boxed = self._seal.close(plain)
        body = xml({"ToUserName": self._seal.receiver, "AgentID": str(self._agent), "Encrypt": boxed})
        head = {"content-type": "text/xml"}
        try:
            async with asyncio.timeout(BUDGET_S):
                answer = await self._http.post(
                    self._url, params=self._query(boxed), content=body.encode(), headers=head
                )
            return answer.status_code == 200
        except (httpx.TransportError, TimeoutError):
            return False

    def _query(self, boxed: str) -> dict[str, str]:
        when, nonce = str(int(time.time())), str(uuid4().int)[:10]
        return {"msg_signature": self._seal.stamp(when, nonce, boxed), "timestamp": when, "nonce": nonce}

    async def close(self) -> None:
        """Close the client."""
        await self._http.aclose()


def xml(values: Mapping[str, str | int]) -> str:
    """The vendor's XML: text in CDATA, numbers bare."""
    inside = "".join(
        f"<{tag}>{value if isinstance(value, int) else _text(value)}</{tag}>" for tag, value in values.items()
    )
    return f"<xml>{inside}</xml>"


def _text(value: str) -> str:
    return f"<![CDATA[{value.replace(']]>', ']]]]><![CDATA[>')}]]>"


def _told(message: Mapping[str, str | int]) -> dict[str, str | int]:
    names = {"Event": "event", "ChangeType": "change", "ExternalUserID": "external_user_id", "UserID": "user_id"}
    return {ours: message[theirs] for theirs, ours in names.items() if theirs in message}


def change(kind: str, customer: str, member: str, state: str = "") -> dict[str, str | int]:
    """A change_external_contact."""
    extra = {"State": state, "WelcomeCode": uuid4().hex} if kind.startswith("add_") else {}
    return {
        **_event("change_external_contact"),
        "ChangeType": kind,
        "UserID": member,
        "ExternalUserID": customer,
        **extra,
    }


def archive_news() -> dict[str, str | int]:
    """A msgaudit_notify."""
    return {**_event("msgaudit_notify"), "AgentID": 2000004}


def _event(name: str) -> dict[str, str | int]:
    return {"CreateTime": int(time.time()), "MsgType": "event", "Event": name}
