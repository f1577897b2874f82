"""Wake-ups travel over a real Redis, as JSON; without Redis nothing breaks."""

import asyncio

import pytest
from arq import Worker
from redis.asyncio import Redis

from hub.embedded.redis import RedisServer
from hub.jobs import GATHER_S, Waker, listen


async def test_a_wake_up_reaches_a_worker() -> None:
    redis = RedisServer()
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def drain(tenant: str, connection: str) -> None:
        await heard.put((tenant, connection))

    listening = asyncio.create_task(listen(redis.url, drain))
    waker = Waker(redis.url)
    try:
        await waker.wake("demo", "kingdee")
        assert await asyncio.wait_for(heard.get(), 10) == ("demo", "kingdee")
        await waker.wake("demo", "kingdee")
        assert await asyncio.wait_for(heard.get(), 10) == ("demo", "kingdee")
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await waker.close()
        redis.stop()


async def test_without_redis_a_wake_up_is_silent() -> None:
    waker = Waker("redis://127.0.0.1:1/0")
    await waker.wake("demo", "kingdee")
    await waker.wake("demo", "kingdee")
    await waker.close()


async def test_until_one_wake_up_is_taken_up_no_other_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hub.jobs.ARMED_S", 60.0)
    redis = RedisServer()
    client = Redis.from_url(redis.url)
    wakers = [Waker(redis.url), Waker(redis.url)]
    heard: asyncio.Queue[tuple[str, str, int]] = asyncio.Queue()

    async def drain(tenant: str, connection: str) -> None:
        await heard.put((tenant, connection, await client.exists(f"armed/{tenant}/{connection}")))

    for _ in range(5):
        for waker in wakers:
            await waker.wake("demo", "kingdee")
        await asyncio.sleep(3 * GATHER_S)
    await wakers[0].wake("demo", "yonyou")
    await asyncio.gather(*(waker.close() for waker in wakers))
    listening = asyncio.create_task(listen(redis.url, drain))
    later = Waker(redis.url)
    try:
        assert await client.zcard("arq:queue") == 2
        first = [await asyncio.wait_for(heard.get(), 10) for _ in range(2)]
        assert sorted(first) == [("demo", "kingdee", 0), ("demo", "yonyou", 0)]
        await later.wake("demo", "kingdee")
        assert await asyncio.wait_for(heard.get(), 10) == ("demo", "kingdee", 0)
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)
        await later.close()
        await client.aclose()
        redis.stop()


async def test_a_cancellation_that_the_library_swallows_is_said_again(monkeypatch: pytest.MonkeyPatch) -> None:
    swallowed: list[bool] = []

    async def main(_worker: Worker) -> None:
        while len(swallowed) < 3:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                swallowed.append(True)
        await asyncio.sleep(60)

    async def drain(*_ids: str) -> None:
        """Nothing comes in."""

    monkeypatch.setattr(Worker, "main", main)
    listening = asyncio.create_task(listen("redis://127.0.0.1:1/0", drain))
    await asyncio.sleep(0.05)
    listening.cancel()
    await asyncio.wait([listening], timeout=5)
    assert listening.done()
    assert len(swallowed) == 3


async def test_a_listener_ends_when_it_is_told_to_also_while_it_connects() -> None:
    redis = RedisServer()

    async def drain(_tenant: str, _connection: str) -> None:
        """Nothing."""

    try:
        for wait_ms in (0, 1, 2, 3, 5, 8, 13, 60):
            waker = Waker(redis.url)
            for number in range(5):
                await waker.wake("demo", f"kingdee-{number}")
            await waker.close()
            listening = asyncio.create_task(listen(redis.url, drain))
            await asyncio.sleep(wait_ms / 1000)
            listening.cancel()
            done, _ = await asyncio.wait({listening}, timeout=10)
            assert done
            assert listening.cancelled()
    finally:
        redis.stop()
