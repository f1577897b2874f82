"""A worker that dies is missed within seconds; one that hangs, or is cut off for a moment, is not taken for dead."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import pytest

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.ledger.claim import Claimed, claim, heartbeat, reap
from hub.ledger.database import Database
from hub.ledger.leases import Heart
from hub.ledger.presence import ORPHAN_S, Orphans

LEASE_S = 600.0
WORKER = """
import sys, time
from hub.ledger.leases import Heart
heart = Heart(sys.argv[1], 600).start()
while not heart.presence.number:
    time.sleep(0.01)
print(heart.presence.number, flush=True)
time.sleep(600)
"""
CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lianshu presence'"


def plan(event: Event) -> list[Owed]:
    return [Owed("out", 0, "kingdee", "kingdee.book", "m@1:0", event.subject, event.subject)]


@pytest.fixture
async def ledger(migrated: Addresses) -> AsyncIterator[Database]:
    opened = await Database.open(migrated.app, size=4, plan=plan)
    async with opened.unit("demo") as unit:
        await unit.emit(Inbound("contract.approved", "ctr_1", "one", datetime.now(UTC), {}))
    yield opened
    await opened.close()


@pytest.fixture
def other(migrated: Addresses) -> Iterator[subprocess.Popen[str]]:
    started = subprocess.Popen([sys.executable, "-c", WORKER, migrated.app], stdout=subprocess.PIPE, text=True)
    yield started
    started.kill()
    started.wait()


@pytest.fixture
def heart(migrated: Addresses) -> Iterator[Heart]:
    beating = Heart(migrated.app, LEASE_S).start()
    yield beating
    beating.stop()


async def take(ledger: Database, worker: int) -> list[Claimed]:
    async with ledger.unit("demo") as unit:
        return await claim(unit, "kingdee", 10, LEASE_S, worker)


async def freed(ledger: Database, seconds: float) -> bool:
    """Whether somebody who sweeps so long frees what was taken."""
    orphans = Orphans()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        async with ledger.unit("demo") as unit:
            if await reap(unit, await orphans.long_alone(unit)):
                return True
        await asyncio.sleep(0.1)
    return False


def number_of(worker: subprocess.Popen[str]) -> int:
    assert worker.stdout
    return int(worker.stdout.readline())


async def test_what_a_killed_worker_held_is_free_long_before_its_lease_lapses(
    ledger: Database, other: subprocess.Popen[str]
) -> None:
    assert await take(ledger, number_of(other))
    other.kill()
    assert await freed(ledger, ORPHAN_S * 5)
    assert await take(ledger, 0), "and another worker gets it"


async def test_a_worker_that_hangs_keeps_what_it_holds_until_its_lease_lapses(
    ledger: Database, other: subprocess.Popen[str]
) -> None:
    assert await take(ledger, number_of(other))
    os.kill(other.pid, signal.SIGSTOP)
    assert not await freed(ledger, ORPHAN_S * 2)


async def test_what_has_no_worker_waits_for_its_lease(ledger: Database) -> None:
    assert await take(ledger, 0)
    assert not await freed(ledger, ORPHAN_S * 1.5)


async def test_a_worker_cut_off_for_a_moment_sends_nothing_until_it_is_back_and_keeps_its_number(
    ledger: Database, heart: Heart, migrated: Addresses
) -> None:
    number = await has_number(heart)
    since = time.monotonic()
    taken = await take(ledger, number)
    with heart.kept("demo", lambda unit: heartbeat(unit, taken, LEASE_S), LEASE_S, since) as lease:
        assert lease.alive(taken[0].id)
        sweeping = asyncio.create_task(freed(ledger, ORPHAN_S * 2))
        async with ledger.unit("demo") as unit:
            assert len(await unit.fetch(CUT)) == 1
        assert not await sweeping
        assert lease.alive(taken[0].id)
        assert heart.presence.number == number


async def test_who_was_away_too_long_learns_what_he_lost_before_he_counts_as_present(
    ledger: Database, heart: Heart, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = await has_number(heart)
    since = time.monotonic()
    taken = await take(ledger, number)
    with heart.kept("demo", lambda unit: heartbeat(unit, taken, LEASE_S), LEASE_S, since) as lease:
        url = heart.presence._url
        monkeypatch.setattr(heart.presence, "_url", "postgresql://nobody@127.0.0.1:1/none")
        async with ledger.unit("demo") as unit:
            await unit.execute(CUT)
        assert await freed(ledger, ORPHAN_S * 5)
        assert not lease.alive(taken[0].id), "it stopped believing before others took over"
        monkeypatch.setattr(heart.presence, "_url", url)
        await asyncio.sleep(2)
        assert heart.presence.believed()
        assert not lease.alive(taken[0].id)


async def has_number(heart: Heart) -> int:
    for _ in range(500):
        if heart.presence.number and heart.presence.believed():
            break
        await asyncio.sleep(0.01)
    return heart.presence.number
