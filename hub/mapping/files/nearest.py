"""What was probably meant."""

from collections.abc import Iterable
from difflib import get_close_matches


def unknown(name: str, known: Iterable[str]) -> str:
    """ "unknown 'nmae', did you mean 'name'?" or the list of what there is."""
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    return f"unknown {name!r}" + (f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(names)}")
