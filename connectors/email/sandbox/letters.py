"""Mails as bytes: their header lines read, and new ones written for the people at the screens."""

import re
from base64 import b64decode
from datetime import datetime, timedelta, timezone
from email.errors import MessageError
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, getaddresses, parseaddr
from typing import Any
from uuid import uuid4

SHANGHAI = timezone(timedelta(hours=8))
HEAD, VALUE = 262_144, 10_000
"""Bytes of a header block, and of one value, that are looked at."""
END = re.compile(rb"\r?\n\r?\n")
WIDE = SMTP.clone(max_line_length=996)
"""Long ids in References stay readable ids, instead of being folded into encoded words."""
Json = dict[str, Any]


def split(raw: bytes) -> tuple[bytes, bytes]:
    """The header block with its blank line, and the body."""
    end = END.search(raw)
    return (raw, b"") if end is None else (raw[: end.end()], raw[end.end() :])


def fields(raw: bytes) -> list[tuple[str, bytes, bytes]]:
    """Header lines: name in lower case, value on one line, the line as it stands."""
    lines: list[list[bytes]] = []
    for line in split(raw)[0][:HEAD].splitlines(keepends=True):
        if line[:1] in b" \t" and lines and line.strip():
            lines[-1].append(line)
        elif b":" in line:
            lines.append([line])
    told = [(b"".join(parts).partition(b":"), b"".join(parts)) for parts in lines]
    return [(name.decode("latin-1").strip().lower(), _flat(value), whole) for (name, _, value), whole in told]


def _flat(value: bytes) -> bytes:
    return b" ".join(part.strip() for part in value.splitlines()).strip()


def values(raw: bytes, name: str) -> list[str]:
    """What a header says, decoded as far as it can be."""
    return [
        _readable(value[:VALUE].decode("utf-8", "replace")) for known, value, _ in fields(raw) if known == name.lower()
    ]


def _readable(value: str) -> str:
    if "=?" not in value:
        return value
    try:
        return str(make_header(decode_header(value))).encode("utf-8", "replace").decode()
    except (MessageError, LookupError, ValueError):
        return value


def value(raw: bytes, name: str) -> str:
    """The first such header, or ""."""
    return next(iter(values(raw, name)), "")


def senders(raw: bytes) -> list[str]:
    """The addresses of From, in lower case."""
    return [address.lower() for _, address in getaddresses([value(raw, "from")]) if address]


def summary(raw: bytes) -> Json:
    """What the ledger and the screens tell of a mail."""
    return {"message_id": value(raw, "message-id"), "from": value(raw, "from"), "subject": value(raw, "subject")}


def compose(asked: Json, receiver: str) -> bytes:
    """The mail somebody sends us; ValueError when it cannot be one."""
    if "raw_base64" in asked:
        return b64decode(asked["raw_base64"], validate=True)
    mail = EmailMessage(WIDE)
    domain = parseaddr(asked["from"])[1].rpartition("@")[2] or "example.com"
    told = {
        "From": asked["from"],
        "To": ", ".join(_many(asked.get("to"))) or receiver,
        "Cc": ", ".join(_many(asked.get("cc"))),
        "Subject": asked.get("subject", ""),
        "Date": format_datetime(moment(asked)),
        "Message-ID": _id(asked.get("message_id") or f"{uuid4().hex}@{domain}"),
        "In-Reply-To": _id(asked.get("in_reply_to") or ""),
        "References": " ".join(_id(each) for part in _many(asked.get("references")) for each in part.split()),
        **asked.get("headers", {}),
    }
    for name, words in told.items():
        if words or name == "Subject":
            mail[name] = words
    mail.set_content(asked.get("text", ""), cte="base64")
    if asked.get("html"):
        mail.add_alternative(asked["html"], subtype="html", cte="base64")
    for each in asked.get("attachments", []):
        kind, _, sub = (each.get("type") or each.get("content_type") or "application/octet-stream").partition("/")
        content = b64decode(each["content_base64"]) if "content_base64" in each else each["text"].encode()
        mail.add_attachment(content, maintype=kind, subtype=sub, filename=each["name"])
    return mail.as_bytes()


def moment(asked: Json) -> datetime:
    """When it was sent, in China's time."""
    told = datetime.fromisoformat(asked["at"]) if "at" in asked else datetime.now(SHANGHAI).replace(microsecond=0)
    return told if told.tzinfo else told.replace(tzinfo=SHANGHAI)


def _many(told: Any) -> list[str]:
    return [told] if isinstance(told, str) else list(told or [])


def _id(told: str) -> str:
    return told if not told or told.startswith("<") else f"<{told}>"
