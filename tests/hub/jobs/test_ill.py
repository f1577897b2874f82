"""Redis is away, hangs, refuses, forgets or holds rubbish: nobody waits for it, no listener ends, no work is lost."""

import asyncio
import signal
import subprocess
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from hub.delivery.work import Drains, every
from hub.embedded.redis import RedisServer
from hub.jobs import Waker, answers, listen
from hub.ledger.database import Database
from hub.scheduler import Scheduler
from tests.hub.delivery.test_deliver import World, plan, world

__all__ = ["world"]

NOWHERE = "redis://127.0.0.1:1/0"
PATIENCE_S = 15
PLACE = ("demo", "acme")
Ill = Callable[[RedisServer], Any]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask again soon, so that getting well is seen soon."""
    monkeypatch.setattr("hub.jobs.REST_S", 0.1)
    monkeypatch.setattr("hub.jobs.REPEAT_S", 0.1)
    monkeypatch.setattr("hub.jobs.LONGEST_S", 0.5)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    server = RedisServer()
    yield server
    server.process.send_signal(signal.SIGCONT)
    server.stop()


async def tell(redis: RedisServer, *words: Any) -> Any:
    client = Redis.from_url(redis.url)
    answer = await client.execute_command(*words)
    await client.aclose()
    return answer


@asynccontextmanager
async def hanging(redis: RedisServer) -> AsyncIterator[None]:
    redis.process.send_signal(signal.SIGSTOP)
    yield
    redis.process.send_signal(signal.SIGCONT)


@asynccontextmanager
async def full(redis: RedisServer) -> AsyncIterator[None]:
    await tell(redis, "CONFIG", "SET", "maxmemory", "1")
    yield
    await tell(redis, "CONFIG", "SET", "maxmemory", "0")


@asynccontextmanager
async def read_only(redis: RedisServer) -> AsyncIterator[None]:
    """As after a failover, when we still talk to the one that lost."""
    await tell(redis, "REPLICAOF", "127.0.0.1", "1")
    yield
    await tell(redis, "REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def killed(redis: RedisServer) -> AsyncIterator[None]:
    """It comes back empty: what it had not saved is lost."""
    redis.process.kill()
    redis.process.wait()
    yield
    _start_again(redis)


def _start_again(redis: RedisServer) -> None:
    redis.process = subprocess.Popen(redis.process.args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@dataclass
class Ears:
    """A listener, and what it heard."""

    task: asyncio.Task[None]
    heard: asyncio.Queue[tuple[str, str]] = field(default_factory=asyncio.Queue)

    async def hear(self, waker: Waker) -> None:
        """Wake until it is heard."""
        for _ in range(100):
            await waker.wake(*PLACE)
            try:
                assert await asyncio.wait_for(self.heard.get(), 0.2) == PLACE
            except TimeoutError:
                assert not self.task.done()
            else:
                return
        raise TimeoutError("nobody hears")


@asynccontextmanager
async def listening(url: str) -> AsyncIterator[Ears]:
    """A listener for the length of a block; it ends within its patience, whatever Redis does."""
    heard: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    async def drain(tenant: str, connection: str) -> None:
        await heard.put((tenant, connection))

    task = asyncio.create_task(listen(url, drain))
    yield Ears(task, heard)
    task.cancel()
    await asyncio.wait_for(asyncio.gather(task, return_exceptions=True), PATIENCE_S)


@pytest.mark.parametrize("ill", [hanging, full, read_only, killed])
async def test_wake_ups_come_through_again_once_redis_is_well(redis: RedisServer, ill: Ill) -> None:
    waker = Waker(redis.url)
    async with listening(redis.url) as ears:
        await ears.hear(waker)
        async with ill(redis):
            for _ in range(3):
                await waker.wake(*PLACE)
                await asyncio.sleep(0.3)
            assert not ears.task.done()
        await ears.hear(waker)
    await asyncio.wait_for(waker.close(), PATIENCE_S)


async def test_a_redis_that_hangs_keeps_neither_a_hook_nor_a_shutdown_waiting(
    redis: RedisServer, database: Database
) -> None:
    waker = Waker(redis.url)
    accepting = Database(database._pool, plan, waker.wake, 10)
    async with listening(redis.url) as ears:
        await ears.hear(waker)
        redis.process.send_signal(signal.SIGSTOP)
        assert not await asyncio.wait_for(answers(redis.url), PATIENCE_S)
        for number in range(200):
            async with accepting.unit("demo") as unit:
                unit.owed_to.add(f"acme-{number}")
        await asyncio.wait_for(waker.close(), PATIENCE_S)


@contextmanager
def working(world: World, url: str) -> Iterator[list[asyncio.Task[None]]]:
    """A worker's loops."""
    drains = Drains(world.deliverer.drain)
    scheduler = Scheduler(world.database, world.deliverer.registry, world.deliverer.heart)
    sweeping = every(0.1, lambda: scheduler.sweep(drains.ask))
    tasks = [asyncio.create_task(each) for each in (listen(url, drains.ask), sweeping)]
    yield tasks
    for task in tasks:
        task.cancel()


async def all_done(world: World, many: int) -> bool:
    """Whether so many deliveries come to be done, vendor and write-back alike."""
    for _ in range(PATIENCE_S * 20):
        rows = await world.rows("SELECT state, count(*) FROM deliveries GROUP BY 1")
        if rows == [("done", many)]:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_without_redis_the_sweep_finds_everything(world: World) -> None:
    with working(world, NOWHERE) as tasks:
        await world.approve(*(f"AR-{n}" for n in range(20)))
        assert await all_done(world, 40)
        assert not any(task.done() for task in tasks)
    assert len(world.vendor.bills) == 20


async def test_redis_forgets_again_and_again_and_nothing_is_lost_or_doubled(world: World, redis: RedisServer) -> None:
    waker = Waker(redis.url)
    waking = Database(world.database._pool, plan, waker.wake, 10)
    with working(World(waking, world.deliverer, world.vendor), redis.url):
        for number in range(20):
            await World(waking, world.deliverer, world.vendor).approve(f"AR-{number}")
            await asyncio.sleep(0.02)
            await tell(redis, "FLUSHALL")
        assert await all_done(world, 40)
    assert len(world.vendor.bills) == 20, "the vendor refuses a second one of a number"
    await waker.close()


async def test_rubbish_in_redis_is_passed_over_and_never_run(redis: RedisServer, tmp_path: Path) -> None:
    rubbish = {
        "a pickle that makes a folder": b"cos\nmkdir\n(V%s\ntR." % str(tmp_path / "ran").encode(),
        "no json": b"\xff\x00{",
        "no job": b"[1, 2]",
        "another function": b'{"t": 1, "f": "os.system", "a": ["id"], "k": {}, "et": 1}',
        "another version": b'{"t": 1, "f": "wake", "a": ["demo"], "k": {"lane": 7}, "et": 1}',
        "nothing": b"",
    }
    for name, raw in rubbish.items():
        await tell(redis, "SET", f"arq:job:{name}", raw)
        await tell(redis, "ZADD", "arq:queue", "1", name)
    waker = Waker(redis.url)
    async with listening(redis.url) as ears:
        await ears.hear(waker)
        for _ in range(100):
            if not await tell(redis, "ZCARD", "arq:queue"):
                break
            await asyncio.sleep(0.05)
        assert await tell(redis, "ZCARD", "arq:queue") == 0
        await ears.hear(waker)
    await waker.close()
    assert not (tmp_path / "ran").exists()
