"""The IMAP commands on folders and mails."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime

from connectors.email.sandbox.folders import Folder, FullError, Mail
from connectors.email.sandbox.imap.fetch import Wish, flags
from connectors.email.sandbox.imap.line import Command, Line
from connectors.email.sandbox.imap.search import search
from connectors.email.sandbox.imap.words import GarbledError, NoError, Token, chosen, instant, quoted, text, words
from connectors.email.sandbox.letters import SHANGHAI, summary
from connectors.email.sandbox.office import Office

FLAGS = r"(\Answered \Flagged \Deleted \Seen \Draft)"
UNSAFE = "SELECT Unsafe Login. Please contact kefu@188.com for help"
Call = Callable[[Command], Awaitable[None] | None]


class Boxes:
    """The folder a session has open, and what it has been told of it. `news` is set when the folder changes."""

    def __init__(self, office: Office, line: Line) -> None:
        self._office = office
        self._line = line
        self.named = False
        self.news = asyncio.Event()
        self.folder: Folder | None = None
        self._writable = False
        self._known: list[int] = []
        self._newest = 0
        self._calls: dict[str, Call] = {
            "SELECT": self._select,
            "EXAMINE": self._select,
            "LIST": self._list,
            "XLIST": self._list,
            "LSUB": self._list,
            "STATUS": self._status,
            "APPEND": self._append,
        }
        self._calls_open: dict[str, Call] = {
            "SEARCH": self._search,
            "FETCH": self._fetch,
            "STORE": self._store,
            "COPY": self._copy,
            "EXPUNGE": self._expunge,
            "CLOSE": self._close,
            "UNSELECT": self._close,
            "CHECK": self._done,
        }

    async def do(self, command: Command) -> None:
        """Carry a command out."""
        by_uid = command.name == "UID"
        if by_uid:
            if not command.arguments:
                raise GarbledError("UID wants a command")
            name, *arguments = command.arguments
            command = Command(command.tag, f"UID {text(name).upper()}", arguments)
        plain = command.name.removeprefix("UID ")
        if by_uid and plain not in ("SEARCH", "FETCH", "STORE", "COPY", "EXPUNGE"):
            raise GarbledError("unknown command")
        call = self._calls.get(plain) or self._calls_open.get(plain)
        if call is None:
            raise GarbledError("unknown command")
        if plain in self._calls_open and self.folder is None:
            raise GarbledError("no folder is selected")
        try:
            waits = call(command)
            if waits is not None:
                await waits
        except FullError as error:
            raise NoError("[OVERQUOTA] the mailbox is full") from error

    def report(self, *, gone: bool = True) -> None:
        """Tell what came and went since the last time."""
        self.news.clear()
        if self.folder is None:
            return
        if gone:
            for number in range(len(self._known), 0, -1):
                if self._known[number - 1] not in self.folder.mails:
                    del self._known[number - 1]
                    self._line.say(f"* {number} EXPUNGE")
        new = [uid for uid in self.folder.mails if uid > self._newest]
        if new:
            self._known += new
            self._newest = new[-1]
            self._line.say(f"* {len(self._known)} EXISTS")

    def leave(self) -> None:
        """No folder is open any more."""
        if self.folder is not None:
            self.folder.watchers.discard(self.news.set)
        self.folder, self._known, self._newest = None, [], 0

    def _done(self, command: Command, code: str = "") -> None:
        by_number = command.name in ("SEARCH", "FETCH", "STORE")
        self.report(gone=not by_number)
        self._line.say(f"{command.tag} OK {code}{command.name} completed")

    @property
    def _open(self) -> Folder:
        assert self.folder is not None
        return self.folder

    def _find(self, token: Token) -> Folder:
        found = self._office.account.find(text(token))
        if found is None:
            raise NoError("[TRYCREATE] no such folder")
        return found

    def _select(self, command: Command) -> None:
        self.leave()
        if not command.arguments:
            raise GarbledError("a folder is wanted")
        if self._office.netease and not self.named:
            raise NoError(UNSAFE)
        self.folder = folder = self._find(command.arguments[0])
        folder.watchers.add(self.news.set)
        self._writable = command.name == "SELECT"
        self._known = [*folder.mails]
        self._newest = folder.next_uid - 1
        self._line.say(f"* FLAGS {FLAGS}")
        self._line.say(f"* {len(self._known)} EXISTS")
        self._line.say("* 0 RECENT")
        self._line.say(f"* OK [UIDVALIDITY {folder.validity}] UIDs valid")
        self._line.say(f"* OK [UIDNEXT {folder.next_uid}] predicted next UID")
        self._line.say(f"* OK [PERMANENTFLAGS {FLAGS if self._writable else '()'}] limited")
        self._done(command, "[READ-WRITE] " if self._writable else "[READ-ONLY] ")

    def _list(self, command: Command) -> None:
        asked, only_marked = command.arguments, False
        if asked and isinstance(asked[0], list):
            only_marked, asked = "SPECIAL-USE" in [each.upper() for each in words(asked[0])], asked[1:]
        if len(asked) < 2:
            raise GarbledError("a reference and a pattern are wanted")
        pattern = text(asked[0]) + text(asked[1])
        if not pattern:
            self._line.say(f'* {command.name} (\\Noselect) "/" ""')
        for folder in self._office.account.folders.values():
            mark = folder.mark if self._office.marks else ""
            if _matches(pattern, folder.name) and (mark or not only_marked):
                attributes = f"\\HasNoChildren {mark}".rstrip()
                self._line.say(f'* {command.name} ({attributes}) "/" {quoted(folder.name)}')
        self._done(command)

    def _status(self, command: Command) -> None:
        if len(command.arguments) != 2:
            raise GarbledError("a folder and its items are wanted")
        folder = self._find(command.arguments[0])
        counts = {
            "MESSAGES": len(folder.mails),
            "RECENT": 0,
            "UIDNEXT": folder.next_uid,
            "UIDVALIDITY": folder.validity,
            "UNSEEN": sum(r"\Seen" not in mail.flags for mail in folder.mails.values()),
        }
        asked = [each.upper() for each in words(command.arguments[1])]
        if not set(asked) <= set(counts):
            raise GarbledError("unknown status item")
        told = " ".join(f"{each} {counts[each]}" for each in asked)
        self._line.say(f"* STATUS {quoted(folder.name)} ({told})")
        self._done(command)

    def _append(self, command: Command) -> None:
        if not 2 <= len(command.arguments) <= 4:
            raise GarbledError("a folder and a mail are wanted")
        name, *more, raw = command.arguments
        folder, kept, at = self._find(name), set[str](), datetime.now(SHANGHAI)
        for each in more:
            if isinstance(each, list):
                kept = {_flag(flag) for flag in words(each)}
            else:
                at = instant(text(each))
        if not isinstance(raw, bytes):
            raise GarbledError("a mail is wanted")
        uid = self._office.account.file(folder, Mail(raw, at, kept))
        self._office.kit.ledger.write("mail.filed", **summary(raw), folder=folder.name, uid=uid)
        self._done(command, f"[APPENDUID {folder.validity} {uid}] ")

    def _search(self, command: Command) -> None:
        found = search(command.arguments, self._open.mails, self._known)
        by_uid = command.name.startswith("UID")
        told = "".join(f" {each.uid if by_uid else each.number}" for each in found)
        self._line.say(f"* SEARCH{told}")
        self._done(command)

    def _picked(self, command: Command, least: int) -> Iterator[tuple[int, int, Mail]]:
        """(number, UID, mail) of the set a command begins with; what is gone is passed over."""
        if len(command.arguments) < least:
            raise GarbledError("an argument is missing")
        by_uid = command.name.startswith("UID")
        numbers = self._known if by_uid else range(1, len(self._known) + 1)
        wanted = chosen(text(command.arguments[0]), numbers)
        mails = self._open.mails
        pairs = [(number, uid) for number, uid in enumerate(self._known, 1) if (uid if by_uid else number) in wanted]
        return ((number, uid, mails[uid]) for number, uid in pairs if uid in mails)

    async def _fetch(self, command: Command) -> None:
        picked = self._picked(command, 2)
        wish = Wish(command.arguments[1])
        for number, uid, mail in picked:
            if self._writable and wish.marks_seen():
                mail.flags.add(r"\Seen")
            told = wish.told(uid, mail, with_uid=command.name.startswith("UID"))
            self._line.say(b"* %d FETCH %b" % (number, told))
            await self._line.flush()
        self._done(command)

    def _store(self, command: Command) -> None:
        picked = self._picked(command, 3)
        how = text(command.arguments[1]).upper()
        named = {_flag(each) for token in command.arguments[2:] for each in words(token)}
        if how.removesuffix(".SILENT") not in ("FLAGS", "+FLAGS", "-FLAGS"):
            raise GarbledError("FLAGS, +FLAGS or -FLAGS is wanted")
        self._may_write()
        for number, uid, mail in picked:
            kept = {"+": mail.flags | named, "-": mail.flags - named}.get(how[0], named)
            mail.flags = kept if len(kept) <= 50 else mail.flags
            if not how.endswith(".SILENT"):
                also = f"UID {uid} " if command.name.startswith("UID") else ""
                self._line.say(f"* {number} FETCH ({also}FLAGS {flags(mail)})")
        self._done(command)

    def _copy(self, command: Command) -> None:
        picked = [*self._picked(command, 2)]
        folder = self._find(command.arguments[1])
        for _, _, mail in picked:
            self._office.account.file(folder, Mail(mail.raw, mail.at, {*mail.flags}))
        self._done(command)

    def _may_write(self) -> None:
        if not self._writable:
            raise NoError("[READ-ONLY] the folder is open for reading")

    def _expunge(self, command: Command) -> None:
        self._may_write()
        by_uid = command.name.startswith("UID")
        among = {uid for _, uid, _ in self._picked(command, 1)} if by_uid else {*self._open.mails}
        for uid in [uid for uid, mail in self._open.mails.items() if uid in among and r"\Deleted" in mail.flags]:
            self._open.remove(uid)
        self._done(command)

    def _close(self, command: Command) -> None:
        if command.name == "CLOSE" and self._writable:
            for uid in [uid for uid, mail in self._open.mails.items() if r"\Deleted" in mail.flags]:
                self._open.remove(uid)
        self.leave()
        self._done(command)


def _flag(told: str) -> str:
    if re.fullmatch(r"\\?[A-Za-z$][A-Za-z0-9$_-]{0,30}", told) is None:
        raise GarbledError("not a flag")
    return "\\" + told[1:].title() if told.startswith("\\") else told


def _matches(pattern: str, name: str) -> bool:
    if len(pattern) > 100:
        raise GarbledError("too long a pattern")
    signs = {"*": ".*", "%": "[^/]*"}
    parts = re.findall(r"\*+|%+|[^*%]+", "INBOX" if pattern.upper() == "INBOX" else pattern)
    return re.fullmatch("".join(signs.get(part[0], re.escape(part)) for part in parts), name) is not None
