"""A mail as it lies on the server → what the hub tells of it. Pure; whatever a mail looks like, it is told."""

import mimetypes
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import getaddresses, parsedate_to_datetime

from connectors.email.bounces import read_bounce
from connectors.email.charsets import decode_words, to_text
from connectors.email.ids import digest, read_ids
from connectors.email.mime import Part, header_block, parameter, read_part
from connectors.email.pages import words_of
from hub import sdk

TYPE = "mail.received"
MOST_CHARACTERS = 50_000
MOST_NAMES = 100
MOST_FILES = 100
LONGEST_SUBJECT = 1000
LONGEST_NAME = 200
MAILBOX = re.compile(r"[^\s<>,;:\"]+@[^\s<>,;:\"]+")
ODD = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError)
NO_WORDS = ("message/delivery-status", "text/rfc822-headers", "message/disposition-notification")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What the server gave. `place`: "uidvalidity.uid"; `problem`: why it is not the whole mail, or ""."""

    place: str
    raw: bytes
    arrived: datetime
    problem: str = ""


def tell(mail: Fetched) -> tuple[sdk.Inbound, list[sdk.File]]:
    """The event of a mail and the files in it. The same mail gives the same key, wherever it lies."""
    part = read_part(mail.raw)
    known = next(iter(read_ids(part.raw("message-id"))), "") or digest(header_block(mail.raw) or mail.place.encode())
    try:
        told, files = _tell(part, known, mail)
    except ODD:
        told, files = _unreadable(known, mail), []
    subject = str(told["from"]["address"]).lower() or known
    return sdk.Inbound(TYPE, subject, f"mail:{known}", datetime.fromisoformat(told["at"]), told), files


def _tell(part: Part, known: str, mail: Fetched) -> tuple[dict[str, sdk.Json], list[sdk.File]]:
    parents, answered = read_ids(part.raw("references")), read_ids(part.raw("in-reply-to"))
    files = [] if mail.problem else files_of(part)
    bounce = read_bounce(part)
    returned = [str(bounce["message_id"])] if bounce and bounce["message_id"] else []
    told = {
        "message_id": known,
        "thread": next(iter([*parents, *answered, *returned]), known),
        "in_reply_to": next(iter(answered), ""),
        "from": next(iter(addresses(part, "from")), {"name": "", "address": ""}),
        "to": addresses(part, "to"),
        "cc": addresses(part, "cc"),
        "subject": part.words("subject")[:LONGEST_SUBJECT],
        "text": "" if mail.problem else _cut(words(part)),
        "at": _sent_at(part, mail.arrived).isoformat(),
        "files": [file.about for file in files],
        "auto": bounce is not None or _is_automatic(part),
        "problem": mail.problem,
    }
    return told | ({} if bounce is None else {"bounced": bounce}), files


def _unreadable(known: str, mail: Fetched) -> dict[str, sdk.Json]:
    """A mail no rule of ours can read: that it came is told."""
    nothing = {"in_reply_to": "", "from": {"name": "", "address": ""}, "to": [], "cc": [], "subject": "", "text": ""}
    ids = {"message_id": known, "thread": known}
    at = mail.arrived.astimezone(UTC).isoformat()
    return ids | nothing | {"at": at, "files": [], "auto": False, "problem": mail.problem or "unreadable"}


def addresses(part: Part, name: str) -> list[dict[str, sdk.Json]]:
    """Names and addresses of a header; names are decoded after the commas are found."""
    said = to_text(b", ".join(part.head.get(name, [])), parameter(part.raw("content-type"), "charset"))
    found = [pair for pair in getaddresses([said]) if "@" in pair[1]]
    found = found or [("", each) for each in MAILBOX.findall(said)]
    return [
        {"name": " ".join(decode_words(name.encode()).split())[:LONGEST_NAME], "address": address.strip()[:254]}
        for name, address in found[:MOST_NAMES]
    ]


def words(part: Part) -> str:
    """What the mail says: of alternatives the first plain text that says something, else the page's words."""
    if part.kind == "multipart/alternative":
        offered = sorted(part.children, key=lambda child: child.kind != "text/plain")
        return next((said for said in map(words, offered) if said), "")
    if children := part.children:
        return "\n\n".join(said for said in map(words, children) if said)
    if _is_file(part) or part.kind in NO_WORDS:
        return ""
    return words_of(part.text) if part.kind == "text/html" else part.text.strip()


def files_of(part: Part) -> list[sdk.File]:
    """What is attached or shown inside, at most 100 files."""
    return [_file(leaf) for leaf in part.leaves() if _is_file(leaf)][:MOST_FILES]


def _is_file(leaf: Part) -> bool:
    if leaf.kind in NO_WORDS or leaf.kind.startswith("multipart/"):
        return False
    return bool(leaf.name) or leaf.disposition == "attachment" or leaf.kind not in ("text/plain", "text/html")


def _file(leaf: Part) -> sdk.File:
    if leaf.kind == "message/rfc822":
        name = leaf.name or f"{read_part(leaf.content).words('subject') or 'mail'}.eml"
    else:
        name = leaf.name or f"attachment{mimetypes.guess_extension(leaf.kind) or ''}"
    plain = re.sub(r"[\x00-\x1f\x7f]+", " ", re.split(r"[\\/]", name)[-1]).strip()
    return sdk.File(leaf.content, plain[-LONGEST_NAME:] or "attachment", leaf.kind[:LONGEST_NAME])


def _cut(said: str) -> str:
    if len(said) <= MOST_CHARACTERS:
        return said
    note = f"\n…（原文 {len(said)} 字，已截断 / cut, {len(said)} characters）"
    return said[: MOST_CHARACTERS - len(note)] + note


def _sent_at(part: Part, arrived: datetime) -> datetime:
    """When it was sent as the sender says, but never after it arrived; UTC."""
    arrived = arrived.astimezone(UTC)
    try:
        said = parsedate_to_datetime(part.words("date"))
        return min(said.astimezone(UTC) if said.tzinfo else arrived, arrived)
    except (TypeError, ValueError, IndexError, OverflowError):
        return arrived


def _is_automatic(part: Part) -> bool:
    """Whether a machine wrote it: such a mail is never answered by a machine."""
    submitted = part.words("auto-submitted").lower().partition(";")[0].strip()
    return (
        submitted not in ("", "no")
        or "x-autoreply" in part.head
        or part.words("precedence").lower() in ("bulk", "auto_reply", "junk")
        or part.raw("return-path").strip() == b"<>"
    )
