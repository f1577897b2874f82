"""The replay lab: select deliveries, see what would be sent now, and put them back as a recorded batch."""

import asyncio
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

from hub.api.preview import Missing, Planner, Preview, Translation
from hub.domain.delivery import State
from hub.domain.errors import ConfigError, MappingError
from hub.domain.text import Text
from hub.flows.refs import Knowing, refs_of
from hub.ledger import batches
from hub.ledger.answers import is_not_there, is_there
from hub.ledger.batches import Batch, Choice, Put, Refused, Step
from hub.ledger.database import Database, LedgerUnit
from hub.ledger.refs import known
from hub.ledger.replay import REPLAYABLE, replay
from hub.ledger.selection import Candidate, Selection, bounds, candidate, page
from hub.ledger.versions import text_of
from hub.mapping import MappingFile, pinned
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable
from hub.mapping.refs import Asked, asked
from hub.sdk.connector import Made
from hub.sdk.exact import Json
from hub.sdk.home import Problem, Unit

NARROW = Text(
    "至少给一个条件：时间、流程、状态、连接、记录、文字或表达式。",
    "Name at least one condition: time, flow, state, connection, record, text or expression.",
)
EXPRESSION = Text(
    "改正表达式：data 是事件的数据，payload 是发出过的内容。",
    "Correct the expression: `data` is the event's, `payload` is what was sent.",
)
AT_REST = Text(
    "只有停下来、还没完成的投递可以重放；已完成的要再生效一次，用 force。",
    "Only what is at rest and not done is replayed; for a new effect of what is done see `force`.",
)
IN_DOUBT = Text("只有待确认的投递可以回答。", "Only an uncertain delivery is answered for.")
ITS_ID = Text("在对方系统里找到它，填上它的编号。", "Find it at the vendor and give its id.")
UNKNOWN = Text("检查投递编号。", "Check the delivery's id.")
MENDED = "映射已改 / the mapping was changed"
"""Why one delivery goes with the mapping of today, where nobody said."""
UNDER_WAY = (State.PENDING, State.CLAIMED, State.SENDING)


@dataclass(slots=True)
class Previews:
    """A page of a dry run; `next`: the id the next one begins after, or "" at the end.

    `unanswerable`: deliveries whose data and the expression do not go together; they are not selected.
    """

    items: list[Preview] = field(default_factory=list)
    next: str = ""
    scanned: int = 0
    unanswerable: int = 0


@dataclass(frozen=True, slots=True)
class Found:
    """A page of the walk after the expression; `last` is "" at the end."""

    chosen: list[Candidate]
    last: str
    scanned: int
    unanswerable: int


