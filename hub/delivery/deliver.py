"""Carry out deliveries: claim, map, intend, call, settle. A connection is drained until nothing is due.

What is ready together is written together: one claim, one intent, one settlement for many deliveries, and one call
where the vendor takes several. While calls are under way, what came in and what came free is claimed, so that a slow
one holds nobody up.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from hub.delivery.attempt import attempt
from hub.delivery.policy import REST_S, RETRIES, WINDOW_S, is_illness, is_retried, judge, trips
from hub.delivery.prepare import Preparer, Ready, calls
from hub.domain.delivery import Next, State
from hub.domain.errors import Drifted, HubError, MappingError, NeedsReauth, Throttled
from hub.domain.text import Text
from hub.failpoints import point
from hub.ledger import gates
from hub.ledger.claim import Claimed, Intent, claim, heartbeat, intend
from hub.ledger.connections import Stored, find, hold
from hub.ledger.database import Database, LedgerUnit, Unavailable, again
from hub.ledger.leases import Heart, Lease
from hub.ledger.settle import Ended, Outcome, settle
from hub.ledger.together import Together
from hub.registry import Registry
from hub.sdk.connector import Effect, Made

AT_HOME = 32
"""Deliveries of the home system under way at once."""

AT_ONCE, LEAST = 64, 4
"""So many calls of all connections go at once in one process, shared out evenly; each may have the least."""

GATHER_S = 0.005
"""How long what has come free waits for more before the next claim."""

TELL_S = 1.0
"""How often a gate hears that all is well."""

NO_CONNECTION = Text(
    "请先用 hub connections add 建立这个连接。", "Add this connection with `hub connections add` first."
)


@dataclass(slots=True)
class Round:
    """What one drain has under way. `more` is set when something came in or came free; `share` goes at once."""

    tenant: str
    connection: str
    lease: Lease
    holding: dict[str, Claimed]
    more: asyncio.Event
    share: int = LEAST
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    made: int = 0
    broken: list[BaseException] = field(default_factory=list)


class Deliverer:
    """Delivers for one process."""

    def __init__(
        self, database: Database, registry: Registry, preparer: Preparer, lease_s: float, heart: Heart
    ) -> None:
        self.database = database
        self.registry = registry
        self.heart = heart
        self.stopping = asyncio.Event()
        """Set it and drains end with what they have begun."""
        self._preparer = preparer
        self._lease_s = lease_s
        self._drains = 0
        self._good: Counter[tuple[str, str]] = Counter()
        self._told: dict[tuple[str, str], float] = {}
        self._settling: Together[Sequence[Ended]] = Together(self._settle_all)

    async def drain(self, tenant: str, connection: str, more: asyncio.Event | None = None) -> int:
        """Deliver until nothing of this connection is due, or `stopping` is set; how many attempts were made.

        Args:
            more: set by whoever knows that something came in; cleared before each look.
        """
        holding: dict[str, Claimed] = {}
        with self.heart.kept(tenant, partial(self._renew, holding), self._lease_s, time.monotonic()) as lease:
            now = Round(tenant, connection, lease, holding, more or asyncio.Event())
            self._drains += 1
            try:
                now.more.clear()
                while await self._take_more(now) or now.tasks:
                    await _some(now)
                    now.more.clear()
            finally:
                self._drains -= 1
        for error in now.broken:
            raise error
        return now.made

    async def _renew(self, holding: dict[str, Claimed], unit: LedgerUnit) -> set[str]:
        return await heartbeat(unit, list(holding.values()), self._lease_s)

    async def _take_more(self, now: Round) -> bool:
        """Claim what is due and begin it; whether there was anything."""
        if self.stopping.is_set() or now.broken:
            return False
        point("worker.before_claim")
        async with self.database.unit(now.tenant) as unit:
            stored = await find(unit, now.connection)
            most = self._most(stored)
            now.share = min(most, max(LEAST, AT_ONCE // self._drains))
            room, number = max(now.share - len(now.tasks), 0), self.heart.presence.number
            claimed = await claim(unit, now.connection, most, self._lease_s, number, room)
        if not claimed:
            return False
        point("worker.after_claim")
        now.made += len(claimed)
        now.holding |= {each.id: each for each in claimed}
        await self._begin(now, stored, claimed)
        return True

    def _most(self, stored: Stored | None) -> int:
        known = self.registry.connectors.get(stored.connector) if stored else None
        return known.limits.concurrency if known else AT_HOME

    async def _begin(self, now: Round, stored: Stored | None, claimed: Sequence[Claimed]) -> None:
        sending: list[Ready] = []
        found = await self._preparer.look_up(now.tenant, claimed)
        for delivery in claimed:
            try:
                ready = await self._preparer.prepare(now.tenant, delivery, found)
            except MappingError as error:
                self._start(now, [delivery], self._end(now, delivery, error, Next(State.DEAD)))
                continue
            except Drifted as error:
                self._start(now, [delivery], self._end(now, delivery, error, Next(State.HELD, spent=False)))
                continue
            if ready.action.effect is Effect.HOME:
                self._start(now, [delivery], self._apply_at_home(now.tenant, ready))
            elif stored is None:
                missing = NeedsReauth(f"no connection {now.connection!r}", code="connection", hint=NO_CONNECTION)
                self._start(now, [delivery], self._end(now, delivery, missing, Next(State.HELD, spent=False)))
            else:
                sending.append(ready)
        if stored and sending:
            await self._send(now, stored, sending)

    def _start(self, now: Round, deliveries: Sequence[Claimed], work: Any) -> None:
        task = asyncio.create_task(work)
        now.tasks.add(task)

        def ended(task: asyncio.Task[None]) -> None:
            now.tasks.discard(task)
            now.more.set()
            for delivery in deliveries:
                now.holding.pop(delivery.id, None)
            if not task.cancelled() and (error := task.exception()):
                now.broken.append(error)

        task.add_done_callback(ended)

    async def _end(self, now: Round, delivery: Claimed, error: HubError, after: Next) -> None:
        """It ends before anything was tried."""
        await self._settling.do(now.tenant, [Ended(delivery, None, None, None, Outcome(after, error=error))])

    async def _send(self, now: Round, stored: Stored, sending: Sequence[Ready]) -> None:
        point("worker.before_intent")
        intents = [Intent(each.delivery, each.payload, each.action.settle.total_seconds()) for each in sending]
        async with self.database.unit(now.tenant) as unit:
            attempts = await intend(unit, intents)
        point("worker.after_intent")
        for several in calls(ready for ready in sending if ready.delivery.id in attempts):
            work = self._carry_out(now, stored, several, attempts)
            self._start(now, [ready.delivery for ready in several], work)

    async def _carry_out(
        self, now: Round, stored: Stored, several: Sequence[Ready], attempts: Mapping[str, str]
    ) -> None:
        """One call, of which either everything is still ours or nothing is sent."""

        def alive() -> bool:
            return all(now.lease.alive(ready.delivery.id) for ready in several)

        outcomes = await attempt(self.registry, stored, several, alive)
        point("worker.after_answer")
        ended = [
            Ended(ready.delivery, attempts[ready.delivery.id], ready.action, ready.payload, outcome)
            for ready, outcome in zip(several, outcomes, strict=True)
        ]
        await self._settling.do(now.tenant, ended)

    async def _apply_at_home(self, tenant: str, ready: Ready) -> None:
        """Effect and settlement in one transaction: exactly once, whatever dies."""
        delivery, intent = ready.delivery, Intent(ready.delivery, ready.payload)
        try:
            await again(lambda: self._take_effect(tenant, ready, intent))
        except Unavailable:
            raise  # nothing was done; the lease lapses and the sweep takes it up again
        except HubError as error:
            outcome = Outcome(judge(error, Effect.HOME, delivery.spent, delivery.snoozes), error=error)
            async with self.database.unit(tenant) as unit:
                number = (await intend(unit, [intent])).get(delivery.id)
                ended = [Ended(delivery, number, ready.action, ready.payload, outcome)]
                await settle(unit, ended)
                self._hand_on(unit, ended)

    async def _take_effect(self, tenant: str, ready: Ready, intent: Intent) -> None:
        delivery = ready.delivery
        run: Any = ready.action.run
        async with self.database.unit(tenant, source=delivery.event.connection) as unit:
            number = (await intend(unit, [intent])).get(delivery.id)
            if number is None:
                return
            made: Made = await run(unit, ready.given)
            ended = [Ended(delivery, number, ready.action, ready.payload, Outcome(Next(State.DONE), made))]
            await settle(unit, ended)
            self._hand_on(unit, ended)
            point("worker.at_home_before_commit")
        point("worker.after_record")

    async def _settle_all(self, tenant: str, ended: Sequence[Sequence[Ended]]) -> None:
        """Settle what calls came to; those of one call together."""
        every = [each for call in ended for each in call]
        async with self.database.unit(tenant) as unit:
            ours = await settle(unit, every)
            for each in every:
                if each.outcome.next.state is State.HELD and isinstance(each.outcome.error, NeedsReauth):
                    await hold(unit, each.delivery.connection, str(each.outcome.error))
            heard = [[each for each in call if each.attempt and each.delivery.id in ours] for call in ended]
            await self._mind_the_gates(unit, [_news(call) for call in heard if call])
            for call in heard:
                vain = [e.delivery.id for e in call if is_retried(e.outcome.next, e.outcome.error)]
                if vain:
                    await gates.put_off(unit, call[0].delivery.connection, vain, RETRIES)
            self._hand_on(unit, every)
            point("worker.before_record_commit")
        point("worker.after_record")

    def _hand_on(self, unit: LedgerUnit, ended: Sequence[Ended]) -> None:
        """What waited behind these: the drain they came from looks again; one that stops wakes others."""
        if self.stopping.is_set():
            unit.owed_to |= {each.delivery.connection for each in ended}

    async def _mind_the_gates(self, unit: LedgerUnit, ended: Sequence[Ended]) -> None:
        """Remember how the vendors are: open the circuit of one that is ill, close it when a probe went well.

        What went well is told with what goes badly, and once a second, so that a worker that dies takes little along.
        """
        tenant = unit.tenant_id
        self._good.update((tenant, e.delivery.connection) for e in ended if not _is_bad(e.outcome.error))
        for each in ended:
            connection, error = each.delivery.connection, each.outcome.error
            if isinstance(error, Throttled):
                await gates.rest(unit, connection, each.outcome.next.delay_s, str(error))
            elif is_illness(error):
                good = self._good.pop((tenant, connection), 0)
                if trips(await gates.fell_ill(unit, connection, WINDOW_S, str(error), good)):
                    await gates.shut(unit, connection, REST_S)
            elif each.delivery.probe and await gates.well_again(unit, connection):
                unit.owed_to.add(connection)
        for place in {(tenant, each.delivery.connection) for each in ended} & self._good.keys():
            if time.monotonic() > self._told.get(place, 0.0) + TELL_S:
                await gates.went_well(unit, place[1], self._good.pop(place), WINDOW_S)
                self._told[place] = time.monotonic()


def _news(call: Sequence[Ended]) -> Ended:
    """The one of a call's deliveries that tells how the vendor is: ill only if none of them went well."""
    return next((each for each in call if not _is_bad(each.outcome.error)), call[0])


def _is_bad(error: HubError | None) -> bool:
    return isinstance(error, Throttled) or is_illness(error)


async def _some(now: Round) -> None:
    """Wait until something came in or came free and there is room for it, and a moment for others."""
    while now.tasks:
        await now.more.wait()
        if len(now.tasks) < now.share:
            break
        now.more.clear()
    if now.tasks:
        await asyncio.wait(set(now.tasks), timeout=GATHER_S)
