"""Answers no vendor should give, over real sockets: bounded in time and memory, and never taken for a yes."""

import asyncio
import gzip
import tracemalloc

import pytest

from hub import sdk
from tests.hub.sdk.vendors import YES, Manners, answer, facing, heard

MIB = 1024 * 1024
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def saying(*parts: bytes, pause_s: float = 0.0) -> Manners:
    """Say these parts to the first request, and hang up."""

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return manners


def endless(head: bytes, part: bytes, pause_s: float = 0.0) -> Manners:
    """Never stop."""

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await heard(reader)
        writer.write(head)
        while True:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return manners


async def silence(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    """Neither an answer nor an end."""
    await heard(reader)
    await reader.read()


async def ended(manners: Manners, deadline_s: float = 0.5, cap: int = 100_000) -> tuple[sdk.VendorError, float]:
    """How a write ended, and the MiB it took at most meanwhile."""
    async with facing(manners, deadline_s=deadline_s, cap=cap) as ctx:
        tracemalloc.start()
        try:
            async with asyncio.timeout(deadline_s + 4):
                with pytest.raises(sdk.VendorError) as caught:
                    await ctx.call("POST", "/save", json={})
            return caught.value, tracemalloc.get_traced_memory()[1] / MIB
        finally:
            tracemalloc.stop()


async def test_a_half_open_connection_ends_at_the_deadline_in_doubt() -> None:
    error, _ = await ended(silence, deadline_s=0.2)
    assert isinstance(error, sdk.Ambiguous)
    assert error.code == "timeout"


@pytest.mark.parametrize(
    ("manners", "code"),
    [
        (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b" ", 0.05), "timeout"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n", 0.05), "timeout"),
        (endless(b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"), "RemoteProtocolError"),
        (endless(b"HTTP/1.1 200 OK\r\nx: ", b"y" * 1000), "RemoteProtocolError"),
        (endless(CHUNKED, b"2710\r\n" + b" " * 10_000 + b"\r\n"), "AnswerTooLarge"),
        (endless(b"HTTP/1.0 200 OK\r\n\r\n", b" " * 10_000), "AnswerTooLarge"),
        (endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"), "timeout"),
        (endless(b"HTTP/1.1 200 OK\r\nContent-Length: 9999999\r\n\r\n", b" " * 10_000), "AnswerTooLarge"),
    ],
    ids=["slow body", "slow head", "headers", "long header", "chunks", "no length", "1xx", "said length"],
)
async def test_an_answer_without_an_end_is_cut(manners: Manners, code: str) -> None:
    error, mib = await ended(manners)
    assert isinstance(error, sdk.Ambiguous)
    assert error.code == code
    assert mib < 8


async def test_a_bomb_is_not_unpacked_beyond_the_cap() -> None:
    bomb = gzip.compress(b" " * 64 * MIB)
    error, mib = await ended(saying(answer(bomb, "Content-Encoding: gzip")), deadline_s=5, cap=MIB)
    assert (type(error), error.code) == (sdk.Ambiguous, "AnswerTooLarge")
    assert mib < 8


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (answer(gzip.compress(YES)[:-9], "Content-Encoding: gzip"), "ReadError"),
        (answer(b"no gzip at all", "Content-Encoding: gzip"), "ReadError"),
        (answer(YES, "Content-Encoding: br"), "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n" + YES, "ReadError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n" + YES, "RemoteProtocolError"),
        (CHUNKED + b'5\r\n{"ok"\r\n', "ReadError"),
        (CHUNKED + b"zz\r\n{\r\n", "RemoteProtocolError"),
        (b"\x16\x03\x01 HTTP", "RemoteProtocolError"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nContent-Length: 12\r\n\r\n" + YES, "RemoteProtocolError"),
    ],
    ids=["cut gzip", "no gzip", "br", "too short", "too long", "cut chunk", "odd chunk", "no HTTP", "two lengths"],
)
async def test_a_broken_answer_is_doubt(raw: bytes, code: str) -> None:
    error, _ = await ended(saying(raw))
    assert (type(error), error.code) == (sdk.Ambiguous, code)


@pytest.mark.parametrize(
    "raw",
    [
        answer(gzip.compress(YES), "Content-Encoding: gzip"),
        answer(YES, "Content-Encoding: identity"),
        b"HTTP/1.0 200 OK\r\n\r\n" + YES,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + answer(),
        CHUNKED + b"b\r\n" + YES + b"\r\n0\r\n\r\n",
        answer(YES, "Content-Type: text/html; charset=gbk"),
    ],
    ids=["gzip", "identity", "HTTP/1.0", "1xx", "chunked", "wrong type"],
)
async def test_old_and_odd_but_whole_answers_are_read(raw: bytes) -> None:
    async with facing(saying(raw)) as ctx:
        assert await ctx.call("POST", "/save", json={}) == {"ok": True}


async def test_words_in_gbk_can_be_read_by_a_person() -> None:
    page = "<html>系统繁忙，请稍后再试</html>".encode("gbk")
    error, _ = await ended(saying(answer(page, "Content-Type: text/html; charset=gbk")))
    assert isinstance(error, sdk.Ambiguous)
    assert "系统繁忙" in error.answer


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_shown_and_not_followed(status: str) -> None:
    followed: list[bytes] = []

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        host, port = writer.get_extra_info("sockname")
        followed.append(await heard(reader))
        writer.write(answer(YES, f"Location: http://{host}:{port}/inner", "Connection: close", status=status))
        await writer.drain()

    async with facing(manners) as ctx:
        for method in ("POST", "GET"):
            with pytest.raises(sdk.NeedsReauth, match=r"redirected to http://127\.0\.0\.1:\d+/inner"):
                await ctx.call(method, "/save", json={})
    assert not [head for head in followed if b"/inner" in head]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
async def test_a_write_on_a_kept_connection_that_the_server_drops_is_doubt_and_leaves_us_once(method: str) -> None:
    asked: list[int] = []

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for nth in (1, 2):
            await heard(reader)
            asked.append(nth)
            if nth == 1:
                writer.write(answer())

    async with facing(manners) as ctx:
        await ctx.call(method, "/save", json={})
        with pytest.raises(sdk.Ambiguous):
            await ctx.call(method, "/save", json={})
        assert asked == [1, 2]
        await ctx.call(method, "/save", json={})


async def test_what_comes_unasked_is_not_taken_for_the_next_answer() -> None:
    unasked = asyncio.Event()

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await heard(reader)
            writer.write(answer())
            await writer.drain()
            await asyncio.sleep(0.05)
            writer.write(answer(b'{"ok":true,"id":"of another request"}'))
            await writer.drain()
            unasked.set()

    async with facing(manners) as ctx:
        assert await ctx.call("POST", "/save", json={}) == {"ok": True}
        await unasked.wait()
        await asyncio.sleep(0.05)
        assert await ctx.call("POST", "/save", json={}) == {"ok": True}
