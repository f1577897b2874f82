"""Slow heads and silent sockets are closed; others are served meanwhile."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import uvicorn
from starlette.responses import PlainTextResponse

from hub.api import server
from hub.api.server import HastyProtocol


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(server, "HEAD_S", 0.4)
    running = uvicorn.Server(
        uvicorn.Config(PlainTextResponse("yes"), http=HastyProtocol, log_config=None, lifespan="off")
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        task = asyncio.create_task(running.serve(sockets=[listening]))
        yield listening.getsockname()[1]
        running.should_exit = True
        await task


async def say(port: int, *parts: bytes) -> bytes:
    """Send parts 0.15 s apart, then read until the other side closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    with suppress(ConnectionError):
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.15)
        async with asyncio.timeout(3):
            heard = await reader.read()
    writer.close()
    return heard


HEAD = b"GET / HTTP/1.1\r\nhost: x\r\n"


async def test_a_silent_socket_and_a_slow_head_are_closed_without_an_answer(port: int) -> None:
    slow = (HEAD, *(b"a: b\r\n" for _ in range(6)), b"\r\n")
    assert list(await asyncio.gather(say(port), say(port, *slow))) == [b"", b""]


async def test_who_is_quick_is_served_also_twice_on_one_connection(port: int) -> None:
    heard = await say(port, HEAD + b"\r\n", HEAD + b"\r\n", HEAD + b"connection: close\r\n\r\n")
    assert heard.count(b"200 OK") == 3
