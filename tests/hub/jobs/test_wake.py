"""Wake-ups travel over a real Redis, as JSON; without Redis nothing breaks."""

import asyncio

from hub.embedded.redis import RedisServer
from hub.jobs import Waker, listen


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
