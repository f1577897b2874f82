"""Message-IDs: how mails know one another."""

import hashlib
import re

LONGEST = 200
BRACKETED = re.compile(rb"<([^<>]*)>")


def read_ids(raw: bytes) -> list[str]:
    """The ids in a header, without brackets and blanks; a header without brackets is one id."""
    found = BRACKETED.findall(raw) or raw.split()[:1]
    told = (re.sub(r"[\s\x00-\x1f\x7f]+", "", each.decode("utf-8", "replace")) for each in found)
    return [short(each) for each in told if each]


def short(known: str) -> str:
    """An id of 200 characters at most: a longer one is told by its digest."""
    return known if len(known) <= LONGEST else digest(known.encode())


def digest(raw: bytes) -> str:
    """What stands for an id that is missing or too long."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"
