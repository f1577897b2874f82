"""Receipts: inbound requests kept as they came, once each, with the facts they told."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hub.domain.event import Inbound, Nudge
from hub.domain.ids import new_id
from hub.ledger.cursors import nudge
from hub.ledger.database import LedgerUnit

KEEP = """
INSERT INTO receipts (tenant_id, id, connection, query, headers, body, digest, verdict, error)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (tenant_id, connection, digest) DO UPDATE SET seen = receipts.seen + 1 RETURNING id, seen
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One verified request. `told` is None when it could not be read; `error` then says why."""

    query: str
    headers: Mapping[str, str]
    body: bytes
    told: Sequence[Inbound | Nudge] | None
    error: str = ""


async def keep(unit: LedgerUnit, connection: str, receipt: Receipt) -> tuple[str, bool]:
    """Keep a receipt, record its facts, mind its nudges. Returns its id and whether it is new; a repeat only counts."""
    digest = sha256(receipt.query.encode() + b"\n" + receipt.body).hexdigest()
    verdict = "unreadable" if receipt.told is None else "read" if receipt.told else "nothing"
    raw = (receipt.query, dict(receipt.headers), receipt.body, digest, verdict, receipt.error[:2000])
    (row,) = await unit.fetch(KEEP, unit.tenant_id, new_id("rcp"), connection, *raw)
    kept, new = str(row["id"]), row["seen"] == 1
    if new and receipt.told:
        await unit.record(connection, [each for each in receipt.told if isinstance(each, Inbound)], receipt_id=kept)
        for each in receipt.told:
            if isinstance(each, Nudge):
                await nudge(unit, connection, each.poll)
    return kept, new
