"""PostgreSQL goes away in every way it can: all of them are Unavailable, nothing is half done, and we heal soon."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from hub.domain.delivery import Owed
from hub.domain.event import Event, Inbound
from hub.embedded.postgres import Addresses
from hub.inbound.intake import Intake
from hub.ledger.claim import claim, heartbeat
from hub.ledger.connections import save
from hub.ledger.database import LIMITS, TRIES, Collision, Database, LedgerUnit, Unavailable, again
from hub.ledger.leases import Heart
from hub.ledger.look import work
from hub.ledger.receive import Receipt
from hub.ledger.together import Together
from tests.faults.proxy import BlackHole, Pass, Slow, proxying

AT = datetime(2026, 11, 28, tzinfo=UTC)
PATIENCE_S = 20
GATE = "INSERT INTO gates (tenant_id, connection) VALUES ('demo', $1)"
GATES, EVENTS = "SELECT count(*) FROM gates", "SELECT count(*) FROM events"
COUNTS = ("SELECT count(*) FROM receipts", EVENTS, "SELECT count(*) FROM deliveries")
BACKENDS = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'lianshu' AND pid <> ALL($1)
"""


def plan(event: Event) -> list[Owed]:
    return [Owed("f", 0, "acme", "acme.book", "m@1:0", event.subject, event.subject)]


@pytest.fixture
async def admin(migrated: Addresses) -> AsyncIterator[Any]:
    """A superuser in the same database."""
    opened: Any = await asyncpg.connect(migrated.owner.replace("hub_owner", "postgres"))
    yield opened
    await opened.close()


@pytest.fixture
async def ledger(migrated: Addresses, admin: Any) -> AsyncIterator[Database]:
    """A ledger that waits a second at most, on a PostgreSQL that sees deadlocks early."""
    name = await admin.fetchval("SELECT current_database()")
    await admin.execute(f"ALTER DATABASE \"{name}\" SET deadlock_timeout = '30ms'")
    opened = await Database.open(migrated.app, 4, plan=plan, longest_s=1)
    async with opened.unit("demo") as unit:
        await save(unit, "acme", "acme", {}, {})
    yield opened
    await opened.close()


async def through(migrated: Addresses, port: int) -> Database:
    name = migrated.app.partition("@/")[2].partition("?")[0]
    return await Database.open(f"postgresql://hub_app@127.0.0.1:{port}/{name}", 4, plan=plan, longest_s=1)


async def pid_of(unit: LedgerUnit) -> int:
    return int(await unit.fetchval("SELECT pg_backend_pid()"))


async def warm(ledger: Database, many: int) -> set[int]:
    """Have so many connections at once; their backends."""
    here = asyncio.Barrier(many)

    async def one() -> int:
        async with ledger.unit("demo") as unit:
            pid = await pid_of(unit)
            await here.wait()
            return pid

    return set(await asyncio.gather(*(one() for _ in range(many))))


async def appeared(admin: Any, others: list[int]) -> set[int]:
    """The first backends of ours beside others."""
    for _ in range(500):
        if found := {row["pid"] for row in await admin.fetch(BACKENDS, others)}:
            return found
        await asyncio.sleep(0.01)
    raise TimeoutError("no new backend")


@contextmanager
def stopped(pids: set[int]) -> Iterator[None]:
    """They hang: their sockets stay open, and nothing comes."""
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in pids:
            os.kill(pid, signal.SIGCONT)


def paid(number: int) -> Receipt:
    return Receipt("acme", "", {}, b"%d" % number, [Inbound("order.paid", f"o{number}", f"o{number}", AT, {})])


async def ask(ledger: Database, sql: str = GATES) -> int:
    async with ledger.unit("demo") as unit:
        return int(await unit.fetchval(sql))


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in a statement"])
async def test_a_backend_that_ends_in_mid_transaction_leaves_nothing_and_the_next_one_works(
    ledger: Database, admin: Any, busy: bool
) -> None:
    async def broken(number: int) -> None:
        async with ledger.unit("demo") as unit:
            await unit.execute(GATE, f"half {number}")
            pid = await pid_of(unit)
            if busy:
                sleeping = asyncio.create_task(unit.execute("SELECT pg_sleep(30)"))
                await asyncio.sleep(0.02)
            await admin.execute("SELECT pg_terminate_backend($1, 1000)", pid)
            await (sleeping if busy else asyncio.sleep(0))

    for number in range(10):
        with pytest.raises(Unavailable):
            await broken(number)
        async with ledger.unit("demo") as unit:
            await unit.execute(GATE, f"whole {number}")
    async with ledger.unit("demo") as unit:
        kept = [row["connection"] for row in await unit.fetch("SELECT connection FROM gates ORDER BY 1")]
    assert kept == [f"whole {number}" for number in range(10)]


