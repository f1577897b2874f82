"""The parts of a mail, cut on the raw bytes (RFC 2045): nothing is decoded before its charset is known."""

import quopri
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from urllib.parse import unquote_to_bytes

from connectors.email.charsets import decode_words, from_base64, to_text, unfold

DEEPEST = 20
LONGEST = 100_000
MOST_PARTS = 1000
HEADER = re.compile(rb"^([!-9;-~]+)[ \t]*:(.*)$", re.DOTALL)
FOLD = re.compile(rb"\r?\n(?![ \t])")
BLANK = re.compile(rb"\r?\n\r?\n|\A\r?\n")
PARAMETER = re.compile(r";\s*([^\s=;]+)\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]*)", re.DOTALL)
PIECE = re.compile(r"([^*]+)(?:\*(\d{1,3}))?(\*)?$")


@dataclass(frozen=True, slots=True)
class Part:
    """A mail or one part of it. `head`: lower-case name → values, unfolded and raw; `body` as it was transferred."""

    head: dict[str, list[bytes]]
    body: bytes
    depth: int = 0

    def raw(self, name: str) -> bytes:
        """The first header of this name; b"" when there is none."""
        return self.head.get(name, [b""])[0]

    def words(self, name: str) -> str:
        """A header as people read it, on one line."""
        said = decode_words(self.raw(name), parameter(self.raw("content-type"), "charset"))
        return " ".join(re.sub(r"[\x00-\x1f\x7f]", " ", said).split())

    @property
    def kind(self) -> str:
        """Its content type in lower case; text/plain when it says none."""
        told = self.raw("content-type").partition(b";")[0].strip().lower().decode("ascii", "replace")
        return told if re.fullmatch(r"[!-~]+/[!-~]+", told) else "text/plain"

    @property
    def disposition(self) -> str:
        """ "attachment", "inline" or ""."""
        return self.raw("content-disposition").partition(b";")[0].strip().lower().decode("ascii", "replace")

    @property
    def name(self) -> str:
        """The file name the sender gave; "" when there is none."""
        return parameter(self.raw("content-disposition"), "filename") or parameter(self.raw("content-type"), "name")

    @property
    def content(self) -> bytes:
        """The body, transfer encoding undone; what is spoiled is read as far as it goes."""
        encoding = self.raw("content-transfer-encoding").strip().lower()
        if encoding == b"base64":
            return from_base64(self.body)
        return quopri.decodestring(self.body) if encoding == b"quoted-printable" else self.body

    @property
    def text(self) -> str:
        """The content as text, with plain line feeds."""
        return to_text(self.content, parameter(self.raw("content-type"), "charset")).replace("\r\n", "\n")

    @property
    def children(self) -> list["Part"]:
        """The parts of a multipart; 1000 at most, none in a leaf or over 20 deep."""
        boundary = parameter(self.raw("content-type"), "boundary").encode()
        if not (self.kind.startswith("multipart/") and boundary) or self.depth >= DEEPEST:
            return []
        pieces = islice(_between(self.body, boundary), MOST_PARTS)
        return [read_part(piece, self.depth + 1) for piece in pieces]

    def leaves(self) -> Iterator["Part"]:
        """Every part that is not made of parts, in order."""
        children = self.children
        if not children:
            yield self
        for child in children:
            yield from child.leaves()


def header_block(raw: bytes) -> bytes:
    """The header lines, without the blank line after them."""
    ends = BLANK.search(raw)
    return raw[: ends.start()] if ends else raw


def read_part(raw: bytes, depth: int = 0) -> Part:
    """Cut a mail into headers and body. A line that is no header is left out; nothing is refused."""
    ends = BLANK.search(raw)
    head: dict[str, list[bytes]] = {}
    for line in FOLD.split(header_block(raw)):
        if found := HEADER.match(line):
            head.setdefault(found[1].decode("ascii").lower(), []).append(unfold(found[2][:LONGEST]))
    return Part(head, raw[ends.end() :] if ends else b"", depth)


def _between(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the boundaries; the last piece may lack its closing one."""
    marks = re.finditer(rb"(?:\A|\r?\n)--" + re.escape(boundary) + rb"(--)?[ \t]*(?=\r?\n|\Z)", body)
    begun = -1
    for mark in marks:
        if begun >= 0:
            yield _after_line(body[begun : mark.start()])
        if mark[1]:
            return
        begun = mark.end()
    if begun >= 0:
        yield _after_line(body[begun:])


def _after_line(piece: bytes) -> bytes:
    return piece.removeprefix(b"\r").removeprefix(b"\n")


def parameter(raw: bytes, name: str) -> str:
    """A parameter of a header's value: plain, quoted, RFC 2231 in pieces, or (illegally) an encoded word."""
    pieces: dict[int, tuple[bool, str]] = {}
    for key, value in PARAMETER.findall(to_text(raw)):
        part = PIECE.match(key)
        if part and part[1].lower() == name:
            told = re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value.strip()
            if part[3] or int(part[2] or 0) not in pieces:
                pieces[int(part[2] or 0)] = (bool(part[3]), told)
    if not any(extended for extended, _ in pieces.values()):
        return decode_words("".join(told for _, (_, told) in sorted(pieces.items())).encode())
    charset, joined = "", b""
    for number, (extended, told) in sorted(pieces.items()):
        if extended and number == 0 and told.count("'") >= 2:
            charset, _, told = told.split("'", 2)
        joined += unquote_to_bytes(told) if extended else told.encode()
    return to_text(joined, charset)