@dataclass(frozen=True, slots=True)
class Lab:
    """Replays over the ledger. `mapping` finds a mapping by its pin and raises KeyError when there is none."""

    database: Database
    planner: Planner
    mapping: Callable[[str], Translation]

    async def dry_run(
        self, tenant: str, wanted: Selection, choice: Choice, after: str, limit: int, budget_s: float
    ) -> Previews:
        """Up to `limit` previews, beginning after the id `after`. Nothing is written and nothing is sent.

        It ends early, with a `next`, once `budget_s` has passed. Raises Problem 422 for a bad expression.
        """
        where = compiled(wanted.where)
        async with self.database.unit(tenant) as unit:
            begin, upto = await bounds(unit, wanted)
        told, after, ends = Previews(), max(after, begin), time.monotonic() + budget_s
        while True:
            found = await self._find(tenant, wanted, where, after, upto)
            told.scanned += found.scanned
            told.unanswerable += found.unanswerable
            room = limit - len(told.items)
            told.items += await self._previews(tenant, found.chosen[:room], choice)
            after = told.next = found.last if len(found.chosen) <= room else found.chosen[room - 1].id
            if not after or len(told.items) == limit or time.monotonic() > ends:
                return told

    async def begin(self, unit: Unit, who: str, why: str, wanted: Selection, choice: Choice) -> str:
        """Write a batch down; `run` puts its deliveries back. Its id.

        Raises Problem 422 for a bad expression, for a selection of everything, or of what cannot be replayed.
        """
        compiled(wanted.where)
        if not wanted.narrows():
            raise Problem(422, "selection-empty", "nothing narrows the selection", hint=NARROW)
        if odd := sorted(set(wanted.states) - REPLAYABLE):
            what = {"states": ", ".join(odd)}
            raise Problem(422, "not-replayable", "such deliveries are not replayed", hint=AT_REST, fields=what)
        return await batches.begin(unit, who, why, wanted, choice)

    async def run(self, tenant: str, replay_id: str, budget_s: float) -> bool:
        """Go on with a batch until it is finished or `budget_s` has passed; whether it is finished.

        A page is one transaction: whatever dies, the batch goes on where it stopped, and twins share the work.
        """
        ends = time.monotonic() + budget_s
        while True:
            async with self.database.unit(tenant) as unit:
                batch = await batches.find_batch(unit, replay_id)
            if batch is None or batch.finished_at:
                return True
            if time.monotonic() > ends:
                return False
            await self._advance(tenant, batch)

    async def edit(self, tenant: str, who: str, why: str, delivery_id: str, payload: Json) -> str:
        """Send this payload instead, under the same key; recorded with the one before. The id of the batch.

        Raises Problem 404 for an unknown delivery, 409 for one that is done or under way, 422 for a bad payload.
        """
        async with self.database.unit(tenant) as unit:
            found = await candidate(unit, delivery_id)
        if found is None:
            raise Problem(404, "delivery-not-found", "no such delivery", hint=UNKNOWN)
        try:
            self.planner.validate(found.action, payload)
        except MappingError as error:
            raise Problem(422, "payload-invalid", error.message, hint=error.hint) from error
        return await self._put_one(tenant, (who, why), Put(found.id, override=payload), "pinned", "edit")

    async def again(self, tenant: str, said: tuple[str, str], delivery_id: str, choice: Choice) -> Candidate:
        """Make one delivery due now, as (who, why) `said`; how it stands then. Twice is once.

        Raises Problem 404 for an unknown delivery, 409 for one that is done; MappingError when today's flows have none.
        """
        moved = False
        async with self.database.unit(tenant) as unit:
            was = await candidate(unit, delivery_id)
            if choice == "pinned":
                moved = await replay(unit, delivery_id) is not None
        if was and choice == "current" and was.state in REPLAYABLE:
            with suppress(Problem):  # another one was faster
                await self.renew(tenant, said, was)
                moved = True
        async with self.database.unit(tenant) as unit:
            now = await candidate(unit, delivery_id)
        if now is None:
            raise Problem(404, "delivery-not-found", "no such delivery", hint=UNKNOWN)
        if not moved and now.state not in UNDER_WAY:
            raise Problem(409, "not-in-this-state", f"the delivery is {now.state}", hint=AT_REST)
        return now

    async def renew(self, tenant: str, said: tuple[str, str], was: Candidate) -> str:
        """Put one delivery back with the mapping of today's flows, as (who, why) `said`; the pin of that mapping.

        Raises MappingError when today's flows have none, Problem 409 for one that is done or under way.
        """
        put = self.planner.put(was, "current")
        await self._put_one(tenant, said, put, "current", "range")
        return put.mapping or was.mapping

    def newer(self, dead: Candidate) -> str:
        """The pin of today's flows, when this is dead because another mapping failed; else ""."""
        if dead.state != State.DEAD or dead.error_code != MappingError.__name__:
            return ""
        try:
            pin = self.planner.pin(dead, "current")
        except MappingError:
            return ""
        return pin if pin != dead.mapping else ""

    async def answer(
        self, unit: LedgerUnit, delivery_id: str, there: bool, made: Made | None, said: tuple[str, str]
    ) -> State:
        """Answer for a delivery in doubt, as (who, why) `said`; where it stands now.

        Raises Problem 404 for an unknown one, 409 for one not in doubt, 422 when its id there must be known and is not.
        """
        found = await candidate(unit, delivery_id)
        if found is None:
            raise Problem(404, "delivery-not-found", "no such delivery", hint=UNKNOWN)
        action = self.planner.actions.get(found.action)
        if there and not made and action and (action.entity or action.emits):
            what = {"external_id": "required: others refer to it"}
            raise Problem(422, "invalid", "the id there is needed", hint=ITS_ID, fields=what)
        moved = await (
            is_there(unit, delivery_id, action, made, *said) if there else is_not_there(unit, delivery_id, *said)
        )
        if not moved:
            raise Problem(409, "not-in-this-state", f"the delivery is {found.state}", hint=IN_DOUBT)
        return State.DONE if there else State.PENDING

    async def _put_one(self, tenant: str, said: tuple[str, str], put: Put, choice: Choice, kind: str) -> str:
        """A batch of one, in one transaction; its id. Problem 409 when it does not move."""
        async with self.database.unit(tenant) as unit:
            replay_id = await batches.begin(unit, *said, Selection((put.id,)), choice, kind)
            batch = await batches.find_batch(unit, replay_id)
            if batch is None or not await batches.advance(unit, batch, Step("", scanned=1, puts=[put])):
                raise Problem(409, "not-in-this-state", "the delivery is not at rest, or done", hint=AT_REST)
        return replay_id

    async def _advance(self, tenant: str, batch: Batch) -> None:
        wanted = Selection.from_json(batch.selection)
        found = await self._find(tenant, wanted, compiled(wanted.where), batch.after, batch.upto)
        puts, refused = await asyncio.to_thread(self._decide, found.chosen, batch.mapping)
        async with self.database.unit(tenant) as unit:
            await batches.advance(unit, batch, Step(found.last, found.scanned, found.unanswerable, puts, refused))

    def _decide(self, chosen: Iterable[Candidate], choice: Choice) -> tuple[list[Put], list[Refused]]:
        puts, refused = [], []
        for each in chosen:
            try:
                puts.append(self.planner.put(each, choice))
            except MappingError as error:
                refused.append(Refused(each.id, error.message, error.hint))
        return puts, refused

    async def _find(self, tenant: str, wanted: Selection, where: Expression | None, after: str, upto: str) -> Found:
        """The next page. The expression is asked outside the transaction, for it may take its time."""
        async with self.database.unit(tenant) as unit:
            passed = await page(unit, wanted, after, upto)
        chosen, unanswerable = passed.candidates, 0
        if where is not None:
            chosen, unanswerable = await asyncio.to_thread(_answering, where, chosen)
        return Found(chosen, passed.last, passed.scanned, unanswerable)

    async def _previews(self, tenant: str, candidates: list[Candidate], choice: Choice) -> list[Preview]:
        older = await self._older(tenant, {c.mapping for c in candidates}) if choice == "pinned" else {}

        def translation(pin: str) -> Translation:
            return older.get(pin) or self.mapping(pin)

        wanted = await asyncio.to_thread(self._asked, candidates, choice, translation)
        found: dict[Asked, Json] = {}
        if wanted:
            async with self.database.unit(tenant) as unit:
                found = await known(unit, wanted)

        def knowing(pin: str) -> Translation:
            mapping = translation(pin)
            return Knowing(mapping, found) if isinstance(mapping, MappingFile) else mapping

        def preview() -> list[Preview]:
            return [self.planner.preview(c, choice, knowing) for c in candidates]

        return await asyncio.to_thread(preview)

    def _asked(
        self, candidates: Iterable[Candidate], choice: Choice, translation: Callable[[str], Translation]
    ) -> set[Asked]:
        """What their mappings ask for; what cannot be asked shows when the mapping is applied."""
        wanted: set[Asked] = set()
        for each in candidates:
            with suppress(MappingError):
                mapping = translation(self.planner.pin(each, choice))
                wanted |= set(asked(refs_of(mapping), each.event.data).values())
        return wanted

    async def _older(self, tenant: str, pins: Iterable[str]) -> dict[str, Translation]:
        """Those of these mappings that are no longer loaded, from the texts the ledger keeps."""
        found: dict[str, Translation] = {}
        async with self.database.unit(tenant) as unit:
            for pin in pins:
                try:
                    self.mapping(pin)
                except KeyError:
                    found[pin] = _parsed(pin, await text_of(unit, pin))
        return found


def compiled(where: str) -> Expression | None:
    """The expression of a selection, or None. Raises Problem 422, which says where it is wrong."""
    try:
        return Expression(where) if where else None
    except BadExpression as error:
        what = {"where": f"{error} (at {error.position})"}
        raise Problem(422, "expression", "the expression is not valid", hint=EXPRESSION, fields=what) from error


def replayable(state: State) -> bool:
    """Whether a batch would put back a delivery in this state."""
    return state in REPLAYABLE


def _parsed(pin: str, text: str | None) -> Translation:
    try:
        return pinned(text, pin) if text is not None else Missing(pin, "not known here")
    except ConfigError as error:  # written for an older engine
        return Missing(pin, error.message)


def _answering(where: Expression, candidates: Iterable[Candidate]) -> tuple[list[Candidate], int]:
    """Those the expression is true of, by JMESPath's truth, and how many it could not answer for."""
    chosen, unanswerable = [], 0
    for each in candidates:
        try:
            value = where.search(each.view())
            if value is not None and value is not False and value not in ("", [], {}):
                chosen.append(each)
        except Unanswerable:
            unanswerable += 1
    return chosen, unanswerable
