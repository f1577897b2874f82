"""A decrypted archive message → what the hub tells of it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import simplejson

from hub import sdk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COMMON = ("msgid", "action", "from", "tolist", "roomid", "msgtime", "msgtype", "time", "user")
KNOWN = ("text", "image", "file", "revoke", "agree", "disagree")
FILES = ("image", "file")
LONG_ID = 20
LONGEST_NUMBER = 30
TYPE = "message.archived"
ODD = sdk.Text("这条存档消息不是约定的形状。", "This archived message has an unknown shape.")


@dataclass(frozen=True, slots=True)
class Said:
    """One message as it was said.

    Attributes:
        kind: the vendor's msgtype, or "switch" for a member who changed corps.
        room: "" for a chat of two.
        body: everything but the common fields, numbers with a point or over 30 digits as text.
        customers: those who take part and are outside; ours: members; robots are neither.
        outside: the vendor marks the message as one with a customer.
    """

    msgid: str
    kind: str
    sender: str
    to: tuple[str, ...]
    room: str
    at: datetime
    body: dict[str, sdk.Json]

    @property
    def outside(self) -> bool:
        return self.msgid.endswith("_external")

    @property
    def customers(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(who for who in (self.sender, *self.to) if is_customer(who)))

    @property
    def ours(self) -> tuple[str, ...]:
        people = (who for who in (self.sender, *self.to) if who and not is_customer(who) and not is_robot(who))
        return tuple(dict.fromkeys(people))

    @property
    def customer(self) -> str:
        """The sender if outside, else the only customer; "" among several or none."""
        if is_customer(self.sender):
            return self.sender
        return self.customers[0] if len(self.customers) == 1 else ""

    @property
    def part(self) -> dict[str, sdk.Json]:
        """The object named like the kind; {} when there is none."""
        part = self.body.get(self.kind)
        return part if isinstance(part, dict) else {}


def is_customer(who: str) -> bool:
    """Customers are wm… or wo… with some thirty characters; a member's own short account may begin so too."""
    return who.startswith(("wm", "wo")) and len(who) >= LONG_ID


def is_robot(who: str) -> bool:
    """Group robots are wb… and as long."""
    return who.startswith("wb") and len(who) >= LONG_ID


def read_message(msgid: str, content: bytes) -> Said:
    """Read a decrypted message; raw control characters inside its texts are allowed, NUL and half pairs replaced.

    Raises Unreadable for anything that is not such a message.
    """
    try:
        told = _clean(_lenient(content))
        switch = told["action"] == "switch"
        return Said(
            msgid=msgid,
            kind=str("switch" if switch else told["msgtype"]),
            sender=str(told["user"] if switch else told["from"]),
            to=tuple(str(who) for who in told.get("tolist") or ()),
            room=str(told.get("roomid") or ""),
            at=EPOCH + timedelta(milliseconds=int(told["time"] if switch else told["msgtime"])),
            body={name: value for name, value in told.items() if name not in COMMON},
        )
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError) as error:
        raise sdk.Unreadable(f"{type(error).__name__}: {error}", hint=ODD) from error


def tell(said: Said, consent: bool, files: Sequence[sdk.Json] = (), missing: Sequence[sdk.Json] = ()) -> sdk.Inbound:
    """The event of a message. Without consent nothing of what was said is in it: no text, files or raw body.

    `files`: `sdk.File.about` of what is kept; `missing`: {name, content_type, size, problem} of what could not be.
    """
    data = {
        "msgid": said.msgid,
        "kind": said.kind,
        "from": said.sender,
        "to": list(said.to),
        "room": said.room,
        "at": said.at.isoformat(),
        "text": str(said.part.get("content") or "") if consent and said.kind == "text" else "",
        "files": list(files) if consent else [],
        "missing_files": list(missing) if consent else [],
        "external_user_id": said.customer,
        "staff_user_id": _member(said),
        "direction": "in" if is_customer(said.sender) else "out",
        "revokes": str(said.part.get("pre_msgid") or "") if said.kind == "revoke" else "",
        "consent": consent,
        "raw": said.body if consent and said.kind not in KNOWN else {},
    }
    subject = said.room or said.customer or "|".join(sorted(said.ours)) or said.msgid
    return sdk.Inbound(TYPE, subject, f"archive:{said.msgid}", said.at, data)


def tell_unreadable(msgid: str, seq: int, reason: str, at: datetime) -> sdk.Inbound:
    """The event of a message that cannot be opened. Its key is its own, so the message can still be told later."""
    nobody: dict[str, Any] = {"from": "", "to": [], "room": "", "external_user_id": "", "staff_user_id": ""}
    nothing: dict[str, Any] = {"text": "", "files": [], "missing_files": [], "direction": "", "revokes": ""}
    raw = {"seq": str(seq), "reason": reason}
    data = {
        "msgid": msgid,
        "kind": "unreadable",
        **nobody,
        "at": at.isoformat(),
        **nothing,
        "consent": False,
        "raw": raw,
    }
    return sdk.Inbound(TYPE, msgid, f"archive:{msgid}:unreadable", at, data)


def _lenient(content: bytes) -> sdk.Json:
    text = content.decode("utf-8", "replace")
    return simplejson.loads(text, cls=simplejson.JSONDecoder, strict=False, parse_float=str, parse_int=_whole)


def _whole(digits: str) -> int | str:
    return int(digits) if len(digits) <= LONGEST_NUMBER else digits


def _member(said: Said) -> str:
    """The sender if one of ours, else the first of ours it was said to."""
    return next(iter(said.ours), "")


def _clean(value: sdk.Json) -> sdk.Json:
    """Texts as PostgreSQL can keep them: no NUL, no half surrogate pair."""
    if isinstance(value, str):
        return value.replace("\x00", "�").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {str(_clean(name)): _clean(each) for name, each in value.items()}
    return [_clean(each) for each in value] if isinstance(value, list) else value
