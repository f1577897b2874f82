"""HTML reduced to its words, in one pass over the page: no scripts, no styles, no tags."""

import html
import re

SILENT = re.compile(r"(script|style|head|title|template|noscript)\b", re.IGNORECASE)
BREAKS = re.compile(r"/?(p|div|br|tr|li|ul|ol|table|h[1-6]|blockquote|hr|section|article|pre)\b", re.IGNORECASE)
CELL = re.compile(r"/(td|th)\b", re.IGNORECASE)
LONGEST = 2_000_000


def words_of(page: str) -> str:
    """The text a reader sees, with line breaks where blocks end. Linear in the page's length."""
    page = page[:LONGEST]
    said: list[str] = []
    at = 0
    while (tag := page.find("<", at)) >= 0:
        said.append(_plain(page[at:tag]))
        at = _after(page, tag)
        if at < 0:
            return _tidy("".join(said))
        said.append(_space(page, tag + 1))
    said.append(_plain(page[at:]))
    return _tidy("".join(said))


def _after(page: str, tag: int) -> int:
    """Where the text goes on after what begins at `tag`; -1 when it never ends."""
    if page.startswith("<!--", tag):
        return _past(page, "-->", tag + 4)
    silent = SILENT.match(page, tag + 1)
    if silent is None:
        return tag + 1 if page[tag + 1 : tag + 2] in (" ", "", "=") else _past(page, ">", tag)
    closed = re.compile(rf"</{silent[1]}\s*>", re.IGNORECASE).search(page, tag)
    return closed.end() if closed else -1


def _past(page: str, mark: str, at: int) -> int:
    found = page.find(mark, at)
    return -1 if found < 0 else found + len(mark)


def _space(page: str, at: int) -> str:
    return "\n" if BREAKS.match(page, at) else " " if CELL.match(page, at) else ""


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(text))


def _tidy(text: str) -> str:
    lines = [re.sub(r"[ \xa0\u3000]+", " ", line).strip() for line in text.split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()
