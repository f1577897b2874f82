"""As much of HTTP/1.1 as the fault vendor speaks, on bare asyncio streams, so that it can reset a connection."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import simplejson

LARGEST = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Asked:
    """One request; header names are lower case."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Said:
    """One answer; `body` is JSON unless it is bytes."""

    status: int
    body: object


class ResetError(Exception):
    """Raised by a handler: the connection is reset (RST) instead of answered."""


Handler = Callable[[Asked], Awaitable[Said]]


async def converse(handle: Handler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer requests on one connection until it ends."""
    try:
        while asked := await _read(reader):
            said = await handle(asked)
            writer.write(_write(said))
            await writer.drain()
    except ResetError:
        reset(writer)
    except (ConnectionError, asyncio.IncompleteReadError):
        pass
    finally:
        writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Drop a connection with RST instead of FIN."""
    plain: socket.socket = writer.get_extra_info("socket")
    if plain.fileno() >= 0:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = first.split(" ", 2)
    headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in lines if line)}
    size = min(int(headers.get("content-length", "0")), LARGEST)
    body = await reader.readexactly(size)
    parts = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    return Asked(method, parts.path, query, headers, body)


def _write(said: Said) -> bytes:
    plain = isinstance(said.body, bytes)
    body = said.body if isinstance(said.body, bytes) else simplejson.dumps(said.body, use_decimal=True).encode()
    kind = "text/html" if plain else "application/json"
    head = f"HTTP/1.1 {said.status} -\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body
