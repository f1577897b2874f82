"""Bytes to text, for mail as China writes it: wrong labels, no labels, unknown labels. Never raises, never drops.

GB18030 holds all of GB2312 and GBK, so it reads whatever is labelled as one of them.
"""

import binascii
import codecs
import quopri
import re

SAME = {
    **dict.fromkeys(
        (
            *("gb2312", "gb_2312", "gb_2312_80", "gb2312_80", "chinese", "csgb2312", "euc_cn", "euccn", "x_euc_cn"),
            *("gbk", "x_gbk", "x_gb2312", "cp936", "ms936", "windows_936", "936", "iso_2022_cn", "x_mac_chinesesimp"),
        ),
        "gb18030",
    ),
    **dict.fromkeys(("utf8mb4", "utf_8_mb4", "unicode_1_1_utf_8", "x_utf_8"), "utf-8"),
}
NOT_CHARSETS = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem"}
GUESSES = ("utf-8", "gb18030", "big5")
WORD = re.compile(rb"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
GAP = "�"


def to_text(raw: bytes, label: str = "") -> str:
    """Decode; a label is believed when it fits or nearly fits, otherwise UTF-8, GB18030 and Big5 are tried."""
    return clean(_labelled(raw, label) or _guessed(raw)) if raw else ""


def clean(text: str) -> str:
    """Without what JSON and PostgreSQL cannot keep: NUL and half surrogate pairs."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _labelled(raw: bytes, label: str) -> str:
    name = _codec(label)
    if not name:
        return ""
    try:
        return raw.decode(name)
    except ValueError:
        loose = raw.decode(name, "replace")
    return loose if loose.count(GAP) * 50 <= len(loose) else ""


def _codec(label: str) -> str:
    plain = re.sub(r"[^a-z0-9]+", "_", label.strip().strip("\"'").partition("*")[0].lower()).strip("_")
    try:
        name = codecs.lookup(SAME.get(plain, plain)).name
        "".encode(name)
    except (LookupError, ValueError):
        return ""
    return "" if name.replace("-", "_") in NOT_CHARSETS else name


def _guessed(raw: bytes) -> str:
    for name in GUESSES:
        try:
            return raw.decode(name)
        except UnicodeDecodeError:
            continue
    return raw.decode("utf-8", "replace")


def unfold(raw: bytes) -> bytes:
    """A header's value on one line."""
    return re.sub(rb"[\r\n]+(?=[ \t])", b"", raw).replace(b"\r", b" ").replace(b"\n", b" ").strip()


def decode_words(raw: bytes, hint: str = "") -> str:
    """A header's value with its encoded words (RFC 2047) read; neighbours of one charset are joined before decoding.

    `hint`: the charset of the body, for bytes outside encoded words that are not UTF-8.
    """
    pieces: list[tuple[str, bytes]] = []
    at = 0
    for word in WORD.finditer(raw):
        between = raw[at : word.start()]
        if between.strip() or not (pieces and pieces[-1][0]):
            pieces.append(("", between))
        charset = word[1].decode("ascii", "replace").lower()
        told = _word(word[2], word[3])
        if pieces[-1][0] == charset:
            pieces[-1] = (charset, pieces[-1][1] + told)
        else:
            pieces.append((charset, told))
        at = word.end()
    pieces.append(("", raw[at:]))
    return "".join(to_text(told, charset) if charset else _bare(told, hint) for charset, told in pieces)


def _bare(told: bytes, hint: str) -> str:
    try:
        return clean(told.decode("utf-8"))
    except UnicodeDecodeError:
        return to_text(told, hint)


def _word(kind: bytes, told: bytes) -> bytes:
    if kind in b"qQ":
        return quopri.decodestring(told.replace(b"_", b"=20"))
    return from_base64(told)


def from_base64(told: bytes) -> bytes:
    """Decode base64 that may be cut short or hold strange characters; what can be read is."""
    letters = re.sub(rb"[^A-Za-z0-9+/]", b"", told)
    letters = letters[: len(letters) - (len(letters) % 4 == 1)]
    return binascii.a2b_base64(letters + b"=" * (-len(letters) % 4))
