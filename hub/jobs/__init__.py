"""Wake-ups through arq: a job says "look at this connection", ids only, as JSON. Losing it loses nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, cast

from arq import Worker, func
from arq.connections import ArqRedis
from arq.typing import WorkerCoroutine
from redis.asyncio import ConnectionPool, Redis
from redis.exceptions import RedisError

Drain = Callable[[str, str], Awaitable[object]]

LOST = (RedisError, OSError, TimeoutError)
GATHER_S = 0.005
PATIENCE_S = 0.5
LONGEST_S = 1.0
REST_S = 5.0
REPEAT_S = 1.0
ARMED_S = 1.0
AGAIN_S = 0.1


def _write(job: dict[str, Any]) -> bytes:
    return json.dumps(job, default=str).encode()


def _read(raw: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(raw))


def _armed(tenant: str, connection: str) -> str:
    return f"armed/{tenant}/{connection}"


def _connect(url: str) -> ArqRedis:
    """A Redis none of whose answers is waited for longer than a second."""
    pool = ConnectionPool.from_url(url, encoding="utf8", socket_timeout=LONGEST_S, socket_connect_timeout=LONGEST_S)
    return ArqRedis(pool, job_serializer=_write, job_deserializer=_read)


class Waker:
    """Sends wake-ups; when Redis is away it keeps silent and the sweep finds the work within its second.

    Wake-ups of one connection within 5 ms become one job, and none is sent while another, of whatever process, has
    not been taken up: the connection stays armed until a worker has it and before that worker looks, a second at
    most. arq's own job ids are not used for that: it drops a job whose id is still running, and the work that came
    in after its last look would wait for the sweep.
    """

    def __init__(self, url: str) -> None:
        self._redis = _connect(url)
        self._silent_until = 0.0
        self._armed: dict[tuple[str, str], asyncio.Task[None]] = {}

    async def wake(self, tenant: str, connection: str) -> None:
        """Ask some worker to drain a connection. Returns at once, never raises."""
        place = (tenant, connection)
        if place not in self._armed and asyncio.get_running_loop().time() >= self._silent_until:
            self._armed[place] = asyncio.create_task(self._send(place))

    async def _send(self, place: tuple[str, str]) -> None:
        await asyncio.sleep(GATHER_S)
        del self._armed[place]
        try:
            async with asyncio.timeout(PATIENCE_S):
                if await self._redis.set(_armed(*place), 1, nx=True, px=int(1000 * ARMED_S)):
                    await self._redis.enqueue_job("wake", *place)
        except LOST:
            self._silent_until = asyncio.get_running_loop().time() + REST_S

    async def close(self) -> None:
        """Send what is armed, then close the connection to Redis."""
        await asyncio.gather(*self._armed.values())
        await self._redis.aclose(close_connection_pool=True)


async def answers(url: str) -> bool:
    """Whether Redis answers within 0.5 s. Never raises."""
    client = Redis.from_url(url, socket_timeout=PATIENCE_S, socket_connect_timeout=PATIENCE_S)
    try:
        return bool(await client.ping())
    except LOST:
        return False
    finally:
        await client.aclose()


async def listen(url: str, drain: Drain) -> None:
    """Drain what wake-ups name, until cancelled. arq leaves when Redis is lost or hangs; this comes back."""

    async def wake(context: dict[Any, Any], *ids: Any, **_: Any) -> None:
        await context["redis"].delete(_armed(*ids))
        await drain(*ids)

    while True:
        worker = Worker(
            [func(cast("WorkerCoroutine", wake), name="wake", keep_result=0, max_tries=1)],
            redis_pool=_connect(url),
            job_serializer=_write,
            job_deserializer=_read,
            handle_signals=False,
            poll_delay=0.05,
            keep_result=0,
        )
        running = asyncio.create_task(worker.async_run())
        try:
            await asyncio.wait({running})
            await running
        except LOST:
            await asyncio.sleep(REPEAT_S)
        finally:
            await _end(running)
            await _close(worker)


async def _end(running: asyncio.Task[None]) -> None:
    """Cancel it until it ends: Redis's client swallows a cancellation that comes while it connects."""
    while not running.done():
        running.cancel()
        await asyncio.wait({running}, timeout=AGAIN_S)


async def _close(worker: Worker) -> None:
    """arq tells Redis that it leaves; one that does not listen is left all the same."""
    redis = worker.pool
    await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
    with suppress(*LOST):
        await worker.close()
    await redis.aclose(close_connection_pool=True)