async def test_backends_ended_while_idle_are_replaced_for_hooks_sweep_and_all(ledger: Database, admin: Any) -> None:
    for each in (ledger, ledger.accepting):
        pids = await warm(each, 4)
        await admin.execute("SELECT pg_terminate_backend(pid, 1000) FROM unnest($1::int[]) AS pid", list(pids))
        await asyncio.sleep(0.05)
        assert not pids & await warm(each, 4)
        assert (await work(each, ())).due == []
        assert await each.tenants() == ["demo", "other"]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("40001", Collision),
        ("40P01", Collision),
        ("55P03", Collision),
        ("53100", Unavailable),
        ("53200", Unavailable),
        ("53300", Unavailable),
        ("57014", Unavailable),
        ("57P03", Unavailable),
        ("58030", Unavailable),
        ("25006", Unavailable),
        ("08006", Unavailable),
        ("23505", asyncpg.UniqueViolationError),
    ],
)
async def test_what_postgresql_cannot_do_now_is_told_from_what_it_will_never_do(
    ledger: Database, code: str, kind: type[Exception]
) -> None:
    with pytest.raises(kind) as caught:
        async with ledger.unit("demo") as unit:
            await unit.execute(f"DO $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{code}'; END $$")
    assert type(caught.value) is kind


async def test_two_that_lock_each_other_out_both_end_well(ledger: Database) -> None:
    tries: Counter[str] = Counter()
    async with ledger.unit("demo") as unit:
        for name in ("a", "b"):
            await unit.execute(GATE, name)

    def crossing(first: str, then: str) -> Callable[[], Any]:
        async def do() -> None:
            tries[first] += 1
            async with ledger.unit("demo") as unit:
                await unit.execute("UPDATE gates SET good = good + 1 WHERE connection = $1", first)
                await asyncio.sleep(0.1 if tries[first] == 1 else 0)
                await unit.execute("UPDATE gates SET good = good + 1 WHERE connection = $1", then)

        return do

    await asyncio.gather(again(crossing("a", "b")), again(crossing("b", "a")))
    assert tries.total() >= 3, "one of them was the deadlock's victim"
    async with ledger.unit("demo") as unit:
        assert [row["good"] for row in await unit.fetch("SELECT good FROM gates")] == [2, 2]


async def test_two_processes_that_keep_the_same_hooks_crosswise_keep_each_once(
    ledger: Database, migrated: Addresses
) -> None:
    other = await Database.open(migrated.app, 4, plan=plan)
    ours, theirs = Intake(ledger), Intake(other)
    for first in range(0, 200, 20):
        numbers = range(first, first + 20)
        await asyncio.gather(
            *(ours.keep("demo", paid(n)) for n in numbers), *(theirs.keep("demo", paid(n)) for n in reversed(numbers))
        )
    await other.close()
    assert [await ask(ledger, sql) for sql in COUNTS] == [200, 200, 200]
    assert await ask(ledger, "SELECT sum(seen) FROM receipts") == 400


@pytest.mark.parametrize(
    ("failures", "error", "tries"),
    [(TRIES - 1, Collision, TRIES), (TRIES, Collision, TRIES), (1, Unavailable, 1)],
    ids=["the fifth goes well", "no sixth", "what may have been committed is not done again"],
)
async def test_a_group_that_collides_is_committed_again_five_times_at_most(
    failures: int, error: type[Unavailable], tries: int
) -> None:
    tried = 0

    async def commit(_tenant: str, _items: object) -> None:
        nonlocal tried
        tried += 1
        if tried <= failures:
            raise error("in the way")

    together: Together[int] = Together(commit)
    ended = await asyncio.gather(*(together.do("demo", n) for n in range(3)), return_exceptions=True)
    assert tried == tries
    assert {type(each) for each in ended} == ({type(None)} if failures < tries else {error})


