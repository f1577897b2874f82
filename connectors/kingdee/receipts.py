"""Receipts (收款单, AR_RECEIVEBILL): found by a poll over FModifyDate.

Kingdee commits a change after it has stamped it, so each poll looks back some minutes; the cursor remembers
what it has told of that window, and an unchanged window costs one query.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, time, timedelta, timezone
from decimal import Decimal

from connectors.kingdee.config import Config
from connectors.kingdee.documents import Rows, query, query_all, yuan
from hub import sdk

RECEIPT = "AR_RECEIVEBILL"
EVENT = "receipt.booked"
SHANGHAI = timezone(timedelta(hours=8))
"""Kingdee tells local time without a zone; China has had no summer time since 1991."""

HEAD = ("FID", "FBillNo", "FModifyDate", "FDATE", "FCONTACTUNIT.FNumber", "FCURRENCYID.FCODE")
SOURCE = ("FID", "FRECEIVEBILLSRCENTRY_FEntryID", "FSRCBILLNO", "FREALRECAMOUNT")
ENTRY = ("FID", "FRECEIVEBILLENTRY_FEntryID", "FRECAMOUNTFOR_E")


@dataclass(slots=True)
class Place:
    """How far the list has been read.

    Attributes:
        high: the newest FModifyDate seen, Kingdee's text; "" at the beginning.
        at: where a scan of several pages goes on (whole second, inclusive); "" when it is over.
        skip: rows of that second read already.
        told: FID → FModifyDate of every receipt told that a later poll may meet again.
    """

    high: str = ""
    at: str = ""
    skip: int = 0
    told: dict[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, cursor: str) -> "Place":
        return cls(**sdk.loads(cursor)) if cursor else cls()


async def poll_receipts(ctx: sdk.Context[Config], cursor: str) -> sdk.Page:
    """Audited receipts changed since the cursor, a page at a time.

    Safe to repeat: the same receipt in the same state has the same dedupe key. A receipt is never lost at a page
    border: the next page starts again at the second the last one ended in.
    """
    place = Place.parse(cursor)
    start = place.at or _lower(ctx.config, place)
    where = f"FDOCUMENTSTATUS='C' and FModifyDate>='{start}'"
    rows = await query(ctx, RECEIPT, HEAD, where, "FModifyDate,FID", place.skip)
    fresh = [row for row in rows if place.told.get(str(row["FID"])) != row["FModifyDate"]]
    sources, entries = await _amounts(ctx, fresh)
    more = len(rows) == ctx.config.page_size
    after = _advance(ctx.config, place, rows, start if more else "")
    return sdk.Page(list(read_receipts(fresh, sources, entries)), sdk.dumps(asdict(after)), more)


def read_receipts(heads: Rows, sources: Rows, entries: Rows) -> Iterator[sdk.Inbound]:
    """Turn receipts into events, one per receivable they pay.

    Args:
        heads: rows of HEAD. sources: rows of SOURCE. entries: rows of ENTRY, for receipts without a source.

    Yields:
        `subject` is the FID as text. The first receivable of a receipt has external id FID, further ones FID-2,
        FID-3. `receivable_number` is "" for money that names no receivable. Amounts are exact, in `currency`.
    """
    paid = _sums(sources, "FSRCBILLNO", "FREALRECAMOUNT")
    received = _sums(entries, "", "FRECAMOUNTFOR_E")
    for head in heads:
        fid = str(head["FID"])
        parts = paid.get(fid) or received.get(fid) or {"": Decimal("0.00")}
        for number, (receivable, amount) in enumerate(parts.items(), start=1):
            yield _event(head, fid if number == 1 else f"{fid}-{number}", receivable, amount)


def _event(head: Mapping[str, sdk.Json], external_id: str, receivable: str, amount: Decimal) -> sdk.Inbound:
    modified = _instant(str(head["FModifyDate"]))
    return sdk.Inbound(
        type=EVENT,
        subject=str(head["FID"]),
        dedupe_key=f"receipt:{external_id}:{head['FModifyDate']}",
        occurred_at=modified,
        data={
            "external_id": external_id,
            "number": str(head["FBillNo"]),
            "customer_number": str(head["FCONTACTUNIT.FNumber"] or ""),
            "currency": str(head["FCURRENCYID.FCODE"] or ""),
            "amount": amount,
            "booked_on": str(head["FDATE"])[:10],
            "receivable_number": receivable,
            "modified_at": modified.isoformat(),
        },
    )


def _sums(rows: Rows, name: str, amount: str) -> dict[str, dict[str, Decimal]]:
    """FID → {name → sum}; a row without a name (an empty join) counts only when no name is asked for."""
    sums: dict[str, dict[str, Decimal]] = {}
    for row in rows:
        key = str(row[name] or "").strip() if name else ""
        if (key or not name) and row[amount] is not None:
            parts = sums.setdefault(str(row["FID"]), {})
            parts[key] = parts.get(key, Decimal("0.00")) + yuan(row[amount])
    return sums


async def _amounts(ctx: sdk.Context[Config], heads: Rows) -> tuple[Rows, Rows]:
    """Source rows of these receipts, and entry rows of those that have no source."""
    sources = await _of(ctx, SOURCE, [str(head["FID"]) for head in heads])
    told = {str(row["FID"]) for row in sources if row["FSRCBILLNO"]}
    bare = [fid for head in heads if (fid := str(head["FID"])) not in told]
    return sources, await _of(ctx, ENTRY, bare)


async def _of(ctx: sdk.Context[Config], keys: Sequence[str], fids: Sequence[str]) -> Rows:
    rows: Rows = []
    for first in range(0, len(fids), 200):
        where = f"FID in ({','.join(str(int(fid)) for fid in fids[first : first + 200])})"
        rows += await query_all(ctx, RECEIPT, keys, where, f"{keys[0]},{keys[1]}")
    return rows


def _instant(text: str) -> datetime:
    """Kingdee's local time as an aware instant."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def _second(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def _lower(config: Config, place: Place) -> str:
    """Where a new scan starts: the overlap before the newest change, never before the configured day."""
    first = datetime.combine(config.receipts_since, time.min, SHANGHAI)
    if place.high:
        first = max(first, _instant(place.high) - timedelta(minutes=config.overlap_minutes))
    return _second(first)


def _advance(config: Config, place: Place, rows: Rows, scanned: str) -> Place:
    """The place after a page. `scanned` is the second it started in when more pages follow, "" when it was the last."""
    told = {**place.told, **{str(row["FID"]): str(row["FModifyDate"]) for row in rows}}
    high = max((place.high, *(str(row["FModifyDate"]) for row in rows)), key=lambda t: _instant(t) if t else _DAWN)
    at = _second(_instant(str(rows[-1]["FModifyDate"]))) if scanned else ""
    skip = place.skip + len(rows) if scanned and at == scanned else 0
    floor = _instant(high) - timedelta(minutes=config.overlap_minutes, seconds=1) if high else _DAWN
    return Place(high, at, skip, {fid: text for fid, text in told.items() if _instant(text) >= floor})


_DAWN = datetime.min.replace(tzinfo=SHANGHAI)
