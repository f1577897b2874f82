"""A load generator that costs little: keep-alive connections over bare sockets, bodies made beforehand."""

import asyncio
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.benchmarks.sink_connector import sign

SECRET = "bench"


@dataclass(slots=True)
class Loaded:
    """What came of it: when each body was sent and answered (wall clock, by its place), and what was not 200."""

    sent: dict[int, float] = field(default_factory=dict)
    answered: dict[int, float] = field(default_factory=dict)
    wrong: list[bytes] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def waits_ms(self) -> list[float]:
        """How long each answer took, sorted."""
        return sorted(1000 * (at - self.sent[place]) for place, at in self.answered.items())


def request(path: str, body: bytes) -> bytes:
    """A whole signed POST."""
    head = f"POST {path} HTTP/1.1\r\nhost: bench\r\ncontent-type: application/json\r\nx-signature: {sign(SECRET, body)}"
    return f"{head}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body


async def load(url: str, requests: Sequence[bytes], at_once: int, per_s: float = 0.0) -> Loaded:
    """Send every request over so many connections; at most `per_s` a second, or as fast as answers come."""
    made = Loaded()
    began = time.time()
    places = iter(range(len(requests)))
    await asyncio.gather(*(_one(url, requests, places, made, began, per_s) for _ in range(at_once)))
    made.seconds = time.time() - began
    return made


async def _one(
    url: str, requests: Sequence[bytes], places: Iterable[int], made: Loaded, began: float, per_s: float
) -> None:
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    for place in places:
        if per_s:
            await asyncio.sleep(max(0.0, began + place / per_s - time.time()))
        made.sent[place] = time.time()
        writer.write(requests[place])
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(length)
        made.answered[place] = time.time()
        if not head.startswith(b"HTTP/1.1 200"):
            made.wrong.append(head[:100])
    writer.close()
