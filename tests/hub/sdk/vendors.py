"""A vendor of a few lines on a real socket, and one of our clients before it."""

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

from pydantic import BaseModel

from hub import sdk
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK

TABLE = sdk.ErrorTable(read=lambda answer: None if answer.body["ok"] else sdk.Refusal("no", "no"), rows={})
YES = b'{"ok":true}'

Manners = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Config(BaseModel):
    """Nothing to configure."""


async def heard(reader: asyncio.StreamReader) -> bytes:
    """One request's head; its body is read and dropped."""
    head = await reader.readuntil(b"\r\n\r\n")
    if length := re.search(rb"(?i)content-length: (\d+)", head):
        await reader.readexactly(int(length[1]))
    return head


def answer(body: bytes = YES, *headers: str, status: str = "200 OK") -> bytes:
    """An answer as it stands on the wire."""
    return "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]).encode() + body


@asynccontextmanager
async def facing(
    manners: Manners, *, deadline_s: float = 5.0, cap: int = 100_000
) -> AsyncIterator[sdk.Context[Config]]:
    """A context whose vendor serves each connection with `manners`."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            await manners(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with make_client(base_url=url, egress=LOOPBACK, max_answer_bytes=cap) as http:
        yield sdk.Context(Config(), http, TABLE, deadline=timedelta(seconds=deadline_s))
    server.close()
