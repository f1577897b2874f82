"""Whether a target takes what a mapping makes, as far as types tell."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from hub.domain.text import Text
from hub.mapping.checks.types import CHINESE, FORMS, Type, said, spoken
from hub.mapping.files.nearest import nearest
from hub.mapping.shapes.shape import NUMBERS

Misfit = tuple[Text, bool, Any]
"""What is wrong, whether it always is, and the node of the expression it comes from."""

NOTHING = Text(
    "可能取不到值，而目标必须有：写 `required: true` 或 `default`",
    "may come to nothing, and the target needs it: say `required: true` or a `default`",
)


def misfits(made: Type, wanted: Type) -> Iterator[Misfit]:
    """What the target may refuse in a field that a rule makes; what comes to nothing is left out of the payload."""
    if made.anything or wanted.anything:
        return
    if made.maybe and "null" not in wanted.kinds:
        yield NOTHING, made.sure and made.kinds == {"null"}, made.node
    yield from _value(made.some, wanted)


def _value(made: Type, wanted: Type) -> Iterator[Misfit]:
    """The same for a value inside, which is sent even when it is null."""
    if made.anything or wanted.anything:
        return
    refused = {kind: _refused(kind, made, wanted) for kind in sorted(made.kinds)}
    odd = [kind for kind, how in refused.items() if how]
    if odd:
        certain = made.sure and all(how == "always" for how in refused.values())
        yield _taken(Text("是", "is") if certain else Text("可能是", "may be"), spoken(odd), wanted), certain, made.node
    if "text" in made.kinds & wanted.kinds:
        yield from _text(made, wanted)
    if "list" in made.kinds & wanted.kinds and wanted.items is not None:
        for item in made.each or (made.items,):
            if item is not None:
                yield from _value(item, wanted.items)
    if "object" in made.kinds & wanted.kinds:
        yield from _object(made, wanted)


def _taken(how: Text, made: Text, wanted: Type) -> Text:
    takes = said(wanted)
    return Text(f"{how.zh}{made.zh}，目标要{takes.zh}", f"{how.en} {made.en}, and the target takes {takes.en}")


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
        zh = f"可能是任何文本，目标只收 {few}：用表换值"
        yield Text(zh, f"may be any text, and the target takes only {few}: look it up in a table"), False, made.node
        return
    if wanted.longest is not None and (made.longest or 0) > wanted.longest:
        zh = f"可能有 {made.longest} 个字，目标最多 {wanted.longest} 个"
        en = f"may have {made.longest} characters, and the target takes at most {wanted.longest}"
        yield Text(zh, en), False, made.node
    if wanted.form and made.form != wanted.form:
        certain = made.sure and made.form in ("date", "number") and made.kinds == {"text"}
        how = Text("是", "is") if certain else Text("可能是任何", "may be any")
        yield _taken(how, said(made), wanted), certain, made.node


def _demands(wanted: Type) -> Iterator[tuple[Callable[[str], bool], Callable[[str], Text]]]:
    """What each text must be, and how it is said of one that is not."""
    if (values := wanted.values) is not None:
        yield values.__contains__, lambda text: nearest(text, values - {""})
        return
    if (longest := wanted.longest) is not None:
        yield lambda text: len(text) <= longest, lambda text: _too_long(text, longest)
    if wanted.form:
        form, zh, en = FORMS[wanted.form], CHINESE[wanted.form], wanted.form
        yield (
            lambda text: bool(form.fullmatch(text)),
            lambda text: Text(f"{text[:40]!r} 不是{zh}", f"{text[:40]!r} is no {en}"),
        )
    if wanted.pattern:
        pattern = wanted.pattern
        yield (
            lambda text: _matches(pattern, text),
            lambda text: Text(f"{text[:40]!r} 不符合 {pattern}", f"{text[:40]!r} does not match {pattern}"),
        )


def _too_long(text: str, most: int) -> Text:
    zh = f"{text[:20]!r} 有 {len(text)} 个字，目标最多 {most} 个"
    return Text(zh, f"{text[:20]!r} has {len(text)} characters, and the target takes at most {most}")


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
            yield nearest(name, wanted.fields), made.sure, made.node
        else:
            yield from _value(each, inner)
    if made.closed:
        for name, inner in wanted.fields.items():
            if name not in made.fields and "null" not in inner.kinds:
                yield Text(f"缺 {name!r}，目标必须有", f"lacks {name!r}, which the target needs"), made.sure, made.node
