"""Each mode of the chaos proxy, against an upstream that answers every line in capitals; and PostgreSQL's COMMIT."""

import asyncio
import time
from collections.abc import AsyncIterator

import asyncpg
import pytest

from hub.embedded.postgres import Addresses
from hub.ledger.database import Database, Unavailable
from tests.faults.proxy import UP, BlackHole, CutAfter, CutAt, HalfClose, Mode, Proxy, Reset, Slow, proxying

Wire = tuple[asyncio.StreamReader, asyncio.StreamWriter]
PATIENCE_S = 5


@pytest.fixture
async def proxy() -> AsyncIterator[Proxy]:
    async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line.upper())
        writer.close()

    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    async with server, proxying(server.sockets[0].getsockname()[:2]) as between:
        yield between


async def dialled(proxy: Proxy, mode: Mode | None = None) -> Wire:
    """A connection through the proxy that has worked once, before the mode is set."""
    wire = await asyncio.open_connection("127.0.0.1", proxy.port)
    assert await said(wire, b"one\n") == b"ONE\n"
    proxy.mode = mode or proxy.mode
    return wire


async def said(wire: Wire, words: bytes) -> bytes:
    """What comes back for some words: a line, what there was before the end, or b"" at the end."""
    reader, writer = wire
    writer.write(words)
    async with asyncio.timeout(PATIENCE_S):
        return await reader.readline()


async def test_pass_lets_everything_through(proxy: Proxy) -> None:
    wire = await dialled(proxy)
    assert await said(wire, b"two\n") == b"TWO\n"
    assert (proxy.taken, proxy.spoiled) == (1, 0)


async def test_slow_delays_each_piece(proxy: Proxy) -> None:
    wire = await dialled(proxy, Slow(0.05, 0.01))
    began = time.monotonic()
    assert await said(wire, b"two\n") == b"TWO\n"
    assert time.monotonic() - began >= 0.1


async def test_cut_after_bytes_down_keeps_what_came_before(proxy: Proxy) -> None:
    wire = await dialled(proxy, CutAfter(6))
    assert await said(wire, b"two\n") == b"TW"
    assert proxy.spoiled == 1


async def test_cut_after_bytes_up_lets_half_a_request_through(proxy: Proxy) -> None:
    wire = await dialled(proxy, CutAfter(6, UP))
    assert await said(wire, b"two\n") == b""
    assert proxy.spoiled == 1


async def test_cut_at_a_pattern_swallows_it(proxy: Proxy) -> None:
    wire = await dialled(proxy, CutAt(b"SECRET"))
    assert await said(wire, b"two\n") == b"TWO\n"
    assert await said(wire, b"secret\n") == b""


async def test_a_black_hole_neither_answers_nor_ends(proxy: Proxy) -> None:
    reader, writer = await dialled(proxy, BlackHole())
    writer.write(b"two\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)
    assert not reader.at_eof()


async def test_reset_drops_open_and_new_connections(proxy: Proxy) -> None:
    wire = await dialled(proxy, Reset())
    with pytest.raises(ConnectionResetError):
        await said(wire, b"two\n")
    reader, _ = await asyncio.open_connection("127.0.0.1", proxy.port)
    with pytest.raises(ConnectionResetError):
        await asyncio.wait_for(reader.read(1), PATIENCE_S)


async def test_half_close_ends_the_answers_but_not_the_questions(proxy: Proxy) -> None:
    reader, writer = await dialled(proxy, HalfClose())
    writer.write(b"two\n")
    await asyncio.wait_for(reader.read(), PATIENCE_S)
    assert reader.at_eof()
    writer.write(b"three\n")
    await writer.drain()


async def test_a_commit_whose_answer_is_lost_is_never_promised_and_is_there(migrated: Addresses) -> None:
    path = migrated.app.rpartition("host=")[2] + "/.s.PGSQL.5432"
    name = migrated.app.partition("@/")[2].partition("?")[0]
    keep = "INSERT INTO gates (tenant_id, connection) VALUES ($1, $2)"
    async with proxying(path) as proxy:
        database = await Database.open(f"postgresql://hub_app@127.0.0.1:{proxy.port}/{name}", 2)
        proxy.mode = CutAt(b"COMMIT\0")
        with pytest.raises(Unavailable):
            async with database.unit("demo") as unit:
                await unit.execute(keep, "demo", "bench")
        assert proxy.spoiled == 1
    owner = await asyncpg.connect(migrated.owner.replace("hub_owner", "postgres"))
    assert await owner.fetchval("SELECT count(*) FROM gates WHERE connection = 'bench'") == 1
    await owner.close()
    await database.close()
