"""The sender: posts signed events until each has got its 2xx, and keeps the journal that says what was accepted.

Within a lane it waits for the 2xx of an event before it sends the next, so the order accepted is the lane's own
numbering. It behaves as badly as vendors do: some events are posted twice at once, some again long after their 2xx.
"""

import asyncio
import random
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import simplejson

from tests.faults.bench_connector import sign

TWICE = 0.05
AGAIN = 0.03
PATIENCE_S = 5.0
WAIT_S = 0.2


@dataclass(frozen=True, slots=True)
class Sent:
    """One business event. `n` counts from 1 within its lane; `fen` is its amount."""

    id: str
    tenant: str
    lane: str
    n: int
    fen: int

    @property
    def kind(self) -> str:
        """a to d: the effect class it asks for; p: it is published in a list to be polled."""
        return self.lane[0]

    @property
    def amount(self) -> str:
        """Yuan with two decimals."""
        return f"{self.fen // 100}.{self.fen % 100:02d}"

    @property
    def body(self) -> bytes:
        """Its bytes, the same at every sending; the amount is a JSON number."""
        facts = f'"id":"{self.id}","kind":"{self.kind}","tenant":"{self.tenant}","lane":"{self.lane}"'
        return f'{{{facts},"n":{self.n},"amount":{self.amount}}}'.encode()


def events(seed: int, total: int, tenants: int, lanes: int, kinds: str) -> Iterator[list[Sent]]:
    """`total` events as one list per lane, `lanes` for each tenant, the kinds in turn; the same for the same seed."""
    places = [(f"t{t}", f"{kinds[i % len(kinds)]}{i}") for i in range(lanes) for t in range(tenants)]
    for index, (tenant, lane) in enumerate(places):
        length = total // len(places) + (index < total % len(places))
        drawn = random.Random(f"{seed}/{tenant}/{lane}")
        yield [Sent(f"{tenant}-{lane}-{n}", tenant, lane, n, drawn.randrange(1, 10**8)) for n in range(1, length + 1)]


class Journal:
    """One JSON line when an event is first sent, one at its 2xx."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")

    def sent(self, event: Sent) -> None:
        """Before its first byte leaves."""
        facts = {"id": event.id, "tenant": event.tenant, "lane": event.lane, "n": event.n, "fen": event.fen}
        self._write("sent", **facts)

    def accepted(self, event: Sent) -> None:
        """After its 2xx."""
        self._write("accepted", id=event.id)

    def _write(self, what: str, **facts: Any) -> None:
        self._file.write(simplejson.dumps({"at": round(time.time(), 4), "what": what, **facts}) + "\n")
        self._file.flush()


@dataclass(slots=True)
class Sender:
    """Sends lanes side by side. `allow` lets so many more events out.

    Attributes:
        hubs: base addresses of the API processes; each try takes one at random.
        vendor: where events to be polled are published.
        secrets: the hook secret of each tenant.
    """

    hubs: list[str]
    vendor: str
    secrets: Mapping[str, str]
    journal: Journal
    seed: int
    accepted: int = 0
    refused: int = 0
    _allowed: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    def allow(self, more: int) -> None:
        """Let this many more events be sent."""
        for _ in range(more):
            self._allowed.release()

    async def send(self, lanes: list[list[Sent]]) -> None:
        """Send every event of every lane until all are accepted."""
        patience = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(timeout=patience) as http, asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(self._lane(http, lane))

    async def _lane(self, http: aiohttp.ClientSession, lane: list[Sent]) -> None:
        drawn = random.Random(f"{self.seed}/{lane[0].id}") if lane else random.Random()
        for event in lane:
            await self._allowed.acquire()
            self.journal.sent(event)
            tries = 2 if drawn.random() < TWICE else 1
            await asyncio.gather(*(self._until_taken(http, event, drawn) for _ in range(tries)))
            self.journal.accepted(event)
            self.accepted += 1
            if drawn.random() < AGAIN:
                await self._post(http, lane[drawn.randrange(event.n)], drawn)

    async def _until_taken(self, http: aiohttp.ClientSession, event: Sent, drawn: random.Random) -> None:
        while not await self._post(http, event, drawn):
            self.refused += 1
            await asyncio.sleep(WAIT_S * (0.5 + drawn.random()))

    async def _post(self, http: aiohttp.ClientSession, event: Sent, drawn: random.Random) -> bool:
        """One try; True for a 2xx. Now and then the address differs, as when a vendor adds a parameter."""
        again = f"?again={drawn.randrange(9)}" if drawn.random() < AGAIN else ""
        url = f"{self.hubs[drawn.randrange(len(self.hubs))]}/hooks/{event.tenant}.bench{again}"
        headers = {"x-bench-signature": sign(self.secrets[event.tenant], event.body)}
        if event.kind == "p":
            url, headers = f"{self.vendor}/news", {}
        try:
            async with http.post(url, data=event.body, headers=headers) as answer:
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError):
            return False
