"""A vendor that fails every third call: retries stay a small part of what it is asked, and circuits do not flap."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from hub.delivery import deliver, policy
from hub.delivery.policy import RETRIES, is_retried
from hub.domain.delivery import Next, State
from hub.domain.errors import Ambiguous, HubError, NotReady, Rejected, Throttled, Transient
from hub.embedded.postgres import Addresses
from hub.ledger import gates
from hub.ledger.database import Database
from hub.ledger.gates import Budget
from tests.hub.delivery.test_deliver import World, opened
from tests.hub.delivery.test_ill_vendors import UNFINISHED, Failing, quick

LEAST = 5
REST_S = 30.0
EVENT = """
INSERT INTO events (tenant_id, id, connection, type, subject, dedupe_key, occurred_at, data)
VALUES ('demo', 'e', 'crm', 't', 's', 'k', now(), '{}')
"""
WAITING = """
INSERT INTO deliveries (tenant_id, id, event_id, flow, step, connection, action, mapping, lane, record, state)
SELECT 'demo', 'd' || n, 'e', 'f', n, 'acme', 'a', 'm', n::text, 'r', 'waiting' FROM generate_series(1, 60) n
"""
WAITS = "SELECT greatest(0, round(extract(epoch FROM due_at - now())))::int AS s FROM deliveries ORDER BY due_at"
SHUT_FOR = "SELECT extract(epoch FROM closed_until - now())::int FROM gates"


@dataclass
class Third(Failing):
    """Every third call fails; how often each number was sent."""

    mood: str = "third"
    sent: Counter[str] = field(default_factory=Counter)

    def book(self, number: str) -> dict[str, Any]:
        self.sent[number] += 1
        return super().book(number)

    @property
    def retries(self) -> int:
        return sum(self.sent.values()) - len(self.sent)


async def live(world: World, seconds: float) -> None:
    """New work for so long, delivered while it comes."""
    until = asyncio.get_running_loop().time() + seconds
    first = 0
    while asyncio.get_running_loop().time() < until:
        await world.approve(*(f"AR-{n}" for n in range(first, first + 20)))
        first += 20
        await world.deliverer.drain("demo", "acme")
        await asyncio.sleep(0.02)


async def test_while_every_third_call_fails_few_calls_are_retries_and_all_is_done_in_the_end(
    migrated: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BACKOFF", (0.01,) * 60)
    monkeypatch.setattr(deliver, "RETRIES", Budget(60.0, Decimal("0.1"), LEAST, 60.0))
    vendor = Third()
    async with opened(migrated, vendor, quick(0.0)) as world:
        await live(world, 4)
        total, retries = vendor.sent.total(), vendor.retries
        assert vendor.silent > total / 4, "there was enough to try again"
        assert LEAST <= retries <= total / 5 + LEAST, "a tenth at an even pace; without the budget a third"
        assert await world.rows("SELECT opened_at FROM gates") == [(None,)]
        async with asyncio.timeout(30):
            while await world.rows(UNFINISHED):
                await world.make_due()
                await world.deliverer.drain("demo", "acme")
    assert len(vendor.bills) == len(vendor.sent)


async def test_the_budget_is_one_over_all_workers_and_has_a_longest_wait(database: Database) -> None:
    budget = Budget(60.0, Decimal("0.1"), 10, 120.0)
    async with database.unit("demo") as unit:
        await unit.execute(EVENT)
        await unit.execute(WAITING)
        await gates.fell_ill(unit, "acme", 60, "ill")

    async def worker(first: int) -> None:
        for n in range(first, 61, 2):
            async with database.unit("demo") as unit:
                await gates.put_off(unit, "acme", [f"d{n}"], budget)

    await asyncio.gather(worker(1), worker(2))
    async with database.unit("demo") as unit:
        waits = [row["s"] for row in await unit.fetch(WAITS)]
    assert waits[:10] == [0] * 10, "as many as the least go at once"
    assert all(4 <= later - sooner <= 7 for sooner, later in zip(waits[10:28], waits[11:29], strict=True))
    assert 115 <= max(waits) <= 120
    assert waits.count(max(waits)) > 20


@pytest.mark.parametrize(
    ("after", "error", "counts"),
    [
        (Next(State.WAITING, 5), Transient("busy", code="-1"), True),
        (Next(State.WAITING, 5, look_first=True), Ambiguous("silence", code="t"), True),
        (Next(State.WAITING, 5, spent=False), Throttled("slow", code="14"), False),
        (Next(State.WAITING, 5, spent=False), NotReady("early", code="404"), False),
        (Next(State.UNCERTAIN), Ambiguous("silence", code="t"), False),
        (Next(State.DEAD), Rejected("no", code="9"), False),
        (Next(State.DONE), None, False),
    ],
)
def test_only_a_call_made_again_for_the_vendors_reasons_counts(
    after: Next, error: HubError | None, counts: bool
) -> None:
    assert is_retried(after, error) is counts


def test_the_promise_is_a_tenth_or_two_a_second() -> None:
    assert (RETRIES.share, RETRIES.least, RETRIES.window_s) == (Decimal("0.1"), 120, 60)


async def test_a_circuit_that_opens_again_at_once_rests_twice_as_long(database: Database) -> None:
    async def shut_for() -> int:
        async with database.unit("demo") as unit:
            return int(await unit.fetchval(SHUT_FOR))

    async def opens() -> int:
        async with database.unit("demo") as unit:
            await gates.fell_ill(unit, "acme", 60, "ill")
            await gates.shut(unit, "acme", REST_S)
        return await shut_for()

    async def closes() -> None:
        async with database.unit("demo") as unit:
            assert await gates.well_again(unit, "acme")

    assert 29 <= await opens() <= 30
    assert 29 <= await opens() <= 30, "a probe that failed: still the same circuit"
    await closes()
    assert 59 <= await opens() <= 60, "closed 30 s after it opened, the next time may be a minute later"
    await closes()
    async with database.unit("demo") as unit:
        await unit.execute("UPDATE gates SET last_opened_at = now() - interval '3 min'")
    assert 29 <= await opens() <= 30
