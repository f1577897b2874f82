"""Does a mapping fit its target? Checked when files are loaded, never at run time."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from hub.mapping import MappingFile
from hub.mapping.engine import Step
from hub.mapping.nearest import unknown
from hub.mapping.walk import inside, model_of, named_fields
from hub.mapping.yaml_text import Document, Path


def check(mapping: MappingFile, target: type[BaseModel]) -> None:
    """ConfigError, with its place, for a field the target does not know, one that it needs and nothing makes,
    a table that nothing uses, and an example that is not true.
    """
    _check_fields(mapping.document, mapping.steps, target, ("fields",))
    for name in mapping.lookups.keys() - set(_used(mapping.steps)):
        raise mapping.document.refuse(("lookups", name, ""), f"nothing looks up {name!r}")
    for index, example in enumerate(mapping.examples):
        wrong = mapping.disprove(example) or _misfit(target, example.expect)
        if wrong:
            raise mapping.document.refuse(("examples", index), f"example {example.name!r}: {wrong}")


def _check_fields(document: Document, steps: Mapping[str, Step], target: type[BaseModel], path: Path) -> None:
    fields = named_fields(target)
    for name, step in steps.items():
        if name not in fields:
            raise document.refuse((*path, name, ""), unknown(name, fields))
        kind = inside(target, name)
        inner = model_of(inside(kind, 0) if step.rule.each is not None else kind)
        if step.inner is not None and inner is not None:
            _check_fields(document, step.inner, inner, (*path, name, "fields"))
    for name, field in fields.items():
        if field.is_required() and name not in steps:
            raise document.refuse((*path, ""), f"nothing makes {name!r}, which {target.__name__} needs")


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
        return f"the target refuses {'.'.join(map(str, first['loc']))}: {first['msg']}"
    return ""
