"""A proven request → one hub event. The hub hands the parser only a plaintext, so what it must know beside the body
(where id, type, time and subject stand, the headers among them) goes before it as a label: one line of JSON.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from hashlib import sha256

from connectors.webhook.config import Config
from hub import sdk

RECEIVED = "event.received"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
BEIJING = timezone(timedelta(hours=8))
MICROSECONDS = {10: 1_000_000, 13: 1000, 16: 1}
"""By the digits of a count since 1970: seconds, milliseconds, microseconds."""
CALENDAR = 14
IN_HEADER = "header:"
LONGEST = 200


def labelled(config: Config, callback: sdk.Callback, signed_at: int) -> bytes:
    """The body behind its label. `signed_at`: seconds since 1970."""
    ident = config.id_path or (f"{IN_HEADER}webhook-id" if config.in_scheme == "standard" else "")
    places = {"id": ident, "type": config.type_path, "time": config.time_path, "subject": config.subject_path}
    headers = {name: callback.headers.get(name, "") for name in map(_header, places.values()) if name}
    return sdk.dumps({"places": places, "headers": headers, "signed_at": signed_at}).encode() + b"\n" + callback.body


def _header(place: str) -> str:
    return place.removeprefix(IN_HEADER).lower() if place.startswith(IN_HEADER) else ""


def read(plaintext: bytes) -> sdk.Json:
    """Label, payload and the body's fingerprint; Unreadable when the body is not JSON."""
    label, _, body = plaintext.partition(b"\n")
    return {**sdk.loads(label), "payload": sdk.loads(body), "digest": sha256(body).hexdigest()}


def parse(message: sdk.Json) -> Iterator[sdk.Inbound]:
    """One event: {type, id, at, payload}. Without an id the body's fingerprint is its identity.

    `at` is UTC, or "" when the sender tells no time; it then counts as having happened when it was signed.
    """
    told = {name: _find(message, place) for name, place in message["places"].items()}
    ident, at = told["id"] or message["digest"], _instant(told["time"])
    yield sdk.Inbound(
        type=RECEIVED,
        subject=_short(told["subject"] or ident),
        dedupe_key=_short(f"id:{ident}" if told["id"] else f"body:{ident}"),
        occurred_at=at or EPOCH + timedelta(seconds=message["signed_at"]),
        data={
            "type": told["type"],
            "id": ident,
            "at": at.isoformat() if at else "",
            "payload": message["payload"],
        },
    )


def _find(message: sdk.Json, place: str) -> str:
    """What stands at a place, as text; "" when nothing does, or something that is neither text nor number."""
    if header := _header(place):
        return str(message["headers"][header])
    value = message["payload"]
    for step in filter(None, place.split(".")):
        if isinstance(value, list) and step.isascii() and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            value = value.get(step) if isinstance(value, dict) else None
    known = place and isinstance(value, str | int | Decimal) and not isinstance(value, bool)
    return str(value) if known else ""


def _short(text: str) -> str:
    """Itself, or its fingerprint when it is too long for an index."""
    return text if len(text) <= LONGEST else f"sha256:{sha256(text.encode()).hexdigest()}"


def _instant(text: str) -> datetime | None:
    """ISO 8601, a count since 1970, or yyyymmddhhmmss; Beijing time where no zone is told. None for anything else."""
    try:
        return _moment(text).astimezone(UTC)
    except (ValueError, ArithmeticError):
        return None


def _moment(text: str) -> datetime:
    digits = re.fullmatch(r"([0-9]+)(\.[0-9]+)?", text)
    if digits and len(digits[1]) in MICROSECONDS:
        return EPOCH + timedelta(microseconds=int(Decimal(text) * MICROSECONDS[len(digits[1])]))
    if digits and len(text) == CALENDAR:
        text = f"{text[:8]}T{text[8:]}"
    at = datetime.fromisoformat(text)
    return at.replace(tzinfo=BEIJING) if at.tzinfo is None else at
