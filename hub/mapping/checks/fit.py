"""Whether a target takes what a mapping makes, as far as types tell."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from hub.mapping.checks.types import FORMS, Type, said
from hub.mapping.files.nearest import unknown
from hub.mapping.shapes.shape import NUMBERS

Misfit = tuple[str, bool, Any]
"""What is wrong, whether it always is, and the node of the expression it comes from."""


def misfits(made: Type, wanted: Type) -> Iterator[Misfit]:
    """What the target may refuse in a field that a rule makes; what comes to nothing is left out of the payload."""
    if made.anything or wanted.anything:
        return
    if made.maybe and "null" not in wanted.kinds:
        what = "may come to nothing, and the target needs it: say `required: true` or a `default`"
        yield what, made.sure and made.kinds == {"null"}, made.node
    yield from _value(made.some, wanted)


def _value(made: Type, wanted: Type) -> Iterator[Misfit]:
    """The same for a value inside, which is sent even when it is null."""
    if made.anything or wanted.anything:
        return
    refused = {kind: _refused(kind, made, wanted) for kind in sorted(made.kinds)}
    odd = [kind for kind, how in refused.items() if how]
    if odd:
        certain = made.sure and all(how == "always" for how in refused.values())
        yield (
            f"{'is' if certain else 'may be'} {' or '.join(odd)}, and the target takes {said(wanted)}",
            certain,
            made.node,
        )
    if "text" in made.kinds & wanted.kinds:
        yield from _text(made, wanted)
    if "list" in made.kinds & wanted.kinds and wanted.items is not None:
        for item in made.each or (made.items,):
            if item is not None:
                yield from _value(item, wanted.items)
    if "object" in made.kinds & wanted.kinds:
        yield from _object(made, wanted)


def _refused(kind: str, made: Type, wanted: Type) -> str:
    """ "" when the target takes this kind, else whether "always" or "sometimes" it does not."""
    if kind in wanted.kinds or (kind == "integer" and "decimal" in wanted.kinds):
        return ""
    if kind == "text" and wanted.kinds & NUMBERS:
        if made.form == "number":
            return ""
        return "sometimes" if not made.form and made.values is None else "always"
    lenient = (kind == "decimal" and "integer" in wanted.kinds) or (kind != "null" and "boolean" in wanted.kinds)
    return "sometimes" if lenient and kind not in ("list", "object") else "always"


def _text(made: Type, wanted: Type) -> Iterator[Misfit]:
    """Of text of which nothing is known, nothing is said."""
    known = made.seen if made.values is None else made.values
    if known is not None:
        for good, tell in _demands(wanted):
            if bad := sorted(text for text in known if not good(text)):
                yield tell(bad[0]), made.sure and len(bad) == len(known) and made.kinds == {"text"}, made.node
        return
    if made.longest is None and not made.form and not made.pattern:
        return
    if wanted.values is not None:
        few = ", ".join(sorted(wanted.values - {""}))
        yield f"may be any text, and the target takes only {few}: look it up in a table", False, made.node
        return
    if wanted.longest is not None and (made.longest or 0) > wanted.longest:
        yield f"may have {made.longest} characters, and the target takes at most {wanted.longest}", False, made.node
    if wanted.form and made.form != wanted.form:
        certain = made.sure and made.form in ("date", "number") and made.kinds == {"text"}
        yield (
            f"{'is' if certain else 'may be any'} {said(made)}, and the target takes {said(wanted)}",
            certain,
            made.node,
        )


def _demands(wanted: Type) -> Iterator[tuple[Callable[[str], bool], Callable[[str], str]]]:
    """What each text must be, and how it is said of one that is not."""
    if (values := wanted.values) is not None:
        yield values.__contains__, lambda text: unknown(text, values - {""})
        return
    if (longest := wanted.longest) is not None:
        what = f"characters, and the target takes at most {longest}"
        yield lambda text: len(text) <= longest, lambda text: f"{text[:20]!r} has {len(text)} {what}"
    if wanted.form:
        form = FORMS[wanted.form]
        yield lambda text: bool(form.fullmatch(text)), lambda text: f"{text[:40]!r} is no {wanted.form}"
    if wanted.pattern:
        pattern = wanted.pattern
        yield lambda text: _matches(pattern, text), lambda text: f"{text[:40]!r} does not match {pattern}"


def _matches(pattern: str, text: str) -> bool:
    """Whether a text matches; so does any where Python cannot read the pattern: pydantic has its own dialect."""
    try:
        return re.search(pattern, text) is not None
    except re.error:
        return True


def _object(made: Type, wanted: Type) -> Iterator[Misfit]:
    for name, each in made.fields.items():
        inner = wanted.child(name)
        if inner is None:
            yield unknown(name, wanted.fields), made.sure, made.node
        else:
            yield from _value(each, inner)
    if made.closed:
        for name, inner in wanted.fields.items():
            if name not in made.fields and "null" not in inner.kinds:
                yield f"lacks {name!r}, which the target needs", made.sure, made.node
