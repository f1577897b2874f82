"""One talk with an IMAP server. Blocking: it runs in a thread of its own, on a socket that was dialled for it."""

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from email.utils import format_datetime, parsedate_to_datetime
from typing import Any

from imap_tools.errors import ImapToolsError, UnexpectedCommandStatusError
from imap_tools.mailbox import BaseMailBox

from connectors.email.charsets import to_text

MOST_BYTES = 128 * 1024 * 1024
MOST_LINES = 300
LONGEST_LINE = 300
ABOUT_US = '("name" "Lianshu" "version" "0.1" "vendor" "Lianshu")'
SENT_NAMES = ("sent", "sent messages", "sent items", "sent mail", "已发送", "已发送邮件", "已发送邮箱")
UID = re.compile(rb"\bUID (\d+)")
SIZE = re.compile(rb"\bRFC822\.SIZE (\d+)")
DATE = re.compile(rb'\bINTERNALDATE "([^"]+)"')
BROKEN = (OSError, imaplib.IMAP4.error, ImapToolsError, ValueError)
imaplib.Commands.setdefault("ID", ("NONAUTH", "AUTH", "SELECTED"))


class RefusedError(Exception):
    """The server says NO. `what`: "login", "plain", "folder" or "fetch"; the words are its own."""

    def __init__(self, what: str, words: str) -> None:
        super().__init__(words)
        self.what = what
        self.words = words


@dataclass(slots=True)
class Said:
    """What was said on the wire, line by line and cut; the sign-in is left out."""

    ours: list[str] = field(default_factory=list)
    theirs: list[str] = field(default_factory=list)
    hush: bool = False

    def keep(self, lines: list[str], raw: bytes) -> None:
        """Keep one line's first 300 characters; after 300 lines nothing more."""
        if len(lines) < MOST_LINES:
            lines.append("(sign-in)" if self.hush else raw[:LONGEST_LINE].decode("utf-8", "replace").strip())


class Wire(imaplib.IMAP4):
    """The standard library's client on a socket of ours; it hears 128 MB at most."""

    def __init__(self, given: socket.socket, host: str, said: Said) -> None:
        self._given = given
        self._heard = 0
        self.said = said
        super().__init__(host, 0)

    def _create_socket(self, _wait_s: float | None) -> socket.socket:
        return self._given

    def send(self, data: Any) -> None:
        """Keep the line, then send it."""
        self.said.keep(self.said.ours, bytes(data))
        super().send(data)

    def readline(self) -> bytes:
        """Read a line and keep it."""
        line = super().readline()
        self._bear(len(line))
        self.said.keep(self.said.theirs, line)
        return line

    def read(self, size: int) -> bytes:
        """Read a literal whole, or break off before it."""
        self._bear(size)
        return super().read(size)

    def _bear(self, size: int) -> None:
        self._heard += size
        if self._heard > MOST_BYTES:
            raise self.abort(f"the server says more than {MOST_BYTES} bytes")


