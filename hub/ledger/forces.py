"""A new effect under a new idempotency key: one person asks, another one confirms within a day."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hub.domain.ids import new_id
from hub.domain.text import Text
from hub.ledger.database import LedgerUnit
from hub.sdk.home import Problem, Unit

LASTS = timedelta(hours=24)

# A row that a worker holds is waited for, so that what is asked and confirmed is what really stands there.
LOCK = "SELECT state, attempts, result FROM deliveries WHERE tenant_id = $1 AND id = $2 FOR UPDATE"
# What happened since it was asked makes it another question.
OPEN = """
SELECT f.id, f.delivery_id, f.asked_by, f.asked_at, f.why FROM forces f
JOIN deliveries d ON d.tenant_id = $1 AND d.id = f.delivery_id AND d.state = f.state AND d.attempts = f.attempts
WHERE f.tenant_id = $1 AND f.delivery_id = $2 AND f.confirmed_at IS NULL AND f.asked_at > now() - $3::interval
ORDER BY f.id DESC LIMIT 1
"""
ASK = """
INSERT INTO forces (tenant_id, id, delivery_id, asked_by, why, state, attempts, result)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
RENEW = """
UPDATE deliveries SET state = 'pending', due_at = now(), spent = 0, snoozes = 0, crashes = 0, look_first = false,
  replays = replays + 1, effect_no = effect_no + 1, backlog = false, fence = fence + 1, done_at = NULL,
  updated_at = now()
WHERE tenant_id = $1 AND id = $2 RETURNING connection, effect_no
"""
CONFIRM = "UPDATE forces SET confirmed_by = $3, confirmed_at = now(), effect_no = $4 WHERE tenant_id = $1 AND id = $2"

UNKNOWN = Text("检查投递编号。", "Check the delivery's id.")
UNDER_WAY = Text("等它停下来再申请。", "Ask again once it has come to rest.")
ASK_FIRST = Text(
    "先申请（hub deliveries force 编号 --why 原因），再由另一个人在 24 小时内确认；申请之后它有了变化就要重新申请。",
    "Ask first; another person confirms within 24 hours. What has changed since must be asked for again.",
)
ANOTHER = Text("请另一个人用自己的密钥确认。", "Have another person confirm, with a key of their own.")


@dataclass(frozen=True, slots=True)
class Force:
    """A new effect somebody asked for and nobody has confirmed yet."""

    id: str
    delivery_id: str
    asked_by: str
    asked_at: datetime
    why: str

    @property
    def until(self) -> datetime:
        """When it can no longer be confirmed."""
        return self.asked_at + LASTS


async def ask(unit: LedgerUnit, delivery_id: str, who: str, why: str) -> Force:
    """Ask for a new effect of a delivery that is at rest, done ones too; what is asked already is answered again.

    Raises Problem 404 for an unknown delivery, 409 for one that is due or under way.
    """
    found = await _lock(unit, delivery_id)
    asked = await open_force(unit, delivery_id)
    if asked:
        return asked
    if found["state"] in ("pending", "claimed", "sending"):
        raise Problem(409, "not-in-this-state", f"the delivery is {found['state']}", hint=UNDER_WAY)
    values = (new_id("frc"), delivery_id, who, why, found["state"], found["attempts"], found["result"])
    await unit.execute(ASK, unit.tenant_id, *values)
    return await _asked(unit, delivery_id)


async def confirm(unit: LedgerUnit, delivery_id: str, who: str) -> int:
    """Let it take effect anew: due now, never looked for, under the next key. Its new effect number.

    Raises Problem 404 for an unknown delivery, 409 when nothing is asked that still holds, 403 for who asked.
    """
    await _lock(unit, delivery_id)
    asked = await _asked(unit, delivery_id)
    if asked.asked_by == who:
        raise Problem(403, "second-person", "who asked cannot confirm", hint=ANOTHER)
    row = await unit.fetchrow(RENEW, unit.tenant_id, delivery_id)
    number = int(row["effect_no"]) if row else 0
    await unit.execute(CONFIRM, unit.tenant_id, asked.id, who, number)
    if row:
        unit.owed_to.add(row["connection"])
    return number


async def open_force(unit: Unit, delivery_id: str) -> Force | None:
    """What is asked for this delivery and may still be confirmed."""
    row = await unit.fetchrow(OPEN, unit.tenant_id, delivery_id, LASTS)
    return Force(**dict(row.items())) if row else None


async def _asked(unit: Unit, delivery_id: str) -> Force:
    asked = await open_force(unit, delivery_id)
    if asked is None:
        raise Problem(409, "not-asked", "no new effect is asked for", hint=ASK_FIRST)
    return asked


async def _lock(unit: Unit, delivery_id: str) -> Any:
    found = await unit.fetchrow(LOCK, unit.tenant_id, delivery_id)
    if found is None:
        raise Problem(404, "delivery-not-found", "no such delivery", hint=UNKNOWN)
    return found
