"""Does a mapping fit its source and its target? Checked when files are loaded, never at run time."""

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

from pydantic import BaseModel, ValidationError

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.mapping import MappingFile
from hub.mapping.checks.finding import Finding, Findings, Tell, certain, refuse
from hub.mapping.checks.fit import misfits
from hub.mapping.checks.types import ANY, BLANK, NULL, Type, joined, of_model, one, said, type_of
from hub.mapping.engine import CLEANERS, Step
from hub.mapping.expressions.expression import Expression
from hub.mapping.files.nearest import nearest, unknown
from hub.mapping.files.walk import inside, model_of, named_fields
from hub.mapping.files.worded import worded
from hub.mapping.files.yaml_text import Document, Path
from hub.mapping.refs import NAME
from hub.mapping.shapes.shape import NUMBERS
from hub.mapping.shapes.uses import overlap, places

BOOLEANS = frozenset({"True", "False"})
"""What a table is asked for instead of true and false."""

MONEY = one("text", form="number")
REF = one("object", fields={"id": one("text"), "number": one("text", empty=True)}, closed=True) | NULL
LEFT_OUT = Text("`when` 可能省略它，而目标必须有", "`when` may leave it out, and the target needs it")


def check(mapping: MappingFile, target: type[BaseModel], source: Type = ANY, tell: Tell = refuse) -> None:
    """Tell, with its place, of each field the target does not know, or needs and nothing makes, of what is or may be
    wrong by the types of source and target, and of a table that nothing uses. ConfigError unless told otherwise.
    """
    for error in _odd_fields(mapping.document, mapping.steps, target, ("fields",)):
        tell(certain(error))
    for finding in findings(mapping, target, source):
        tell(finding)
    for name in mapping.lookups.keys() - set(_used(mapping.steps)):
        tell(certain(mapping.document.refuse(("lookups", name, ""), f"没有字段用表 / nothing looks up {name!r}")))


def prove(mapping: MappingFile, target: type[BaseModel], tell: Tell = refuse) -> None:
    """Tell of each example that is not true, or shows what the target refuses. ConfigError unless told otherwise."""
    for index, example in enumerate(mapping.examples):
        wrong = mapping.disprove(example) or _misfit(target, example.expect)
        if wrong:
            tell(certain(mapping.untrue(index, wrong)))


def findings(mapping: MappingFile, target: type[BaseModel], source: Type = ANY) -> list[Finding]:
    """Everything that is or may be wrong, as types tell it, in the order of the file; no data is looked at."""
    told = Findings(mapping.document, _field_of)
    _Lint(mapping, told).fields(mapping.steps, _referring(mapping, source, told), of_model(target), ("fields",))
    return told.found


def _referring(mapping: MappingFile, source: Type, told: Findings) -> Type:
    """The source with the refs that the mapping asks for, after what is wrong with these is told."""
    if not mapping.refs:
        return source
    if not source.anything and NAME in source.fields:
        told.tell(Text(f"事件里已有 {NAME}", f"the event has {NAME!r} of its own"), True, (NAME, ""))
    read = places(mapping.steps)
    for name, ref in mapping.refs.items():
        told.identify(ref.record, source, (NAME, name, "record"), needed=False)
        if not any(overlap(place, (NAME, name)) for place in read):
            told.tell(Text("没有字段用它", "no field reads it"), False, (NAME, name, ""))
    seen = one("object", fields=dict.fromkeys(mapping.refs, REF), closed=True)
    known = one("object") if source.anything else source
    return replace(known, fields={**known.fields, NAME: seen})