@dataclass(frozen=True, slots=True)
class Folder:
    """An opened folder: UIDs hold as long as `uidvalidity` stays the same; the next mail gets `uidnext` or more."""

    uidvalidity: int
    uidnext: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A mail in a folder: its size in bytes, and when it arrived."""

    uid: int
    size: int
    arrived: datetime


class Mailbox(BaseMailBox):
    """A mailbox to sign in to. Raises RefusedError for a NO, one of BROKEN when the talk breaks off."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        super().__init__()

    def _get_mailbox_client(self) -> imaplib.IMAP4:
        return self._wire

    def encrypt(self, context: ssl.SSLContext) -> None:
        """STARTTLS, before anything else is said."""
        if "STARTTLS" not in self.client.capabilities:
            raise RefusedError("plain", "the server does not offer STARTTLS")
        self.client.starttls(context)

    def sign_in(self, user: str, password: str = "", token: str = "") -> None:
        """Sign in with a password or an access token, ask again what the server can, and say who we are."""
        if not token and "LOGINDISABLED" in self.client.capabilities:
            raise RefusedError("plain", "LOGINDISABLED")
        self._wire.said.hush = True
        try:
            self._sign_in(user, password, token)
        except imaplib.IMAP4.abort:
            raise
        except (imaplib.IMAP4.error, ImapToolsError) as error:
            raise RefusedError("login", words_of(error)) from error
        finally:
            self._wire.said.hush = False
        self._introduce()

    def _sign_in(self, user: str, password: str, token: str) -> None:
        if token:
            answers = iter((xoauth2(user, token).encode(), b""))
            self.client.authenticate("XOAUTH2", lambda _challenge: next(answers, b""))
        elif f"{user}{password}".isascii():
            self.login(user, password, None)
        else:
            self.login_utf8(user, password, None)

    def _introduce(self) -> None:
        """What the server can changes with the sign-in; NetEase opens no folder to whom it does not know."""
        _, told = self.client.capability()
        if told and told[-1]:
            self.client.capabilities = tuple(bytes(told[-1]).decode("ascii", "replace").upper().split())
        if "ID" in self.client.capabilities:
            self.client.xatom("ID", ABOUT_US)

    @property
    def pushes(self) -> bool:
        """Whether it tells of new mail by itself."""
        return "IDLE" in self.client.capabilities

    def open(self, name: str) -> Folder:
        """Open a folder for reading only: nothing becomes read by it."""
        try:
            self.folder.set(name, readonly=True)
        except ImapToolsError as error:
            raise RefusedError("folder", words_of(error)) from error
        uidvalidity, uidnext = self._told("UIDVALIDITY"), self._told("UIDNEXT")
        return Folder(uidvalidity, uidnext or max(self.search("UID *"), default=0) + 1)

    def _told(self, code: str) -> int:
        _, told = self.client.response(code)
        return int(told[-1]) if told and told[-1] else 0

    def search(self, criteria: str) -> list[int]:
        """UIDs in order. Beware: `n:*` gives the last mail, too, when it is below n."""
        return sorted(map(int, self.uids(criteria, None)))

    def listed(self, uids: Sequence[int]) -> list[Listed]:
        """Size and arrival of each mail that is still there."""
        found = []
        for told, _ in self._fetch(uids, "(UID RFC822.SIZE INTERNALDATE)"):
            uid, size, at = UID.search(told), SIZE.search(told), DATE.search(told)
            if uid and int(uid[1]) in uids:
                found.append(Listed(int(uid[1]), int(size[1]) if size else 0, _instant(at[1] if at else b"")))
        return sorted(found, key=lambda mail: mail.uid)

    def raw(self, uid: int, section: str = "") -> bytes | None:
        """A mail's bytes, or its HEADER's; None when it is gone. It does not become read."""
        told = self._fetch([uid], f"(UID BODY.PEEK[{section}])")
        found = [raw for line, raw in told if raw or (known := UID.search(line)) and int(known[1]) == uid]
        return max(found, key=len, default=None)

    def headers(self, uids: Sequence[int]) -> list[bytes]:
        """The header blocks of these mails."""
        return [raw for _, raw in self._fetch(uids, "(UID BODY.PEEK[HEADER])") if raw]

    def _fetch(self, uids: Sequence[int], items: str) -> Iterator[tuple[bytes, bytes]]:
        """Each answer's line and literal; news of flags in between have none and no UID."""
        if not uids:
            return
        status, told = self.client.uid("FETCH", ",".join(map(str, uids)), items)
        if status != "OK":
            raise RefusedError("fetch", str(told))
        for each in told:
            if isinstance(each, tuple):
                yield each[0], each[1]
            elif each:
                yield each, b""

    def wait(self, seconds: float) -> None:
        """IDLE until something new is there or the time is over."""
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            if any(b"EXISTS" in line.upper() for line in self.idle.wait(left)):
                return

    def sent_folder(self, named: str) -> str:
        """The folder of sent mail: as named, else by its mark, else by a usual name; "" when there is none."""
        if named:
            return named
        folders = self.folder.list()
        marked = [each.name for each in folders if "\\sent" in map(str.lower, each.flags)]
        usual = [each.name for each in folders if each.name.rpartition(each.delim)[2].lower() in SENT_NAMES]
        return next(iter([*marked, *usual]), "")


def words_of(error: Exception) -> str:
    """The server's own words in an error of the library's."""
    if not isinstance(error, UnexpectedCommandStatusError):
        return str(error)
    told = error.command_result[1]
    last = told[-1] if told else b""
    return to_text(last) if isinstance(last, bytes) else str(last)


def xoauth2(user: str, token: str) -> str:
    """The initial answer of SASL XOAUTH2, before base64."""
    return f"user={user}\x01auth=Bearer {token}\x01\x01"


def day(when: date) -> str:
    """A date as SEARCH wants it: 7-Nov-2026."""
    number, month, year = format_datetime(datetime(when.year, when.month, when.day, tzinfo=UTC)).split()[1:4]
    return f"{int(number)}-{month}-{year}"


def _instant(told: bytes) -> datetime:
    try:
        return parsedate_to_datetime(told.decode("ascii", "replace").strip()).astimezone(UTC)
    except (TypeError, ValueError, IndexError, OverflowError):
        return datetime.now(UTC)
