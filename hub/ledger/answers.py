"""A person answers what no machine could find out: it is there, or it is not. Only for `uncertain`."""

from dataclasses import fields
from typing import Any

from hub.domain.delivery import Next, State
from hub.domain.event import Event
from hub.domain.ids import new_id
from hub.domain.text import Text
from hub.ledger.claim import Claimed
from hub.ledger.database import LedgerUnit
from hub.ledger.settle import Ended, Outcome, tell
from hub.sdk.connector import Action, Made

ANSWERED = """
UPDATE deliveries d SET state = $3, due_at = now(), lease_until = NULL, look_first = false, fence = fence + 1,
  attempts = attempts + 1, result = coalesce($4, result), error_code = '', error = '', hint_zh = '', hint_en = '',
  updated_at = now(), done_at = CASE WHEN $3 = 'done' THEN now() END
FROM events e
WHERE d.tenant_id = $1 AND d.id = $2 AND d.state = 'uncertain' AND e.tenant_id = $1 AND e.id = d.event_id
RETURNING d.*, e.connection AS source, e.type, e.subject, e.occurred_at, e.data
"""
NOTE = """
INSERT INTO attempts (tenant_id, id, delivery_id, number, fence, ended_at, outcome, error_code, error, hint_zh, hint_en)
VALUES ($1, $2, $3, $4, $5, now(), $6, 'answered', $7, $8, $9)
"""

THERE = Text("人工确认：对方已经有了。", "A person answered: it is there.")
NOT_THERE = Text("人工确认：对方没有，可以再发。", "A person answered: it is not there; it is sent again.")


async def is_there(
    unit: LedgerUnit, delivery_id: str, action: Action | None, made: Made | None, who: str, why: str
) -> bool:
    """Done, as if the vendor had said so: the ref is kept and the event is told. False when it is not uncertain.

    Args:
        made: what is there; None when nobody needs to know.
    """
    row = await _answer(unit, delivery_id, "done", made, (who, why, THERE))
    if row is not None and action and made:
        ended = Ended(_claimed(unit.tenant_id, row), None, action, row["payload"], Outcome(Next(State.DONE), made))
        await tell(unit, [ended])
    return row is not None


async def is_not_there(unit: LedgerUnit, delivery_id: str, who: str, why: str) -> bool:
    """Due now, and sent without a look. False when it is not uncertain."""
    return await _answer(unit, delivery_id, "pending", None, (who, why, NOT_THERE)) is not None


async def _answer(
    unit: LedgerUnit, delivery_id: str, state: str, made: Made | None, said: tuple[str, str, Text]
) -> Any | None:
    """Move it, and note who said what where the attempts stand."""
    result = made.model_dump(mode="python") if made else None
    row = await unit.fetchrow(ANSWERED, unit.tenant_id, delivery_id, state, result)
    if row is None:
        return None
    who, why, words = said
    place = (new_id("att"), delivery_id, row["attempts"], row["fence"])
    await unit.execute(NOTE, unit.tenant_id, *place, state, f"{who}: {why}", words.zh, words.en)
    unit.owed_to.add(row["connection"])
    return row


def _claimed(tenant: str, row: Any) -> Claimed:
    event = Event(row["event_id"], tenant, row["source"], row["type"], row["subject"], row["occurred_at"], row["data"])
    kept = {field.name: row[field.name] for field in fields(Claimed) if field.name not in ("event", "probe")}
    return Claimed(**kept, event=event)
