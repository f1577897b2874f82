"""Write down what came of an attempt: attempt, state, external ref and the event it made, in one transaction."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass

from hub.domain.delivery import Next, State
from hub.domain.errors import HubError, VendorError
from hub.domain.event import Inbound
from hub.domain.text import NOTHING, Text
from hub.ledger.claim import Claimed
from hub.ledger.database import LedgerUnit
from hub.sdk.connector import Action, Made
from hub.sdk.context import Exchange
from hub.sdk.exact import Json

SETTLE = """
UPDATE deliveries SET state = $4, due_at = now() + make_interval(secs => $5), spent = spent + $6,
  snoozes = snoozes + $7, look_first = $8, result = coalesce($9, result), error_code = $10, error = $11,
  hint_zh = $12, hint_en = $13, lease_until = NULL, updated_at = now(),
  done_at = CASE WHEN $4 = 'done' THEN now() END
WHERE tenant_id = $1 AND id = $2 AND fence = $3 AND state IN ('claimed', 'sending') RETURNING id
"""
ATTEMPT = """
UPDATE attempts SET ended_at = clock_timestamp(), outcome = $3, error_code = $4, error = $5, hint_zh = $6,
  hint_en = $7, exchanges = $8, superseded = $9
WHERE tenant_id = $1 AND id = $2
"""
REF = """
INSERT INTO external_refs (tenant_id, connection, entity, external_id, number, record, delivery_id)
VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, connection, entity, external_id) DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an attempt came to: where the delivery goes, what was made, what went wrong, what was said."""

    next: Next
    made: Made | None = None
    error: HubError | None = None
    exchanges: Sequence[Exchange] = ()


async def settle(
    unit: LedgerUnit, delivery: Claimed, attempt: str | None, action: Action | None, payload: Json, outcome: Outcome
) -> bool:
    """Settle a delivery. False when it is no longer ours: then only the attempt is noted, as superseded."""
    after, code, words, hint = outcome.next, *_words(outcome.error)
    result = outcome.made.model_dump(mode="python") if outcome.made else None
    snoozed = int(after.state is State.WAITING and not after.spent)
    spent = int(after.spent and after.state is not State.DONE)
    kept = await unit.fetchval(
        SETTLE,
        *(unit.tenant_id, delivery.id, delivery.fence, after.state.value, after.delay_s, spent, snoozed),
        *(after.look_first, result, code, words, hint.zh, hint.en),
    )
    if attempt:
        exchanges = [asdict(exchange) for exchange in outcome.exchanges]
        noted = (after.state.value, code, words, hint.zh, hint.en, exchanges, kept is None)
        await unit.execute(ATTEMPT, unit.tenant_id, attempt, *noted)
    if kept is None:
        return False
    if outcome.made and action:
        await _tell(unit, delivery, action, payload, outcome.made)
    unit.owed_to.add(delivery.connection)
    return True


async def _tell(unit: LedgerUnit, delivery: Claimed, action: Action, payload: Json, made: Made) -> None:
    if action.entity:
        place = (delivery.connection, action.entity, made.id, made.number, delivery.record, delivery.id)
        await unit.execute(REF, unit.tenant_id, *place)
    if not action.emits:
        return
    told = {
        "payload": payload,
        "result": made.model_dump(mode="python"),
        "cause": dict(delivery.event.data),
        "record": delivery.record,
    }
    fact = Inbound(action.emits, made.id, f"{action.emits}:{delivery.id}", unit.now, told)
    await unit.record(delivery.connection, [fact], delivery_id=delivery.id)


def _words(error: HubError | None) -> tuple[str, str, Text]:
    if error is None:
        return "", "", NOTHING
    code = error.code if isinstance(error, VendorError) else type(error).__name__
    return code[:200], error.message[:2000].replace("\x00", "�"), error.hint
