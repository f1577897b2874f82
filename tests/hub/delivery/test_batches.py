"""Several deliveries in one call: each has an outcome of its own, and the whole is judged item by item."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from hub import sdk
from hub.delivery import policy
from hub.domain.delivery import Owed
from hub.domain.event import Event
from hub.embedded.postgres import Addresses
from hub.ledger.leases import Lease
from hub.sdk.memory import LocalMemory
from tests.hub.delivery.test_deliver import Bill, Config, Vendor, World, acme, opened

OURS = "FROM deliveries WHERE connection = 'acme' ORDER BY record"
OUTCOMES = f"SELECT record, state, look_first, error_code {OURS}"
STATES = f"SELECT record, state {OURS}"
BATCHED = "/batch"
LIMITS = sdk.Limits(concurrency=16, calls_per_second=1000)


def wholesale(effect: sdk.Effect = sdk.Effect.C) -> sdk.Connector[Config]:
    """Acme, which books up to 16 bills at once."""
    look = acme.actions["book"].look if effect is sdk.Effect.C else None
    made = replace(acme, limits=LIMITS, actions={"book": replace(acme.actions["book"], effect=effect, look=look)})
    made.batch("book", most=16)(book_several)
    return made


async def book_several(
    ctx: sdk.Context[Config], items: Sequence[sdk.Item[Bill]]
) -> Mapping[str, sdk.Made | sdk.HubError]:
    assert not ctx.key
    body = await ctx.call("POST", BATCHED, json=[{"number": item.given.number, "key": item.key} for item in items])
    return {each["key"]: _outcome(each) for each in body["each"]}


def _outcome(each: sdk.Json) -> sdk.Made | sdk.HubError:
    if each["id"]:
        return sdk.Made(id=each["id"])
    return sdk.Rejected("the vendor refuses it", code="no")


@dataclass
class Wholesaler(Vendor):
    """Books what it is sent, one or several at a time; the first word of a number says how it fares among several.

    "no": refused. "hushed": booked, and the answer does not say so. "lost": neither. "poison": the whole is refused.
    """

    batches: list[list[str]] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)
    alone: list[str] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = re.search(r"(?i)content-length: (\d+)", head)
        body = sdk.loads(await reader.readexactly(int(length[1]))) if length else {}
        answer = self.answer(head, body)
        if self.mood != "silent" or head.startswith("GET"):
            raw = sdk.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(raw) + raw)
            await writer.drain()
        writer.close()

    def answer(self, head: str, body: Any) -> dict[str, Any]:
        if head.startswith("GET"):
            return self.look(head)
        if BATCHED not in head:
            self.alone.append(body["number"])
            return self.book(body["number"])
        numbers = [each["number"] for each in body]
        self.batches.append(numbers)
        self.keys += [each["key"] for each in body]
        if any(number.startswith("poison") for number in numbers):
            return {"ok": False, "code": "9", "words": "bad request"}
        said = [{"key": each["key"], "id": self.fare(each["number"])} for each in body]
        return {"ok": True, "each": [each for each in said if each["id"] is not None]}

    def book(self, number: str) -> dict[str, Any]:
        if number.startswith("poison"):
            return {"ok": False, "code": "9", "words": "FName 不能为空"}
        return Vendor.book(self, number)

    def fare(self, number: str) -> str | None:
        """The id it gets; "" refused, None: not mentioned."""
        match number.partition("-")[0]:
            case "no":
                return ""
            case "lost":
                return None
            case "hushed":
                self.book(number)
                return None
        return str(self.book(number)["id"])


def by_lane(event: Event) -> list[Owed]:
    """The first word of a number is its lane."""
    if event.type != "contract.approved":
        return []
    return [Owed("f", 0, "acme", "acme.book", "out", event.subject.partition("-")[0], event.subject)]


async def go_on(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Deliver what became due by itself, at once."""
    monkeypatch.setattr(policy, "BACKOFF", (0.0,) * 60)
    await world.make_due()
    await world.deliverer.drain("demo", "acme")


