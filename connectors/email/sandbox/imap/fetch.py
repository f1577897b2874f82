"""FETCH: what is told of one mail."""

import re

from connectors.email.sandbox.folders import Mail
from connectors.email.sandbox.imap.words import GarbledError, Token, dated, literal, words
from connectors.email.sandbox.letters import fields, split

FAST = ["FLAGS", "INTERNALDATE", "RFC822.SIZE"]
OLD = {"RFC822": "BODY[]", "RFC822.HEADER": "BODY.PEEK[HEADER]", "RFC822.TEXT": "BODY[TEXT]"}
SECTION = re.compile(r"BODY(?P<peek>\.PEEK)?\[(?P<part>[^\]]*)\](?:<(?P<first>\d{1,10})\.(?P<size>\d{1,10})>)?")
CHOSEN = re.compile(r"HEADER\.FIELDS(?P<no>\.NOT)? \((?P<names>[^()]+)\)")


class Wish:
    """The items of one FETCH, read once."""

    def __init__(self, token: Token) -> None:
        asked = [each.upper() for each in words(token)]
        self._items = FAST if asked == ["FAST"] else asked
        for item in self._items:
            if item not in ("UID", *FAST):
                _section(item)

    def marks_seen(self) -> bool:
        """Whether it reads a body without peeking."""
        return any(not _section(item)["peek"] for item in self._items if item not in ("UID", *FAST))

    def told(self, uid: int, mail: Mail, *, with_uid: bool) -> bytes:
        """The answer in parentheses."""
        asked = ["UID", *self._items] if with_uid and "UID" not in self._items else self._items
        return b"(" + b" ".join(_item(item, uid, mail) for item in asked) + b")"


def flags(mail: Mail) -> str:
    """As FETCH tells them."""
    return f"({' '.join(sorted(mail.flags))})"


def _item(item: str, uid: int, mail: Mail) -> bytes:
    plain = {
        "UID": lambda: str(uid),
        "FLAGS": lambda: flags(mail),
        "INTERNALDATE": lambda: dated(mail.at),
        "RFC822.SIZE": lambda: str(len(mail.raw)),
    }
    if item in plain:
        return f"{item} {plain[item]()}".encode()
    section = _section(item)
    content, name = _part(mail.raw, section["part"]), item if item in OLD else f"BODY[{section['part']}]"
    if section["first"]:
        first = int(section["first"])
        content, name = content[first : first + int(section["size"])], f"{name}<{first}>"
    return name.encode() + b" " + literal(content)


def _section(item: str) -> re.Match[str]:
    section = SECTION.fullmatch(OLD.get(item, item))
    if section is None:
        raise GarbledError(f"not fetched here: {item[:40]}")
    _part(b"", section["part"])
    return section


def _part(raw: bytes, part: str) -> bytes:
    if part in ("", "HEADER", "TEXT"):
        head, body = split(raw)
        return {"": raw, "HEADER": head, "TEXT": body}[part]
    some = CHOSEN.fullmatch(part)
    if some is None:
        raise GarbledError("not fetched here: a part of a mail")
    names = some["names"].lower().replace('"', "").split()
    return b"".join(line for name, _, line in fields(raw) if (name in names) is not bool(some["no"])) + b"\r\n"
