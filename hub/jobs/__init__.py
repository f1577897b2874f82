"""Wake-ups through arq: a job says "look at this connection", ids only, as JSON. Losing it loses nothing."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, cast

from arq import Worker, create_pool, func
from arq.connections import ArqRedis, RedisSettings
from arq.typing import WorkerCoroutine
from redis.asyncio import Redis
from redis.exceptions import RedisError

Drain = Callable[[str, str], Awaitable[object]]

LOST = (RedisError, OSError, TimeoutError)
GATHER_S = 0.005
PATIENCE_S = 0.5
REST_S = 5.0


def _write(job: dict[str, Any]) -> bytes:
    return json.dumps(job, default=str).encode()


def _read(raw: bytes) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads(raw))


def _settings(url: str) -> RedisSettings:
    settings = RedisSettings.from_dsn(url)
    settings.conn_retries = 0
    settings.conn_timeout = 1
    return settings


class Waker:
    """Sends wake-ups; when Redis is away it keeps silent and the sweep finds the work within its second.

    Wake-ups of one connection within 5 ms become one job. arq's own job ids are not used for that: it drops a
    job whose id is still running, and the work that came in after its last look would wait for the sweep.
    """

    def __init__(self, url: str) -> None:
        self._settings = _settings(url)
        self._pool: ArqRedis | None = None
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
                if self._pool is None:
                    self._pool = await create_pool(self._settings, job_serializer=_write, job_deserializer=_read)
                await self._pool.enqueue_job("wake", *place)
        except LOST:
            self._silent_until = asyncio.get_running_loop().time() + REST_S

    async def close(self) -> None:
        """Send what is armed, then close the connection to Redis."""
        await asyncio.gather(*self._armed.values())
        if self._pool is not None:
            await self._pool.aclose()


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
    """Drain what wake-ups name, until cancelled. arq leaves when Redis is lost; this comes back when it is there."""

    async def wake(_context: dict[Any, Any], *ids: Any, **_: Any) -> None:
        await drain(*ids)

    while True:
        worker = Worker(
            [func(cast("WorkerCoroutine", wake), name="wake", keep_result=0, max_tries=1)],
            redis_settings=_settings(url),
            job_serializer=_write,
            job_deserializer=_read,
            handle_signals=False,
            poll_delay=0.05,
            keep_result=0,
        )
        try:
            await worker.async_run()
        except LOST:
            await asyncio.sleep(1)
        finally:
            await _close(worker)


async def _close(worker: Worker) -> None:
    try:
        await worker.close()
    except LOST:
        return
