"""One account's folders, and the room it has."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

MARKS = {"Sent Messages": r"\Sent", "Drafts": r"\Drafts", "&V4NXPpCuTvY-": r"\Junk", "Deleted Messages": r"\Trash"}
"""Further folders by their name on the wire (modified UTF-7), and the special use of each."""
INBOX, SENT = "INBOX", "Sent Messages"


class FullError(Exception):
    """The account has no room left."""


@dataclass(slots=True)
class Mail:
    """The bytes as they came, when, and the flags."""

    raw: bytes
    at: datetime
    flags: set[str] = field(default_factory=set)


@dataclass(slots=True, eq=False)
class Folder:
    """Mails by UID, in rising order. `watchers` are called when a mail comes or goes."""

    name: str
    mark: str = ""
    validity: int = field(default_factory=lambda: int(time.time()))
    next_uid: int = 1
    mails: dict[int, Mail] = field(default_factory=dict)
    watchers: set[Callable[[], None]] = field(default_factory=set)

    def add(self, mail: Mail) -> int:
        """Keep a mail; its UID."""
        uid, self.next_uid = self.next_uid, self.next_uid + 1
        self.mails[uid] = mail
        self._tell()
        return uid

    def remove(self, uid: int) -> None:
        """A mail goes for good."""
        del self.mails[uid]
        self._tell()

    def renumber(self) -> None:
        """Every UID is void: the same mails from 1 on, under a new UIDVALIDITY."""
        self.mails = dict(enumerate(self.mails.values(), 1))
        self.validity, self.next_uid = self.validity + 1, len(self.mails) + 1

    def _tell(self) -> None:
        for watcher in self.watchers:
            watcher()


class Account:
    """All folders of a mailbox, together at most `room` bytes."""

    def __init__(self, room: int) -> None:
        self._room = room
        self.folders = {name: Folder(name, mark) for name, mark in {INBOX: "", **MARKS}.items()}

    def find(self, name: str) -> Folder | None:
        """A folder; INBOX in any case."""
        return self.folders.get(INBOX if name.upper() == INBOX else name)

    def make_room(self, size: int) -> None:
        """FullError when so many bytes do not fit any more; a mail counts for 1 KiB at least."""
        used = sum(max(len(mail.raw), 1024) for folder in self.folders.values() for mail in folder.mails.values())
        if used + max(size, 1024) > self._room:
            raise FullError(f"{used} of {self._room} bytes are used")

    def file(self, folder: Folder, mail: Mail) -> int:
        """Keep a mail; its UID. FullError when it does not fit."""
        self.make_room(len(mail.raw))
        return folder.add(mail)
