"""The sender: signs events by the chosen scheme and posts them to a hook until they are taken."""

import asyncio
import time
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any, Protocol
from uuid import uuid4

import httpx
import simplejson

from connectors.webhook.sandbox.seal import Headers
from hub import sdk

TRIES = 20
PATIENCE_S = 5.0


class Signs(Protocol):
    """A way to sign."""

    def headers(self, ident: str, when: str, body: bytes) -> Headers:
        """What a sender adds."""


class Sender:
    """Posts to the last address it was given; between two tries it waits `pause_s`.

    `names`: what its fields are called after an upgrade, by their path in `data`.
    """

    def __init__(self, kit: sdk.SandboxKit, seal: Signs, pause_s: float) -> None:
        self._kit = kit
        self._seal = seal
        self._pause_s = pause_s
        self._url = ""
        self._http = kit.client()
        self.names: dict[str, str] = {}

    async def send(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Send {type, data, id?, url?}; how it ended. Nothing is sent before an address was told."""
        self._url = asked.get("url", self._url)
        ident = str(asked.get("id") or f"msg_{uuid4().hex}")
        data = renamed(asked["data"], self.names)
        told = {"id": ident, "type": asked["type"], "timestamp": datetime.now(UTC).isoformat(), "data": data}
        body = simplejson.dumps(told, use_decimal=True, ensure_ascii=False).encode()
        status, tries = 0, 0
        while tries < TRIES and not 200 <= status < 300:
            if tries:
                await asyncio.sleep(self._pause_s)
            status, tries = await self._post(ident, body), tries + 1
        if 200 <= status < 300:
            self._kit.ledger.write("callback.delivered", event_id=ident, type=told["type"])
            if self._kit.faults.hit("duplicate"):
                await self._post(ident, body)
        return {"id": ident, "status": status, "tries": tries}

    async def _post(self, ident: str, body: bytes) -> int:
        """The status of one try, 0 for no answer. Time and signature are those of the try."""
        signed = self._seal.headers(ident, str(int(time.time())), body)
        kind = {"content-type": "application/json"}
        try:
            answer = await self._http.post(self._url, content=body, headers={**kind, **signed}, timeout=PATIENCE_S)
        except httpx.TransportError:
            return 0
        return answer.status_code

    async def close(self) -> None:
        """Close the client."""
        await self._http.aclose()


def renamed(data: Any, names: dict[str, str]) -> Any:
    """The same data with other names; where a path leads nowhere nothing changes."""
    made = deepcopy(data)
    for path, name in names.items():
        *outer, last = path.split(".")
        holder = made
        for step in outer:
            holder = holder.get(step) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and last in holder:
            holder[name] = holder.pop(last)
    return made
