"""Vendors that commit late, ask for rest, fail for one customer's account or for every third call."""

import asyncio
import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest

from hub import sdk
from hub.delivery import policy
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from tests.hub.delivery.test_deliver import Vendor, acme, opened

PACE_S = 0.05
DEADLINE_S = 0.3
LATE_S = 0.6
UNFINISHED = "SELECT 1 FROM deliveries WHERE connection = 'acme' AND state <> 'done'"


@dataclass
class Late(Vendor):
    """Commits what it is sent long after the caller has given up. Books whatever comes, and says what it has."""

    booked: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        if head.startswith("GET"):
            number = head.split(" ")[1].rsplit("/", 1)[1]
            raw = sdk.dumps({"ok": True, "id": f"id-{number}" if number in self.booked else ""}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
        else:
            await self.write(reader, writer, head)
        writer.close()

    async def write(self, reader: asyncio.StreamReader, _writer: asyncio.StreamWriter, head: str) -> None:
        length = re.search(r"(?i)content-length: (\d+)", head)
        body = sdk.loads(await reader.readexactly(int(length[1]) if length else 0))
        await asyncio.sleep(LATE_S)
        self.booked.append(body["number"])


def quick(settle_s: float) -> Any:
    """The connector with a short deadline, and a settle window of its own."""
    settle = timedelta(seconds=settle_s)
    limits = sdk.Limits(deadline=timedelta(seconds=DEADLINE_S))
    return replace(acme, limits=limits, actions={"book": replace(acme.actions["book"], settle=settle)})


@pytest.mark.parametrize(("settle_s", "effects"), [(3 * DEADLINE_S, 1), (0.0, 2)], ids=["settled", "too early"])
async def test_what_is_committed_after_our_deadline_is_looked_for_after_the_settle_window(
    migrated: Addresses, settle_s: float, effects: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(policy, "BACKOFF", (0.01,) * 60)
    vendor = Late()
    async with opened(migrated, vendor, quick(settle_s)) as world:
        await world.approve("AR-1")
        async with asyncio.timeout(10):
            while await world.rows(UNFINISHED):
                await world.deliverer.drain("demo", "acme")
                await asyncio.sleep(PACE_S)
        await asyncio.sleep(LATE_S)
    assert vendor.booked == ["AR-1"] * effects, "the second shows what the window is for"


@dataclass
class Busy(Vendor):
    """Asks for ninety seconds' rest."""

    calls: int = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.calls += 1
        writer.write(b"HTTP/1.1 429 Slow\r\nRetry-After: 90\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()


async def test_a_429_rests_the_whole_connection_and_costs_no_attempt(migrated: Addresses) -> None:
    vendor = Busy()
    async with opened(migrated, vendor) as world:
        await world.approve("AR-1")
        await world.deliverer.drain("demo", "acme")
        await world.approve("AR-2")
        assert await world.deliverer.drain("demo", "acme") == 0
        kept = "SELECT state, spent, snoozes, due_at >= now() + interval '80 s' FROM deliveries ORDER BY seq"
        assert await world.rows(kept) == [("waiting", 0, 1, True), ("pending", 0, 0, False)]
        assert await world.rows("SELECT closed_until > now() + interval '80 s' FROM gates") == [(True,)]
    assert vendor.calls == 1


@dataclass
class Failing(Vendor):
    """Answers nothing where `fails` says so, before it has booked anything; keeps the order of what it booked."""

    calls: int = 0
    silent: int = 0
    order: list[str] = field(default_factory=list)

    def book(self, number: str) -> dict[str, Any]:
        self.calls += 1
        if self.mood == "third" and self.calls % 3 == 0:
            self.silent += 1
            raise ConnectionResetError
        if self.mood == "ill" and number.startswith("acme"):
            self.silent += 1
            raise ConnectionResetError
        self.order.append(number)
        return super().book(number)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await super().serve(reader, writer)
        except ConnectionResetError:
            writer.close()


def by_prefix(event: Event) -> list[Owed]:
    """The connection is what a number begins with, the lane what stands between the dashes."""
    if event.type != "contract.approved":
        return []
    connection, lane, _ = event.subject.split("-")
    return [Owed("f", 0, connection, "acme.book", "out", lane, event.subject)]


async def test_an_ill_account_rests_while_another_goes_on_and_drains_in_order_when_it_is_well(
    migrated: Addresses,
) -> None:
    vendor = Failing("ill")
    async with opened(migrated, vendor, plan=by_prefix) as world:
        numbers = [f"{name}-{lane}-{n}" for n in range(3) for lane in range(12) for name in ("acme", "second")]
        await world.approve(*numbers)
        await world.deliverer.drain("demo", "acme")
        tried = vendor.calls
        assert await world.rows("SELECT connection, opened_at IS NOT NULL FROM gates") == [("acme", True)]
        assert await world.deliverer.drain("demo", "second") == 36
        assert await world.deliverer.drain("demo", "acme") == 0
        assert vendor.calls == tried + 36

        vendor.mood = "yes"
        async with world.database.unit("demo") as unit:
            await unit.execute("UPDATE gates SET closed_until = now() - interval '1 s'")
        async with asyncio.timeout(20):
            while await world.rows(UNFINISHED):
                await world.make_due()
                await world.deliverer.drain("demo", "acme")
        assert await world.rows("SELECT DISTINCT opened_at FROM gates") == [(None,)]
    for name in ("acme", "second"):
        for lane in range(12):
            ours = [number for number in vendor.order if number.startswith(f"{name}-{lane}-")]
            assert ours == [f"{name}-{lane}-{n}" for n in range(3)]


async def test_every_third_call_failing_opens_no_circuit_and_costs_each_failure_one_more_call(
    migrated: Addresses,
) -> None:
    vendor = Failing("third")
    async with opened(migrated, vendor) as world:
        await world.approve(*(f"AR-{n}" for n in range(90)))
        opened_at = set()
        async with asyncio.timeout(20):
            while await world.rows(UNFINISHED):
                await world.deliverer.drain("demo", "acme")
                opened_at |= set(await world.rows("SELECT opened_at FROM gates"))
                early = "SELECT 1 FROM deliveries WHERE state = 'waiting' AND due_at < updated_at + interval '5 s'"
                assert await world.rows(early) == []
                await world.make_due()
        assert opened_at == {(None,)}
    assert vendor.calls == 90 + vendor.silent
    assert len(vendor.bills) == 90