async def test_each_item_of_a_batch_has_an_outcome_of_its_own(
    migrated: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = Wholesaler()
    async with opened(migrated, vendor, wholesale()) as world:
        await world.approve("AR-1", "AR-2", "hushed-1", "lost-1", "no-1")
        assert await world.deliverer.drain("demo", "acme") == 5
        assert await world.rows(OUTCOMES) == [
            ("AR-1", "done", False, ""),
            ("AR-2", "done", False, ""),
            ("hushed-1", "waiting", True, "unsaid"),
            ("lost-1", "waiting", True, "unsaid"),
            ("no-1", "dead", False, "no"),
        ]
        assert len(vendor.batches) == 1
        assert sorted(vendor.keys) == sorted(row[0] for row in await world.rows(f"SELECT id {OURS}"))
        await go_on(world, monkeypatch)
        assert [row[1] for row in await world.rows(STATES)] == ["done", "done", "done", "done", "dead"]
    assert (len(vendor.batches), vendor.alone) == (1, ["lost-1"]), "what was booked unsaid was found, and not sent"
    assert sorted(vendor.bills) == ["AR-1", "AR-2", "hushed-1", "lost-1"]


async def test_every_item_keeps_what_was_said_in_the_one_call(migrated: Addresses) -> None:
    async with opened(migrated, Wholesaler(), wholesale()) as world:
        await world.approve("AR-1", "no-1")
        await world.deliverer.drain("demo", "acme")
        kept = [row[0] for row in await world.rows("SELECT exchanges FROM attempts")]
    assert len(kept) == 2
    assert kept[0] == kept[1]
    assert "AR-1" in kept[0][0]["request"]
    assert "no-1" in kept[0][0]["request"]


@pytest.mark.parametrize("effect", [sdk.Effect.B, sdk.Effect.C, sdk.Effect.D], ids=lambda effect: str(effect.name))
async def test_a_batch_that_is_cut_off_is_in_doubt_item_by_item(
    migrated: Addresses, effect: sdk.Effect, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = Wholesaler("silent")
    async with opened(migrated, vendor, wholesale(effect)) as world:
        await world.approve("AR-1", "AR-2", "AR-3")
        await world.deliverer.drain("demo", "acme")
        state = "uncertain" if effect is sdk.Effect.D else "waiting"
        assert {row[1:3] for row in await world.rows(OUTCOMES)} == {(state, True)}
        vendor.mood = "yes"
        if effect is sdk.Effect.C:
            await go_on(world, monkeypatch)
            assert {row[1] for row in await world.rows(STATES)} == {"done"}
    assert len(vendor.batches) == 1
    assert vendor.alone == []


async def test_an_answer_of_an_unknown_shape_is_doubt_for_every_item(
    migrated: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = Wholesaler()
    monkeypatch.setattr(vendor, "answer", lambda _head, _body: {"ok": True})
    async with opened(migrated, vendor, wholesale()) as world:
        await world.approve("AR-1", "AR-2")
        await world.deliverer.drain("demo", "acme")
        assert {row[1:] for row in await world.rows(OUTCOMES)} == {("waiting", True, "shape")}


async def test_a_batch_of_which_one_is_no_longer_ours_is_not_sent(
    migrated: Addresses, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor = Wholesaler()
    async with opened(migrated, vendor, wholesale()) as world:
        await world.approve("AR-1", "AR-2", "AR-3")
        (lost,) = (row[0] for row in await world.rows("SELECT id FROM deliveries WHERE record = 'AR-2'"))
        with monkeypatch.context() as patch:
            patch.setattr(Lease, "alive", lambda _lease, name: name != lost)
            await world.deliverer.drain("demo", "acme")
        assert vendor.batches == []
        assert {row[1:] for row in await world.rows(OUTCOMES)} == {("waiting", False, "lease")}
        assert set(await world.rows("SELECT spent FROM deliveries")) == {(0,)}
        await go_on(world, monkeypatch)
    assert [sorted(numbers) for numbers in vendor.batches] == [["AR-1", "AR-2", "AR-3"]]


async def test_a_lane_stays_in_order_and_lanes_go_side_by_side(migrated: Addresses) -> None:
    vendor = Wholesaler()
    async with opened(migrated, vendor, wholesale(), by_lane) as world:
        await world.approve("a-1", "a-2", "b-1", "lost-1", "lost-2", "a-3", "b-2")
        await world.deliverer.drain("demo", "acme")
    assert [sorted(numbers) for numbers in vendor.batches] == [["a-1", "b-1", "lost-1"], ["a-2", "b-2"]]
    assert vendor.alone == ["a-3"], "and nothing of the lane that is in doubt"


async def test_a_refusal_of_the_whole_has_each_tried_alone(migrated: Addresses) -> None:
    vendor = Wholesaler()
    async with opened(migrated, vendor, wholesale()) as world:
        await world.approve("AR-1", "poison-1", "AR-2")
        await world.deliverer.drain("demo", "acme")
        assert await world.rows(STATES) == [("AR-1", "done"), ("AR-2", "done"), ("poison-1", "dead")]
        counts = "SELECT DISTINCT jsonb_array_length(exchanges) FROM attempts"
        assert await world.rows(counts) == [(2,)], "the call for all, and its own"
    assert len(vendor.batches) == 1
    assert sorted(vendor.alone) == ["AR-1", "AR-2", "poison-1"]


async def test_one_alone_goes_as_ever(migrated: Addresses) -> None:
    vendor = Wholesaler()
    async with opened(migrated, vendor, wholesale()) as world:
        await world.approve("AR-1")
        await world.deliverer.drain("demo", "acme")
    assert (vendor.batches, vendor.alone) == ([], ["AR-1"])


async def test_a_batch_counts_as_one_call_and_one_failure(migrated: Addresses) -> None:
    """Ten failures in a row would shut the connection's gate."""
    vendor, asked = Wholesaler("silent"), 0

    async def pace() -> None:
        nonlocal asked
        asked += 1

    async with opened(migrated, vendor, wholesale()) as world:
        world.deliverer.registry.share(lambda _tenant, _name: LocalMemory(), lambda _tenant, _name, _rate: pace)
        await world.approve(*(f"AR-{n}" for n in range(16)))
        await world.deliverer.drain("demo", "acme")
        assert await world.rows("SELECT in_a_row, opened_at FROM gates") == [(1, None)]
    assert len(vendor.bills) == 16
    assert asked == 1


@pytest.mark.parametrize(("action", "most"), [("cook", 16), ("book", 1)])
def test_a_batch_of_nothing_is_refused_at_once(action: str, most: int) -> None:
    with pytest.raises(sdk.ConfigError, match=action):
        replace(acme, actions=dict(acme.actions)).batch(action, most=most)(book_several)
