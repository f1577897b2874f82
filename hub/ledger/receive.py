"""Receipts: inbound requests kept as they came, once each, with the facts they told."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from hub.domain.event import Inbound, Nudge
from hub.domain.ids import new_id
from hub.ledger.cursors import nudge
from hub.ledger.database import LedgerUnit
from hub.ledger.record import Told

KEEP = """
INSERT INTO receipts (tenant_id, id, connection, query, headers, body, digest, verdict, error, seen)
SELECT $1, r.* FROM unnest($2::text[], $3::text[], $4::text[], $5::jsonb[], $6::bytea[], $7::text[], $8::text[],
  $9::text[], $10::int[]) AS r
ON CONFLICT (tenant_id, connection, digest) DO UPDATE SET seen = receipts.seen + excluded.seen RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Receipt:
    """One verified request. `told` is None when it could not be read; `error` then says why."""

    connection: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    told: Sequence[Inbound | Nudge] | None
    error: str = ""
    plaintext: bytes = b""

    @property
    def digest(self) -> str:
        """Equal for requests that are the same, byte for byte, and prove the same (some prove a header as well)."""
        said = [self.plaintext] if self.plaintext not in (b"", self.body) else []
        return sha256(b"\n".join([self.query.encode(), self.body, *said])).hexdigest()

    @property
    def verdict(self) -> str:
        """read, nothing or unreadable."""
        return "unreadable" if self.told is None else "read" if self.told else "nothing"


async def keep(unit: LedgerUnit, receipts: Sequence[Receipt]) -> None:
    """Keep receipts in order, record their facts, mind their nudges. A repeat only counts."""
    firsts: dict[tuple[str, str], Receipt] = {}
    seen: Counter[tuple[str, str]] = Counter()
    for receipt in receipts:
        place = (receipt.connection, receipt.digest)
        firsts.setdefault(place, receipt)
        seen[place] += 1
    ids = [new_id("rcp") for _ in firsts]
    rows = [
        (i, r.connection, r.query, dict(r.headers), r.body, place[1], r.verdict, r.error[:2000], seen[place])
        for i, (place, r) in zip(ids, firsts.items(), strict=True)
    ]
    kept = await unit.fetch(KEEP, unit.tenant_id, *(list(column) for column in zip(*rows, strict=True)))
    new = {row["id"] for row in kept}
    told = [(i, r, each) for i, r in zip(ids, firsts.values(), strict=True) if i in new for each in r.told or ()]
    await unit.record_told([Told(r.connection, fact, i) for i, r, fact in told if isinstance(fact, Inbound)])
    for _, receipt, each in told:
        if isinstance(each, Nudge):
            await nudge(unit, receipt.connection, each.poll)
