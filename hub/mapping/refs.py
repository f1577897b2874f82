"""Ids that other systems have for our records: which a mapping asks for, and how it sees them. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.domain.errors import MappingError
from hub.domain.text import Text
from hub.mapping.expressions.expression import Expression, Unanswerable
from hub.sdk.exact import Json

NAME = "refs"
"""Under this name expressions find them, beside the event's data."""

CHECK = Text("检查 refs 里的表达式", "check the expression in refs")

Asked = tuple[str, str, str]
"""Connection, kind of record there, and the id of our record."""

Found = Mapping[Asked, Json]
"""{"id": …, "number": …} of each that is known."""


@dataclass(frozen=True, slots=True)
class Ref:
    """One that a mapping asks for: what this connection has of this kind for the record that the expression names."""

    connection: str
    entity: str
    record: Expression

    @property
    def kind(self) -> str:
        """As people write it: "kingdee.customer"."""
        return f"{self.connection}.{self.entity}"


def asked(refs: Mapping[str, Ref], data: Json) -> dict[str, Asked]:
    """What is to be looked up for this data, by the names that the mapping gives; nothing for a record that is null.

    Raises MappingError where an expression cannot be answered or gives no id.
    """
    made = {}
    for name, ref in refs.items():
        try:
            record = ref.record.search(data)
        except Unanswerable as error:
            raise _wrong(name, ref, str(error)) from error
        if record is None or record == "":
            continue
        if not isinstance(record, str | int) or isinstance(record, bool):
            raise _wrong(name, ref, "gives no id")
        made[name] = (ref.connection, ref.entity, str(record))
    return made


def seeing(refs: Mapping[str, Ref], data: dict[str, Any], found: Found) -> dict[str, Any]:
    """The data as the mapping sees it: `refs.customer` is what was found, or null. Raises MappingError as `asked`."""
    if not refs:
        return data
    wanted = asked(refs, data)
    return {**data, NAME: {name: found.get(wanted[name]) if name in wanted else None for name in refs}}


def _wrong(name: str, ref: Ref, what: str) -> MappingError:
    hint = Text(f"{CHECK.zh}：{name}。", f"{CHECK.en}: {name}.")
    return MappingError(f"{NAME}.{name} {ref.record.text!r}: {what}", hint=hint)
