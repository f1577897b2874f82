"""Bodies too large, too slow or packed, and two thousand silent sockets, against a real server."""

import asyncio
import gzip
import socket
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from statistics import median

import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from hub.api.limits import Guard
from hub.api.server import HastyProtocol

MOST = 1000
MIB = 1024 * 1024
SLOW_S = 0.4


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


@pytest.fixture
async def port() -> AsyncIterator[int]:
    guarded = Guard(echo, MOST, SLOW_S)
    running = uvicorn.Server(uvicorn.Config(guarded, http=HastyProtocol, log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        task = asyncio.create_task(running.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        running.should_exit = True
        await task


def head(*headers: str) -> bytes:
    return "\r\n".join(["POST / HTTP/1.1", "host: x", *headers, "", ""]).encode()


async def say(port: int, *parts: bytes, pause_s: float = 0.0) -> bytes:
    """Send parts, then hear until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for part in parts:
        writer.write(part)
        await asyncio.sleep(pause_s)
    async with asyncio.timeout(5):
        heard = await reader.read()
    writer.close()
    return heard


async def test_one_byte_too_many_is_refused_before_it_comes(port: int) -> None:
    assert b" 413 " in await say(port, head(f"content-length: {MOST + 1}"))


async def test_a_body_without_a_length_is_refused_when_it_passes_the_limit(port: int) -> None:
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    heard = await say(port, head("transfer-encoding: chunked"), *[chunk] * 11, pause_s=0.01)
    assert b" 413 " in heard


async def test_a_body_that_is_too_slow_is_given_up_and_the_connection_closed(port: int) -> None:
    began = time.monotonic()
    assert b" 408 " in await say(port, head("content-length: 10"), b"x")
    assert time.monotonic() - began >= SLOW_S


async def test_a_packed_body_stays_packed(port: int) -> None:
    bomb = gzip.compress(b" " * 64 * 1024)
    heard = await say(port, head(f"content-length: {len(bomb)}", "content-encoding: gzip", "connection: close") + bomb)
    assert heard.endswith(b"\r\n\r\n%d" % len(bomb))


async def test_a_sender_that_never_ends_is_not_read_to_the_end(port: int) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    chunk, sent = b"10000\r\n" + b"x" * 0x10000 + b"\r\n", 0
    writer.write(head("transfer-encoding: chunked"))
    with suppress(ConnectionError):
        async with asyncio.timeout(5):
            while sent < 64 * MIB:
                writer.write(chunk)
                await writer.drain()
                sent += len(chunk)
    assert sent < 8 * MIB
    writer.transport.abort()


async def test_two_thousand_silent_sockets_keep_nobody_waiting(port: int) -> None:
    async def once() -> float:
        began = time.monotonic()
        assert b" 200 " in await say(port, head("content-length: 2", "connection: close") + b"ok")
        return time.monotonic() - began

    quiet = [await once() for _ in range(100)]
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2000)]
    crowded = [await once() for _ in range(100)]
    for _, writer in silent:
        writer.transport.abort()
    assert median(crowded) < 2 * median(quiet) + 0.002
