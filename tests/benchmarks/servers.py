"""The processes a benchmark puts around the hub: `python -m tests.benchmarks.servers sink|bare …`.

Each prints one line of JSON {url} when it listens. `sink MS` answers each call after MS milliseconds and tells at
GET /seen how many bills it has and when each arrived; `bare` is the limit for durable accepts: ASGI, group commit,
nothing else.
"""

import asyncio
import json
import socket
import sys
import time
from typing import Any
from uuid import uuid4

import asyncpg
import simplejson
import uvicorn
import uvloop

from tests.faults.ending import end_with_parent


class Sink(asyncio.Protocol):
    """HTTP/1.1, keep-alive, one request at a time on each connection."""

    seen: dict[str, float] = {}
    wait_s = 0.0

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._read = b""

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, rest = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)
        if len(rest) < length:
            return
        self._read = rest[length:]
        if head.startswith(b"GET"):
            self._answer(simplejson.dumps({"ok": True, "seen": self.seen}).encode())
            return
        if head.startswith(b"POST /batch"):
            self._answer(self._several(simplejson.loads(rest[:length])["bills"]))
            return
        key = next(line[16:].strip().decode() for line in lines if line.startswith(b"idempotency-key:"))
        number = simplejson.loads(rest[:length])["number"]
        self.seen.setdefault(number, time.time())
        answer = b'{"ok":true,"id":"%s"}' % key.encode()
        if self.wait_s:
            asyncio.get_running_loop().call_later(self.wait_s, self._answer, answer)
        else:
            self._answer(answer)

    def _several(self, bills: list[Any]) -> bytes:
        for each in bills:
            self.seen.setdefault(each["bill"]["number"], time.time())
        told = [{"key": each["key"], "number": each["bill"]["number"]} for each in bills]
        return simplejson.dumps({"ok": True, "each": told}).encode()

    def _answer(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        self._transport.write(head + body)


async def sink(wait_ms: str) -> None:
    """Run until killed."""
    Sink.wait_s = int(wait_ms) / 1000
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", 0)
    _tell(server.sockets[0].getsockname()[1])
    await server.serve_forever()


TABLE = """
CREATE TABLE IF NOT EXISTS bare_events (id text PRIMARY KEY, body bytea NOT NULL);
CREATE TABLE IF NOT EXISTS bare_deliveries (id text PRIMARY KEY, event_id text NOT NULL, state text NOT NULL)
"""
INSERT = """
WITH new AS (INSERT INTO bare_events SELECT * FROM unnest($1::text[], $2::bytea[]) ON CONFLICT DO NOTHING RETURNING id)
INSERT INTO bare_deliveries SELECT 'd' || id, id, 'pending' FROM new
"""


class Bare:
    """Accepts a body durably: what comes in while a commit runs goes into the next one."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool
        self._waiting: list[tuple[bytes, asyncio.Future[None]]] = []
        self._running = False

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive())["body"]
        done = asyncio.get_running_loop().create_future()
        self._waiting.append((body, done))
        if not self._running:
            self._running = True
            self._task = asyncio.create_task(self._commit())
        await done
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async def _commit(self) -> None:
        while some := self._waiting:
            self._waiting = []
            await self._pool.execute(INSERT, [uuid4().hex for _ in some], [body for body, _ in some])
            for _, done in some:
                done.set_result(None)
        self._running = False


async def bare(url: str) -> None:
    """Run until killed."""
    pool = await asyncpg.create_pool(url, min_size=1, max_size=4, server_settings={"synchronous_commit": "on"})
    await pool.execute(TABLE)
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    _tell(listening.getsockname()[1])
    config = uvicorn.Config(Bare(pool), log_config=None, access_log=False, lifespan="off", loop="uvloop")
    await uvicorn.Server(config).serve(sockets=[listening])


def _tell(port: int) -> None:
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{port}"}) + "\n")
    sys.stdout.flush()


def run(role: str, *words: str) -> None:
    """Be one of them."""
    end_with_parent()
    match role:
        case "sink":
            uvloop.run(sink(*words))
        case "bare":
            uvloop.run(bare(*words))


if __name__ == "__main__":
    run(*sys.argv[1:])