async def test_statements_locks_and_idle_transactions_have_limits_also_after_a_connection_was_used(
    ledger: Database,
) -> None:
    for _ in range(3):
        async with ledger.unit("demo") as unit:
            limits = {
                name: await unit.fetchval("SELECT setting FROM pg_settings WHERE name = $1", name) for name in LIMITS
            }
            await unit.execute("SET LOCAL statement_timeout = 0")
        assert limits == LIMITS


async def test_a_hung_postgresql_is_given_up_and_once_is_enough(ledger: Database) -> None:
    took = []
    with stopped(await warm(ledger, 4)):
        for number in range(5):
            began = time.monotonic()
            asked = asyncio.wait_for(ask(ledger), PATIENCE_S)
            (ended,) = await asyncio.gather(asked, return_exceptions=True)
            assert type(ended) is (int if number else Unavailable)
            took.append(time.monotonic() - began)
    assert max(took[1:]) < took[0], "the other dead connections are not found out one by one"


async def test_a_half_open_connection_is_given_up_and_the_next_one_works(migrated: Addresses) -> None:
    path = migrated.app.rpartition("host=")[2] + "/.s.PGSQL.5432"
    async with proxying(path) as proxy:
        ledger = await through(migrated, proxy.port)
        await warm(ledger, 4)
        proxy.mode = BlackHole()
        asked = [asyncio.create_task(ask(ledger)) for _ in range(4)]
        ended = await asyncio.wait_for(asyncio.gather(*asked, return_exceptions=True), PATIENCE_S)
        assert {type(each) for each in ended} == {Unavailable}
        with pytest.raises(Unavailable):
            await asyncio.wait_for(ask(ledger), PATIENCE_S)
        proxy.mode = Pass()
        assert await asyncio.wait_for(ask(ledger), PATIENCE_S) == 0
        proxy.mode = BlackHole()
        await asyncio.wait_for(ledger.close(), PATIENCE_S)


async def test_a_slow_postgresql_is_slow_and_nothing_else(migrated: Addresses, ledger: Database) -> None:
    path = migrated.app.rpartition("host=")[2] + "/.s.PGSQL.5432"
    async with proxying(path) as proxy:
        far = await through(migrated, proxy.port)
        far = Database(far._pool, plan, far._wake, 10)
        await warm(far, 2)
        proxy.mode = Slow(0.1)
        intake = Intake(far)
        await asyncio.wait_for(asyncio.gather(*(intake.keep("demo", paid(n)) for n in range(100))), PATIENCE_S)
        proxy.mode = Pass()
        await far.close()
    assert await ask(ledger, EVENTS) == 100


async def test_the_heart_gives_up_its_hung_connection_in_time(
    ledger: Database, migrated: Addresses, admin: Any
) -> None:
    async with ledger.unit("demo") as unit:
        await unit.emit(Inbound("contract.approved", "ctr_1", "ctr_1", AT, {}))
    others = [row["pid"] for row in await admin.fetch(BACKENDS, [])]
    since = time.monotonic()
    async with ledger.unit("demo") as unit:
        taken = await claim(unit, "acme", 10, 3)
    heart = Heart(migrated.app, 1.5).start()
    kept = heart.kept("demo", lambda unit: heartbeat(unit, taken, 3), 3, since)
    with kept as lease, stopped(await appeared(admin, others)):
        await asyncio.sleep(3)
        assert lease.alive(taken[0].id)
        assert await ask(ledger, "SELECT count(*) FROM deliveries WHERE lease_until > now()") == 1
    await asyncio.to_thread(heart.stop)


async def test_who_uses_up_all_connections_keeps_no_hook_waiting(ledger: Database) -> None:
    patient = Database(ledger._pool, plan, ledger._wake, PATIENCE_S)

    async def read_slowly() -> None:
        async with patient.unit("demo") as unit:
            await unit.execute("SELECT pg_sleep(0.5)")

    slow = [asyncio.create_task(read_slowly()) for _ in range(200)]
    await asyncio.sleep(0.1)
    intake = Intake(ledger.accepting)
    await asyncio.gather(*(intake.keep("demo", paid(n)) for n in range(50)))
    assert not any(task.done() and task.exception() for task in slow)
    assert sum(not task.done() for task in slow) > 150
    with pytest.raises(Unavailable):
        await ask(ledger, EVENTS)
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    assert await ask(ledger, EVENTS) == 50
