"""The person at the desk: looks at what the hub's public API shows, and answers what it is in doubt about.

Where the hub asks whether something is there, the person looks at the vendor's own screen (its ledger) and says so.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp

LOOK_S = 1.0
THINK_S = 3.0
SHOWN = ("uncertain", "held", "dead")
UNDER_WAY = ("pending", "claimed", "sending", "waiting")
WHY = "the fault run's person looked"


@dataclass(slots=True)
class Person:
    """Watches every tenant's deliveries.

    Attributes:
        keys: API key by tenant.
        find: the vendor's own id of an event's effect as its screen shows it, "" when it is not there.
        shown: state by event id of what needs a person still; what was answered or replayed is no longer among it.
        why: the error beside it, for the report.
        doubted: events that were ever shown as uncertain.
        replayed: how many parked after the deaths of their workers were put back.
    """

    hubs: list[str]
    keys: dict[str, str]
    find: Callable[[str], str]
    shown: dict[str, str] = field(default_factory=dict)
    why: dict[str, str] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    replayed: int = 0
    _since: dict[str, float] = field(default_factory=dict)

    async def watch(self) -> None:
        """Look and answer until cancelled; an API that is away is asked again."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            while True:
                for tenant in self.keys:
                    for item in await self._list(http, tenant, SHOWN):
                        await self._mind(http, tenant, item)
                await asyncio.sleep(LOOK_S)

    async def _mind(self, http: aiohttp.ClientSession, tenant: str, item: dict[str, Any]) -> None:
        event, state, error = item["record"], item["state"], item["error"] or {}
        self.shown[event], self.why[event] = state, error.get("message", "")
        self._since.setdefault(item["id"], time.monotonic())
        if state == "uncertain":
            self.doubted.add(event)
        if time.monotonic() - self._since[item["id"]] < THINK_S:
            return
        done = False
        if state == "uncertain":
            there = self.find(event)
            answer = {"there": bool(there), "external_id": there, "why": WHY}
            done = await self._ask(http, "POST", f"/{item['id']}/answer", tenant, answer) is not None
        elif error.get("code") == "crashes":
            done = await self._ask(http, "POST", f"/{item['id']}/replay", tenant) is not None
            self.replayed += done
        if done:
            del self.shown[event], self._since[item["id"]]

    async def unfinished(self) -> list[str]:
        """Events that are still under way, by the public API."""
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=5)) as http:
            found = [i for tenant in self.keys for i in await self._list(http, tenant, UNDER_WAY)]
        return [f"{item['record']} {item['state']} attempts={item['attempts']}" for item in reversed(found)]

    async def _list(self, http: aiohttp.ClientSession, tenant: str, states: tuple[str, ...]) -> list[dict[str, Any]]:
        query = "&".join(f"state={state}" for state in states)
        told = await self._ask(http, "GET", f"?limit=200&{query}", tenant)
        items: list[dict[str, Any]] = told["items"] if told else []
        return items

    async def _ask(
        self, http: aiohttp.ClientSession, method: str, path: str, tenant: str, body: object = None
    ) -> dict[str, Any] | None:
        """The decoded answer of the first API that says yes; None when none does."""
        for hub in self.hubs:
            headers = {"authorization": f"Bearer {self.keys[tenant]}"}
            try:
                async with http.request(method, f"{hub}/api/v1/deliveries{path}", headers=headers, json=body) as answer:
                    if answer.status < 300:
                        told: dict[str, Any] = await answer.json()
                        return told
            except (aiohttp.ClientError, TimeoutError, OSError):
                continue
        return None