@dataclass(slots=True)
class _Lint:
    mapping: MappingFile
    told: Findings

    def fields(self, steps: Mapping[str, Step], here: Type, target: Type, path: Path) -> None:
        """The rules of one object, asked of `here`."""
        for name, step in steps.items():
            wanted = target.child(name)
            self._field(step, here, ANY if wanted is None else wanted, (*path, name))

    def _field(self, step: Step, here: Type, wanted: Type, path: Path) -> None:
        rule, place = step.rule, self._place(step, path)
        if step.condition is not None:
            self.told.decide(step.condition, here, (*path, "when"))
            if "null" not in wanted.kinds:
                self.told.tell(LEFT_OUT, False, (*path, "when"))
        if rule.value is not None:
            self._fit(type_of(rule.value), wanted, (*path, "value"))
            return
        made = here if step.expression is None else self.told.infer(step.expression, here, place)
        if step.inner is not None:
            self._inner(step, made, wanted, path)
            return
        made = self._formatted(step, self._looked_up(step, _cleaned(step, made), path), path)
        if rule.default is not None:
            self._fit(type_of(rule.default), wanted, (*path, "default"))
        sent = made.some if rule.required or rule.default is not None else made
        self._fit(sent, wanted, place, step.expression)

    def _inner(self, step: Step, made: Type, wanted: Type, path: Path) -> None:
        """A list or an object whose fields have rules of their own."""
        each, place = step.rule.each is not None, self._place(step, path)
        if each and not made.anything and "list" not in made.kinds:
            words = said(made)
            what = Text(f"`each` 指向{words.zh}，它不是列表", f"`each` names {words.en}, which is no list")
            self.told.tell(what, made.sure, place)
            made = ANY
        holder = one("list" if each else "object", empty=made.maybe and not step.rule.required)
        self._fit(holder, wanted, place)
        here, inner = (made.items or ANY, wanted.items or ANY) if each else (made, wanted)
        self.fields(step.inner or {}, here, inner, (*path, "fields"))

    def _looked_up(self, step: Step, made: Type, path: Path) -> Type:
        rule = step.rule
        if rule.lookup is None:
            return made
        table, kinds = self.mapping.lookups[rule.lookup], made.kinds - {"null"}
        if not made.anything and kinds & {"list", "object"}:
            words = said(made)
            what = Text(f"{words.zh}不能查表", f"{words.en} cannot be looked up in a table")
            self.told.tell(what, made.sure, (*path, "lookup"))
        asked = BOOLEANS if kinds == {"boolean"} else made.some.values if kinds == {"text"} else None
        if asked is not None:
            self._compare(step, asked, table, path)
        found = joined(map(type_of, table.values()))
        return replace(
            found, kinds=found.kinds | made.kinds & {"null"}, empty=found.empty or made.empty, node=made.node
        )

    def _compare(self, step: Step, asked: Set[str], table: Mapping[str, Any], path: Path) -> None:
        """A table against all the values that it is asked for."""
        missing, own = sorted(asked - table.keys()), ("lookups", step.rule.lookup or "")
        if missing and step.rule.default is None:
            name, few = step.rule.lookup, ", ".join(missing)
            what = Text(f"表 {name} 里没有 {few}", f"the table {name} lacks {few}")
            self.told.tell(what, False, (*path, "lookup"))
        if own in self.mapping.document.places:
            for key in sorted(table.keys() - asked):
                never = nearest(key, asked)
                what = Text(f"从不会查它：{never.zh}", f"never looked up: {never.en}")
                self.told.tell(what, False, (*own, key, ""))

    def _formatted(self, step: Step, made: Type, path: Path) -> Type:
        if step.rule.format is None or made.anything:
            return made
        if not (made.kinds & NUMBERS or ("text" in made.kinds and made.form in ("", "number"))):
            words = said(made)
            what = Text(f"{words.zh}不是金额", f"{words.en} is no amount of {step.rule.format}")
            self.told.tell(what, made.sure, (*path, "format"))
        return MONEY | BLANK if made.maybe else MONEY

    def _fit(self, made: Type, wanted: Type, path: Path, expression: Expression | None = None) -> None:
        for what, always, node in misfits(made, wanted):
            self.told.tell(what, always, path, expression, node)

    def _place(self, step: Step, path: Path) -> Path:
        """Where the rule's expression stands."""
        return (*path, "take" if step.rule.each is None else "each")


def _cleaned(step: Step, made: Type) -> Type:
    values = made.values
    for cleaner in step.rule.clean:
        values = values and frozenset(map(CLEANERS[cleaner], values))
    return replace(made, values=values) if step.rule.clean else made


def _field_of(path: Path) -> str:
    """The field of the payload that a rule at this path makes: "lines.amount"."""
    names, place = [], path
    while len(place) >= 2 and place[0] == "fields":
        names.append(str(place[1]))
        place = place[2:]
    return ".".join(names) or ".".join(map(str, filter(None, path)))


def _odd_fields(
    document: Document, steps: Mapping[str, Step], target: type[BaseModel], path: Path
) -> Iterator[ConfigError]:
    fields = named_fields(target)
    for name, step in steps.items():
        if name not in fields:
            yield document.refuse((*path, name, ""), unknown(name, fields))
            continue
        kind = inside(target, name)
        inner = model_of(inside(kind, 0) if step.rule.each is not None else kind)
        if step.inner is not None and inner is not None:
            yield from _odd_fields(document, step.inner, inner, (*path, name, "fields"))
    for name, each in fields.items():
        if each.is_required() and name not in steps:
            owner = target.__name__
            what = Text(f"{owner} 必须有 {name!r}，没有规则生成它", f"nothing makes {name!r}, which {owner} needs")
            yield document.refuse((*path, ""), str(what))


def _used(steps: Mapping[str, Step]) -> list[str]:
    inner = [name for step in steps.values() for name in _used(step.inner or {})]
    return [*inner, *(step.rule.lookup for step in steps.values() if step.rule.lookup is not None)]


def _misfit(target: type[BaseModel], payload: Any) -> str:
    if payload is None:
        return ""
    try:
        target.model_validate(payload)
    except ValidationError as error:
        first = error.errors()[0]
        return f"目标不收 / the target refuses {'.'.join(map(str, first['loc']))}: {worded(first)}"
    return ""
