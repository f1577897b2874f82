"""The one client factory: inner addresses are refused, endless answers are cut, doubt is told from certainty."""

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import pytest
from pydantic import BaseModel

from hub import sdk
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK, Egress, EgressDenied

TABLE = sdk.ErrorTable(read=lambda answer: None if answer.body["ok"] else sdk.Refusal("no", "no"), rows={})
Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Config(BaseModel):
    """Nothing to configure."""


async def call(serve: Serve, *, reads: bool = False, cap: int = 1000) -> sdk.Json:
    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with make_client(base_url=f"http://127.0.0.1:{port}", egress=LOOPBACK, max_answer_bytes=cap) as http:
        context = sdk.Context(config=Config(), http=http, errors=TABLE)
        try:
            return await context.call("POST", "/save", json={}, reads=reads)
        finally:
            server.close()


def answering(raw: bytes) -> Serve:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()
        writer.close()

    return serve


def http_answer(status: str, body: bytes, *headers: str) -> bytes:
    head = "\r\n".join([f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""])
    return head.encode() + body


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "169.254.169.254", "192.0.0.192", "10.0.0.8", "64:ff9b::7f00:1", "::ffff:127.0.0.1", "::1"]
)
def test_inner_addresses_are_refused(address: str) -> None:
    with pytest.raises(EgressDenied):
        Egress().check(address)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1"])
async def test_no_spelling_of_loopback_gets_through(host: str) -> None:
    async with make_client() as http:
        with pytest.raises((EgressDenied, httpx.ConnectError, httpx.UnsupportedProtocol, httpx.InvalidURL)):
            await http.get(f"http://{host}:9/")


async def test_a_yes_is_returned() -> None:
    assert await call(answering(http_answer("200 OK", b'{"ok":true}'))) == {"ok": True}


async def test_a_connection_cut_after_the_write_is_doubt_not_failure() -> None:
    with pytest.raises(sdk.Ambiguous):
        await call(answering(b""))


async def test_a_read_that_got_no_answer_may_be_tried_again() -> None:
    with pytest.raises(sdk.Transient):
        await call(answering(b""), reads=True)


async def test_a_refused_connection_sent_nothing() -> None:
    async with make_client(base_url="http://127.0.0.1:1", egress=LOOPBACK) as http:
        with pytest.raises(sdk.Transient):
            await sdk.Context(config=Config(), http=http, errors=TABLE).call("POST", "/save", json={})


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (http_answer("503 No", b"<html>"), sdk.Ambiguous),
        (http_answer("200 OK", b"<html>login</html>"), sdk.Ambiguous),
        (http_answer("200 OK", b""), sdk.Ambiguous),
        (http_answer("200 OK", b'{"ok":false}'), sdk.Rejected),
        (http_answer("302 Found", b"", "Location: http://127.0.0.1/"), sdk.NeedsReauth),
        (http_answer("429 Slow", b"", "Retry-After: -1"), sdk.Throttled),
        (http_answer("200 OK", b"x" * 5000), sdk.Ambiguous),
    ],
    ids=["5xx", "html", "empty", "no", "redirect", "throttled", "too large"],
)
async def test_each_answer_is_named_by_the_next_move(raw: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await call(answering(raw))
