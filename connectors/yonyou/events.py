"""YonBIP events → hub events. Pure: the message has been verified and decrypted.

An event says little more than "this id changed": the shell around the id differs, so ids are looked for.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from hub import sdk

VOUCHER, CUSTOMER = "voucher.changed", "customer.changed"
EVENTS = frozenset({VOUCHER, CUSTOMER})
DEEPEST = 4

# Copied letter by letter; AFLTER is Yonyou's own spelling.
CODES: dict[str, tuple[str, str]] = {
    "GL_VOUCHER_EVENT_ADD_AFTER": (VOUCHER, "added"),
    "GL_VOUCHER_EVENT_UPDATE_AFTER": (VOUCHER, "updated"),
    "GL_VOUCHER_EVENT_DELETE_AFTER": (VOUCHER, "deleted"),
    "GL_VOUCHER_EVENT_AUDIT_AFTER": (VOUCHER, "audited"),
    "GL_VOUCHER_EVENT_UNAUDIT_AFTER": (VOUCHER, "unaudited"),
    "GL_VOUCHER_EVENT_TALLY_AFTER": (VOUCHER, "posted"),
    "GL_VOUCHER_EVENT_UNTALLY_AFLTER": (VOUCHER, "unposted"),
    "YXYBASEDOC_AA_MERCHANT_INSERT": (CUSTOMER, "added"),
    "YXYBASEDOC_AA_MERCHANT_UPDATE": (CUSTOMER, "updated"),
    "YXYBASEDOC_AA_MERCHANT_DELETE": (CUSTOMER, "deleted"),
    "YXYBASEDOC_AA_MERCHANTLIST_STOP": (CUSTOMER, "stopped"),
    "YXYBASEDOC_AA_MERCHANTLIST_UNSTOP": (CUSTOMER, "resumed"),
}


def parse(message: sdk.Json) -> Iterator[sdk.Inbound]:
    """One event for each voucher or customer named; nothing for any other type.

    `subject` is Yonyou's id as text; times are milliseconds since 1970. ValueError when a known type names no id.
    """
    code = str(message["type"])
    if code not in CODES:
        return
    kind, change = CODES[code]
    records = list(_records(message.get("content", message)))
    if not records:
        raise ValueError(f"{code} names no id")
    at = datetime.fromtimestamp(int(message["timestamp"]) // 1000, UTC)
    for record in records:
        ident = str(record["id"])
        yield sdk.Inbound(
            type=kind,
            subject=ident,
            dedupe_key=f"{_identity(message)}:{ident}",
            occurred_at=at,
            data={"id": ident, "change": change, "code": code, "at": at.isoformat(), **_facts(kind, record)},
        )


def _records(value: sdk.Json, depth: int = 0) -> Iterator[dict[str, sdk.Json]]:
    """Every object that has an id, not looking inside it. Some shells carry JSON as text."""
    if depth > DEEPEST:
        return
    if isinstance(value, str) and value[:1] in ("{", "["):
        yield from _records(sdk.loads(value), depth + 1)
    elif isinstance(value, dict):
        if value.get("id"):
            yield value
            return
        for item in value.values():
            yield from _records(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            yield from _records(item, depth + 1)


def _facts(kind: str, record: dict[str, sdk.Json]) -> dict[str, str]:
    if kind == CUSTOMER:
        return {"number": _text(record, "code")}
    names = {"bill_code": "billcode", "period": "periodunion", "account_book": "accbook", "business_id": "bussid"}
    return {ours: _text(record, theirs) for ours, theirs in names.items()}


def _text(record: dict[str, sdk.Json], name: str) -> str:
    value = record.get(name)
    return "" if value is None else str(value)


def _identity(message: dict[str, sdk.Json]) -> str:
    """Yonyou's event id; without one, what was told when is the identity."""
    if message.get("eventId"):
        return f"event:{message['eventId']}"
    return "told:" + sha256(sdk.dumps(message).encode()).hexdigest()
