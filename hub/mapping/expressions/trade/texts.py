"""Text: widths, blanks, parts, and what stands for nothing."""

import re
from hashlib import sha256 as digest_of

from hub.domain.text import Text
from hub.mapping.expressions.budget import is_some
from hub.mapping.expressions.trade.declare import MOST_CHARACTERS, Count, Group, Value, Width, Word
from hub.sdk.exact import Json

GROUP = Group(Text("文本", "Text"))
SPACES = re.compile("[\\s\u200b\ufeff]+")
TO_HALF = {0x3000: " ", **{code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}}
TO_FULL = {ord(half): chr(full) for full, half in TO_HALF.items()}


@GROUP.offer(
    "去掉两头的空白，全角空格也算", "Without blanks at both ends, wide ones too", ("trim('  甲公司　')", "甲公司")
)
def trim(text: Word) -> str:
    return text.strip(" \t\r\n\u00a0\u3000\u200b\ufeff\v\f")


@GROUP.offer("去掉所有空白", "Without any blank", ("no_blanks('6222 0200　0001')", "622202000001"))
def no_blanks(text: Word) -> str:
    return SPACES.sub("", text)


@GROUP.offer("转大写", "In capitals", ("upper('ab-1')", "AB-1"))
def upper(text: Word) -> str:
    return text.upper()


@GROUP.offer("转小写", "In small letters", ("lower('AB-1')", "ab-1"))
def lower(text: Word) -> str:
    return text.lower()


@GROUP.offer("全角变半角", "Full width to half width", ("half_width('ＡＢ（１）　Ｃ')", "AB(1) C"))
def half_width(text: Word) -> str:
    return text.translate(TO_HALF)


@GROUP.offer("半角变全角", "Half width to full width", ("full_width('AB(1)')", "ＡＢ（１）"))
def full_width(text: Word) -> str:
    return text.translate(TO_FULL)


@GROUP.offer(
    "左边补足到指定长度；更长的就拒绝",
    "Filled up on the left; a longer text is refused",
    ("pad_left('42', `6`, '0')", "000042"),
)
def pad_left(text: Word, width: Width, fill: Word = " ") -> str:
    return _padding(text, width, fill) + text


@GROUP.offer(
    "右边补足到指定长度；更长的就拒绝",
    "Filled up on the right; a longer text is refused",
    ("pad_right('42', `4`, '-')", "42--"),
)
def pad_right(text: Word, width: Width, fill: Word = " ") -> str:
    return text + _padding(text, width, fill)


@GROUP.offer(
    "取一段：从第几个字符（0 起，负数从末尾数）、取多少个",
    "A part: from which character (0 is the first, below zero from the end), how many",
    ("substring('HT-2026-001', `3`, `4`)", "2026"),
    ("substring('HT-2026-001', `-3`)", "001"),
)
def substring(text: Word, start: Count, count: Count = MOST_CHARACTERS) -> str:
    if count < 0:
        raise ValueError(f"a count of {count}")
    begin = max(len(text) + start, 0) if start < 0 else start
    return text[begin : begin + count]


@GROUP.offer(
    "把一段文字全部换成另一段", "Puts one text in the place of another", ("replace('A-1-2', '-', '/')", "A/1/2")
)
def replace(text: Word, old: Word, new: Word) -> str:
    if not old:
        raise ValueError("an empty text to be replaced")
    if len(text) + text.count(old) * (len(new) - len(old)) > MOST_CHARACTERS:
        raise ValueError(f"a text of more than {MOST_CHARACTERS} characters")
    return text.replace(old, new)


@GROUP.offer("按分隔符拆成列表", "A list of the parts between separators", ("split('a,b', ',')", ["a", "b"]))
def split(text: Word, separator: Word) -> list[str]:
    if not separator:
        raise ValueError("an empty separator")
    return text.split(separator)


@GROUP.offer(
    "第一个有内容的值；空文本、空列表、空对象都不算",
    "The first value that is something; empty texts, lists and objects are not",
    ("coalesce('', `null`, '甲')", "甲"),
    ("coalesce('', `0`)", 0),
)
def coalesce(value: Value, *more: Value) -> Json:
    return next((each for each in (value, *more) if is_some(each)), None)


@GROUP.offer(
    "UTF-8 文本的 SHA-256，64 位小写十六进制",
    "SHA-256 of the UTF-8 text in hexadecimal",
    ("sha256('a')", "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb"),
)
def sha256(text: Word) -> str:
    return digest_of(text.encode()).hexdigest()


def _padding(text: str, width: int, fill: str) -> str:
    if len(fill) != 1:
        raise ValueError(f"{fill[:40]!r} is not one character to fill with")
    if len(text) > width:
        raise ValueError(f"{text[:40]!r} is longer than {width} characters")
    return fill * (width - len(text))
