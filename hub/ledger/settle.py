"""Write down what came of attempts: attempt, state, external ref and the event it made, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hub.domain.delivery import Next, State
from hub.domain.errors import HubError, VendorError
from hub.domain.event import Inbound
from hub.domain.text import NOTHING
from hub.ledger.claim import Claimed
from hub.ledger.database import LedgerUnit
from hub.ledger.record import Told
from hub.sdk.connector import Action, Effect, Made
from hub.sdk.context import Exchange
from hub.sdk.exact import Json, dumps

SETTLE = """
UPDATE deliveries d SET state = s.state, due_at = now() + make_interval(secs => s.delay_s * (1 + 0.1 * random())),
  crashes = 0, spent = d.spent + s.spent, snoozes = d.snoozes + s.snoozed, look_first = s.look_first,
  result = coalesce(s.result, d.result), wrote = coalesce(s.wrote, d.wrote), error_code = s.code, error = s.error,
  hint_zh = s.hint_zh, hint_en = s.hint_en, lease_until = NULL, updated_at = now(),
  done_at = CASE WHEN s.state = 'done' THEN now() END
FROM unnest($2::text[], $3::int[], $4::text[], $5::float8[], $6::int[], $7::int[], $8::boolean[], $9::jsonb[],
  $10::text[], $11::text[], $12::text[], $13::text[], $14::text[])
  AS s (id, fence, state, delay_s, spent, snoozed, look_first, result, wrote, code, error, hint_zh, hint_en)
WHERE d.tenant_id = $1 AND d.id = s.id AND d.fence = s.fence AND d.state IN ('claimed', 'sending') RETURNING d.id
"""
ATTEMPT = """
UPDATE attempts a SET ended_at = clock_timestamp(), outcome = s.state, error_code = s.code, error = s.error,
  hint_zh = s.hint_zh, hint_en = s.hint_en, exchanges = s.exchanges::jsonb, superseded = s.superseded
FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::boolean[])
  AS s (id, state, code, error, hint_zh, hint_en, exchanges, superseded)
WHERE a.tenant_id = $1 AND a.id = ANY($2::text[]) AND a.id = s.id
"""
REF = """
INSERT INTO external_refs (tenant_id, connection, entity, external_id, number, record, delivery_id)
SELECT $1, r.* FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[]) AS r
ON CONFLICT (tenant_id, connection, entity, external_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: where the delivery goes, what was made, what went wrong, what was said."""

    next: Next
    made: Made | None = None
    error: HubError | None = None
    exchanges: Sequence[Exchange] = ()


@dataclass(frozen=True, slots=True)
class Ended:
    """A delivery whose attempt is over. `attempt` is None when it ended before one began."""

    delivery: Claimed
    attempt: str | None
    action: Action | None
    payload: Json
    outcome: Outcome


async def settle(unit: LedgerUnit, ended: Sequence[Ended]) -> set[str]:
    """Settle deliveries; the ids of those that were still ours. Of the others only the attempt is noted: superseded.

    Wakes nobody for what waited behind them: whoever drains looks again.
    """
    rows = [_row(each) for each in ended]
    found = await unit.fetch(SETTLE, unit.tenant_id, *(list(column) for column in zip(*rows, strict=True)))
    ours = {row["id"] for row in found}
    if noted := [_noted(each, each.delivery.id not in ours) for each in ended if each.attempt]:
        await unit.execute(ATTEMPT, unit.tenant_id, *(list(column) for column in zip(*noted, strict=True)))
    await tell(unit, [each for each in ended if each.delivery.id in ours])
    return ours


def _row(ended: Ended) -> tuple[object, ...]:
    after, made = ended.outcome.next, ended.outcome.made
    snoozed = int(after.state is State.WAITING and not after.spent)
    spent = int(after.spent and after.state is not State.DONE)
    ours = (ended.delivery.id, ended.delivery.fence, after.state.value, after.delay_s, spent, snoozed, after.look_first)
    wrote = made.id if made and ended.action and ended.action.effect is Effect.HOME else None
    return (*ours, made.model_dump(mode="python") if made else None, wrote, *_words(ended.outcome.error))


def _noted(ended: Ended, superseded: bool) -> tuple[object, ...]:
    exchanges = dumps([asdict(exchange) for exchange in ended.outcome.exchanges])
    return (ended.attempt, ended.outcome.next.state.value, *_words(ended.outcome.error), exchanges, superseded)


async def tell(unit: LedgerUnit, ended: Sequence[Ended]) -> None:
    """Keep the external refs of what was made, and record the events it makes."""
    refs, told = [], []
    for each in ended:
        made, action, delivery = each.outcome.made, each.action, each.delivery
        if made is None or action is None:
            continue
        if action.entity:
            refs.append((delivery.connection, action.entity, made.id, made.number, delivery.record, delivery.id))
        if action.emits:
            told.append(Told(delivery.connection, _fact(unit, each, action, made), delivery_id=delivery.id))
    if refs:
        await unit.execute(REF, unit.tenant_id, *(list(column) for column in zip(*refs, strict=True)))
    await unit.record_told(told)


def _fact(unit: LedgerUnit, ended: Ended, action: Action, made: Made) -> Inbound:
    data = {
        "payload": ended.payload,
        "result": made.model_dump(mode="python"),
        "cause": dict(ended.delivery.event.data),
        "record": ended.delivery.record,
    }
    return Inbound(action.emits, made.id, f"{action.emits}:{ended.delivery.key}", unit.now, data)


def _words(error: HubError | None) -> tuple[str, str, str, str]:
    code, words, hint = "", "", NOTHING
    if error is not None:
        code = error.code if isinstance(error, VendorError) else type(error).__name__
        words, hint = error.message, error.hint
    return code[:200], words[:2000].replace("\x00", "�"), hint.zh, hint.en
