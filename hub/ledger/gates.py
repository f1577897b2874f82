"""Gates before vendors: one row for each connection, shared by every worker.

A gate says when the next call may go (the rate), until when nothing goes (the vendor asked for rest, or its circuit
is open), when the next retry fits the budget, and counts what lately went well and badly. A connection without a row
is well.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from hub.sdk.home import Unit

ILL = """
INSERT INTO gates AS g (tenant_id, connection, good, bad, in_a_row, why) VALUES ($1, $2, $5, 1, 1, $4)
ON CONFLICT (tenant_id, connection) DO UPDATE SET
  good = $5 + CASE WHEN g.since < now() - make_interval(secs => $3) THEN 0 ELSE g.good END,
  bad = 1 + CASE WHEN g.since < now() - make_interval(secs => $3) THEN 0 ELSE g.bad END,
  since = CASE WHEN g.since < now() - make_interval(secs => $3) THEN now() ELSE g.since END,
  in_a_row = 1 + CASE WHEN $5 > 0 THEN 0 ELSE g.in_a_row END, why = $4
RETURNING good, bad, in_a_row, opened_at IS NOT NULL AS open
"""
# Closed and opened again at once it would flap: then it rests twice as long.
SHUT = """
UPDATE gates SET opened_at = coalesce(opened_at, now()), closed_until = now() + make_interval(secs => $3 *
    CASE WHEN opened_at IS NULL AND last_opened_at > now() - make_interval(secs => 4 * $3) THEN 2 ELSE 1 END),
  last_opened_at = coalesce(opened_at, now())
WHERE tenant_id = $1 AND connection = $2
"""
GOOD = """
INSERT INTO gates AS g (tenant_id, connection, good) VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, connection) DO UPDATE SET
  good = $3 + CASE WHEN g.since < now() - make_interval(secs => $4) THEN 0 ELSE g.good END,
  bad = CASE WHEN g.since < now() - make_interval(secs => $4) THEN 0 ELSE g.bad END,
  since = CASE WHEN g.since < now() - make_interval(secs => $4) THEN now() ELSE g.since END, in_a_row = 0
"""
WELL = """
UPDATE gates SET opened_at = NULL, closed_until = NULL, since = now(), good = 0, bad = 0, in_a_row = 0, why = ''
WHERE tenant_id = $1 AND connection = $2 AND opened_at IS NOT NULL RETURNING 1
"""
REST = """
INSERT INTO gates AS g (tenant_id, connection, closed_until, why) VALUES ($1, $2, now() + make_interval(secs => $3), $4)
ON CONFLICT (tenant_id, connection) DO UPDATE
  SET closed_until = greatest(g.closed_until, excluded.closed_until), why = excluded.why
"""
# The classic "virtual scheduling": the row remembers when the next call is due; idle time is forgiven up to a second.
RESERVE = """
INSERT INTO gates AS g (tenant_id, connection, next_at) VALUES ($1, $2, now() + make_interval(secs => $3))
ON CONFLICT (tenant_id, connection) DO UPDATE
  SET next_at = greatest(g.next_at, now() - interval '1 s') + make_interval(secs => $3)
RETURNING extract(epoch FROM next_at - clock_timestamp())::float8 - $3
"""
# The same for retries: their rate is a share of the calls of the present window, or the least in a window where that
# is more. As many as that least may go at once. Nothing is put off by more than the longest wait.
PUT_OFF = """
WITH pace AS (
  SELECT 1 / greatest($6 / $4::float8,
    ($5::numeric * (good + bad) / greatest(extract(epoch FROM now() - since), 1))::float8) AS apart_s
  FROM gates WHERE tenant_id = $1 AND connection = $2),
turn AS (UPDATE gates SET retry_at = least(now() + make_interval(secs => $7),
    greatest(retry_at, now() - make_interval(secs => $6 * apart_s)) + make_interval(secs => apart_s))
  FROM pace WHERE tenant_id = $1 AND connection = $2 RETURNING retry_at)
UPDATE deliveries d SET due_at = turn.retry_at FROM turn
WHERE d.tenant_id = $1 AND d.id = ANY($3::text[]) AND d.state = 'waiting' AND d.due_at < turn.retry_at
"""


@dataclass(frozen=True, slots=True)
class Health:
    """What lately became of a connection's attempts. `open`: its circuit is open already."""

    good: int
    bad: int
    in_a_row: int
    open: bool


async def went_well(unit: Unit, connection: str, times: int, window_s: float) -> None:
    """So many attempts went well; counted beside what went badly within the window."""
    await unit.execute(GOOD, unit.tenant_id, connection, times, window_s)


async def fell_ill(unit: Unit, connection: str, window_s: float, why: str, good: int = 0) -> Health:
    """One more attempt failed for the vendor's reasons, and so many before it went well."""
    (row,) = await unit.fetch(ILL, unit.tenant_id, connection, window_s, why[:500], good)
    return Health(**dict(row.items()))


async def shut(unit: Unit, connection: str, rest_s: float) -> None:
    """Open the circuit: nothing goes for so long, then one at a time until one goes well."""
    await unit.execute(SHUT, unit.tenant_id, connection, rest_s)


async def well_again(unit: Unit, connection: str) -> bool:
    """Close the circuit; whether it was open."""
    return await unit.fetchval(WELL, unit.tenant_id, connection) is not None


@dataclass(frozen=True, slots=True)
class Budget:
    """What retries may be of a connection's calls: a share within the window, or `least` if that is more."""

    window_s: float
    share: Decimal
    least: int
    longest_s: float


async def put_off(unit: Unit, connection: str, deliveries: Sequence[str], budget: Budget) -> None:
    """One more call will be a retry, of these deliveries that wait: later where the budget is used up, never dropped.

    Told after `fell_ill`, which counts the calls.
    """
    limits = (budget.window_s, budget.share, budget.least, budget.longest_s)
    await unit.execute(PUT_OFF, unit.tenant_id, connection, list(deliveries), *limits)


async def rest(unit: Unit, connection: str, seconds: float, why: str) -> None:
    """The vendor asked for less: nothing goes to it for so long, from any worker."""
    await unit.execute(REST, unit.tenant_id, connection, seconds, why[:500])


async def reserve(unit: Unit, connection: str, calls: int, per_s: float) -> float:
    """Reserve so many calls in the account's rate; seconds from now when they may go, negative when at once."""
    wait_s: float = await unit.fetchval(RESERVE, unit.tenant_id, connection, calls / per_s)
    return wait_s
