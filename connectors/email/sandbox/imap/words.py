"""How IMAP writes: tokens of a command, sets of numbers, dates, quoted strings."""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import zip_longest

TOKEN = re.compile(rb'\s*(?:(\()|(\))|"((?:[^"\\\r\n]|\\["\\])*)"|((?:[^\s\x00()"\[\]{}]|\[[^\]]*\])+))')
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
Token = bytes | list["Token"]


class GarbledError(Exception):
    """The command cannot be read: BAD."""


class NoError(Exception):
    """The command is refused: NO."""


def tokens(texts: Sequence[bytes], literals: Sequence[bytes]) -> list[Token]:
    """The arguments of a command, given as text and literals in turn; a parenthesised list is a list."""
    found: list[Token] = []
    stack = [found]
    for text, literal in zip_longest(texts, literals):
        _add(stack, text.strip())
        if literal is not None:
            stack[-1].append(literal)
    if len(stack) != 1:
        raise GarbledError("parentheses do not match")
    return found


def _add(stack: list[list[Token]], text: bytes) -> None:
    at = 0
    while at < len(text):
        match = TOKEN.match(text, at)
        if match is None:
            raise GarbledError("not understood")
        at = match.end()
        if match[1]:
            inner: list[Token] = []
            stack[-1].append(inner)
            stack.append(inner)
        elif match[2]:
            stack.pop()
        else:
            stack[-1].append(re.sub(rb"\\(.)", rb"\1", match[3]) if match[4] is None else match[4])
        if not 1 <= len(stack) <= 20:
            raise GarbledError("parentheses do not match")


def text(token: Token) -> str:
    """One string argument."""
    if isinstance(token, list):
        raise GarbledError("a string is wanted, not a list")
    return token.decode("utf-8", "replace")


def words(token: Token) -> list[str]:
    """A list of atoms, or one of them without parentheses."""
    return [text(each) for each in (token if isinstance(token, list) else [token])]


def is_set(token: Token) -> bool:
    """Whether it is written as a set of numbers."""
    return isinstance(token, bytes) and re.fullmatch(rb"[0-9*][0-9*:,]*", token) is not None


def chosen(told: str, numbers: Iterable[int]) -> set[int]:
    """Those of the numbers in a set like "1:3,7,9:*"; `*` is the highest there is, so n:* always holds that one."""
    there = [*numbers]
    highest = max(there, default=0)
    single: set[int] = set()
    spans: list[tuple[int, int]] = []
    for part in told.split(","):
        ends = [highest if end == "*" else _number(end) for end in part.split(":")]
        if len(ends) > 2:
            raise GarbledError("not a set of numbers")
        if len(ends) == 1:
            single.add(ends[0])
        else:
            spans.append((min(ends), max(ends)))
    if len(spans) > 200:
        raise GarbledError("too many ranges")
    return {n for n in there if n in single or any(first <= n <= last for first, last in spans)}


def _number(told: str) -> int:
    if re.fullmatch(r"[0-9]{1,10}", told) is None or int(told) == 0:
        raise GarbledError("not a number")
    return int(told)


def count(token: Token) -> int:
    """A number, 0 allowed."""
    told = text(token)
    if re.fullmatch(r"[0-9]{1,10}", told) is None:
        raise GarbledError("not a number")
    return int(told)


def day(token: Token) -> date:
    """1-Feb-2026."""
    parts = text(token).split("-")
    try:
        return date(int(parts[2]), MONTHS.index(parts[1].title()) + 1, int(parts[0]))
    except (ValueError, IndexError) as error:
        raise GarbledError("not a date") from error


def instant(told: str) -> datetime:
    """17-Jul-2026 02:44:25 +0800."""
    try:
        return datetime.strptime(told.strip(), "%d-%b-%Y %H:%M:%S %z")
    except ValueError as error:
        raise GarbledError("not a date-time") from error


def dated(at: datetime) -> str:
    """An INTERNALDATE."""
    return f'"{at.day:2d}-{MONTHS[at.month - 1]}-{at:%Y %H:%M:%S %z}"'


def quoted(told: str) -> str:
    """A quoted string."""
    return '"' + told.replace("\\", "\\\\").replace('"', '\\"') + '"'


def literal(raw: bytes) -> bytes:
    """A literal, as the server sends it."""
    return b"{%d}\r\n%b" % (len(raw), raw)
