"""What was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches

from hub.domain.text import Text


def nearest(name: str, known: Iterable[str]) -> Text:
    """ "unknown 'nmae', did you mean 'name'?" in both languages, or the list of what there is."""
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    if near:
        return Text(f"没有 {name!r}，是不是 {near[0]!r}？", f"unknown {name!r}, did you mean {near[0]!r}?")
    return Text(f"没有 {name!r}", f"unknown {name!r}; known: {', '.join(names)}")


def unknown(name: str, known: Iterable[str]) -> str:
    """The same as one line of text."""
    return str(nearest(name, known))
