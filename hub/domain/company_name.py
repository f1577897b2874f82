"""Company names: the key that two spellings share, and the spelling that registries print."""

import re
import unicodedata

UNSEEN = re.compile("[\\s\u00ad\u200b-\u200f\u2060\ufeff]+")
DOTS = re.compile("[\u2022\u2027\u30fb]")
FULL_WIDTH = str.maketrans("()", "（）")


def key(text: str) -> str:
    """What two spellings of one name share: width, blanks, middle dots and case folded, nothing else.

    有限公司 and 有限责任公司, a branch and its parent, simplified and traditional stay apart: a person decides.
    """
    return DOTS.sub("\u00b7", UNSEEN.sub("", unicodedata.normalize("NFKC", text))).upper()


def official(text: str) -> str:
    """As registries print it: parentheses in full width, which exact searches may insist on."""
    return UNSEEN.sub(" ", text).strip().translate(FULL_WIDTH)
