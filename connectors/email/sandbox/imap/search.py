"""SEARCH: from its keys to a test of one mail."""

from collections.abc import Callable
from dataclasses import dataclass

from connectors.email.sandbox.folders import Mail
from connectors.email.sandbox.imap.words import GarbledError, NoError, Token, chosen, count, day, is_set, text
from connectors.email.sandbox.letters import split, values

CHARSETS = {"US-ASCII", "ASCII", "UTF-8"}
DEEPEST = 30
MARKED = {name: "\\" + name.title() for name in ("SEEN", "ANSWERED", "FLAGGED", "DELETED", "DRAFT")}


@dataclass(frozen=True, slots=True)
class Found:
    """One mail with its number in the folder and its UID."""

    number: int
    uid: int
    mail: Mail


Test = Callable[[Found], bool]


class Query:
    """Reads keys one after another; all of them must hold."""

    def __init__(self, keys: list[Token], numbers: list[int], depth: int = 0) -> None:
        self._keys = keys
        self._uids = numbers
        self._depth = depth
        self._at = 0

    def test(self) -> Test:
        """The test the keys mean."""
        if not self._keys or self._depth > DEEPEST:
            raise GarbledError("no search keys, or too deep")
        tests: list[Test] = []
        while self._at < len(self._keys):
            tests.append(self._key())
        return lambda found: all(test(found) for test in tests)

    def _next(self) -> Token:
        if self._at >= len(self._keys):
            raise GarbledError("a search key is missing its argument")
        self._at += 1
        return self._keys[self._at - 1]

    def _key(self) -> Test:
        token = self._next()
        if isinstance(token, list):
            return Query(token, self._uids, self._depth + 1).test()
        if is_set(token):
            wanted = chosen(text(token), range(1, len(self._uids) + 1))
            return lambda found: found.number in wanted
        return self._named(text(token).upper())

    def _named(self, name: str) -> Test:
        if name in ("NOT", "OR"):
            return self._logic(name)
        if name in MARKED or name.removeprefix("UN") in MARKED:
            flag, there = MARKED[name.removeprefix("UN")], name in MARKED
            return lambda found: (flag in found.mail.flags) == there
        if name in ("ALL", "OLD"):
            return lambda _found: True
        if name in ("NEW", "RECENT"):
            return lambda _found: False
        return self._valued(name)

    def _logic(self, name: str) -> Test:
        self._depth += 1
        if self._depth > DEEPEST:
            raise GarbledError("too deep")
        first = self._key()
        if name == "NOT":
            return lambda found: not first(found)
        second = self._key()
        return lambda found: first(found) or second(found)

    def _valued(self, name: str) -> Test:
        if name in ("KEYWORD", "UNKEYWORD"):
            flag, there = text(self._next()), name == "KEYWORD"
            return lambda found: (flag in found.mail.flags) == there
        if name == "UID":
            wanted = chosen(text(self._next()), self._uids)
            return lambda found: found.uid in wanted
        if name in ("SINCE", "BEFORE", "ON"):
            when = day(self._next())
            return lambda found: _dated(name, found.mail.at.date().toordinal() - when.toordinal())
        if name in ("LARGER", "SMALLER"):
            size, sign = count(self._next()), 1 if name == "LARGER" else -1
            return lambda found: (len(found.mail.raw) - size) * sign > 0
        return self._worded(name)

    def _worded(self, name: str) -> Test:
        header = text(self._next()).lower() if name == "HEADER" else name.lower()
        if name not in ("HEADER", "SUBJECT", "FROM", "TO", "CC", "BCC", "BODY", "TEXT"):
            raise GarbledError(f"unknown search key {name}")
        sought = text(self._next()).lower()
        if name in ("BODY", "TEXT"):
            return lambda found: sought.encode() in _part(name, found.mail.raw).lower()
        return lambda found: any(sought in value.lower() for value in values(found.mail.raw, header))


def _dated(name: str, days: int) -> bool:
    return {"SINCE": days >= 0, "BEFORE": days < 0, "ON": days == 0}[name]


def _part(name: str, raw: bytes) -> bytes:
    return raw if name == "TEXT" else split(raw)[1]


def search(keys: list[Token], mails: dict[int, Mail], known: list[int]) -> list[Found]:
    """The mails that pass, in order. `known` are the UIDs of the session by number."""
    if len(keys) > 2 and keys[0] != [] and isinstance(keys[0], bytes) and keys[0].upper() == b"CHARSET":
        if text(keys[1]).upper() not in CHARSETS:
            raise NoError("[BADCHARSET (US-ASCII UTF-8)] unknown charset")
        keys = keys[2:]
    test = Query(keys, known).test()
    there = (Found(number, uid, mails[uid]) for number, uid in enumerate(known, 1) if uid in mails)
    return [found for found in there if test(found)]
