"""A TCP chaos proxy on loopback: stands between a client and an upstream and spoils the connection on command.

Modes are set from the same process (`proxy.mode = Cut(...)`) and hold for what is read after that, on open
connections too. "Up" is from client to upstream, "down" the answers.
"""

import asyncio
import random
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

CHUNK = 65536
UP, DOWN = "up", "down"


@dataclass(frozen=True, slots=True)
class Pass:
    """Everything goes through."""


@dataclass(frozen=True, slots=True)
class Slow:
    """Each piece read waits this long, and up to `jitter_s` more."""

    wait_s: float
    jitter_s: float = 0.0


@dataclass(frozen=True, slots=True)
class CutAfter:
    """A connection is closed once so many bytes of one direction have passed since it was opened."""

    size: int
    way: str = DOWN


@dataclass(frozen=True, slots=True)
class CutAt:
    """The first piece of a direction that holds the pattern is swallowed, and the connection closed.

    `CutAt(b"COMMIT")` downwards: PostgreSQL has committed, and the client never hears of it.
    """

    pattern: bytes
    way: str = DOWN


@dataclass(frozen=True, slots=True)
class BlackHole:
    """Connections are taken and nothing is passed on in either direction, nor closed."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A connection is reset (RST) at the next piece that is read, and new ones at once."""


@dataclass(frozen=True, slots=True)
class HalfClose:
    """The next piece upwards is passed on, then the client hears the end of the answers though it may still write."""


Mode = Pass | Slow | CutAfter | CutAt | BlackHole | Reset | HalfClose


class _EndedError(Exception):
    """This connection is over; `reset` says how it is dropped."""

    def __init__(self, reset: bool = False) -> None:
        super().__init__()
        self.reset = reset


@dataclass(slots=True)
class Link:
    """One proxied connection: the client's writer, the upstream's, and what has passed each way."""

    client: asyncio.StreamWriter
    upstream: asyncio.StreamWriter
    passed: dict[str, int] = field(default_factory=lambda: {UP: 0, DOWN: 0})


class Proxy:
    """Listens on `port`. `taken` counts connections, `spoiled` those that a mode ended."""

    def __init__(self, upstream: str | tuple[str, int], seed: int = 0) -> None:
        self.mode: Mode = Pass()
        self.port = 0
        self.taken = 0
        self.spoiled = 0
        self._upstream = upstream
        self._random = random.Random(seed)
        self._links: set[asyncio.Task[None]] = set()

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one client."""
        self.taken += 1
        task = asyncio.current_task()
        if task is not None:
            self._links.add(task)
            task.add_done_callback(self._links.discard)
        if isinstance(self.mode, Reset):
            self.spoiled += 1
            _drop(writer, True)
            return
        try:
            answers, upstream = await self._dial()
        except OSError:
            _drop(writer, False)
            return
        await self._join(reader, answers, Link(writer, upstream))

    def end(self) -> None:
        """Break every connection off."""
        for link in self._links:
            link.cancel()

    async def _dial(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, str):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection(*self._upstream)

    async def _join(self, asks: asyncio.StreamReader, answers: asyncio.StreamReader, link: Link) -> None:
        reset = False
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(UP, asks, link.upstream, link))
                group.create_task(self._pump(DOWN, answers, link.client, link))
        except* _EndedError as ended:
            self.spoiled += 1
            reset = any(isinstance(each, _EndedError) and each.reset for each in ended.exceptions)
        except* OSError:
            reset = True
        finally:
            _drop(link.client, reset)
            _drop(link.upstream, reset)

    async def _pump(self, way: str, source: asyncio.StreamReader, target: asyncio.StreamWriter, link: Link) -> None:
        while piece := await source.read(CHUNK):
            piece, last = await self._spoil(way, piece, link)
            link.passed[way] += len(piece)
            target.write(piece)
            await target.drain()
            if last:
                raise _EndedError
            if way == UP and isinstance(self.mode, HalfClose):
                link.client.write_eof()
        if target.can_write_eof():
            with suppress(OSError):
                target.write_eof()

    async def _spoil(self, way: str, piece: bytes, link: Link) -> tuple[bytes, bool]:
        """What of a piece goes on, and whether the connection ends after it."""
        match self.mode:
            case Slow(wait_s, jitter_s):
                await asyncio.sleep(wait_s + self._random.random() * jitter_s)
            case CutAfter(size, cut) if cut == way and link.passed[way] + len(piece) >= size:
                return piece[: size - link.passed[way]], True
            case CutAt(pattern, cut) if cut == way and pattern in piece:
                return b"", True
            case BlackHole():
                await asyncio.Event().wait()
            case Reset():
                raise _EndedError(reset=True)
        return piece, False


def _drop(writer: asyncio.StreamWriter, reset: bool) -> None:
    plain: socket.socket = writer.get_extra_info("socket")
    if reset and plain.fileno() >= 0 and plain.family != socket.AF_UNIX:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    else:
        writer.close()


@asynccontextmanager
async def proxying(upstream: str | tuple[str, int], seed: int = 0) -> AsyncIterator[Proxy]:
    """A proxy to a (host, port) or a Unix socket's path, for the length of a block."""
    proxy = Proxy(upstream, seed)
    server = await asyncio.start_server(proxy.take, "127.0.0.1", 0, backlog=256)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.end()
