"""Mappings beside the ids of other systems that were looked up for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hub.mapping import MappingFile
from hub.mapping.refs import Found, Ref, seeing


@dataclass(frozen=True, slots=True)
class Knowing:
    """A mapping that finds in the data what it asks for."""

    mapping: MappingFile
    found: Found

    def apply(self, data: dict[str, Any]) -> dict[str, Any]:
        """Event data → payload. Pure; MappingError names the field."""
        return self.mapping.apply(seeing(self.mapping.refs, data, self.found))


def refs_of(translation: object) -> Mapping[str, Ref]:
    """What a mapping asks for; nothing where it comes from no file."""
    return translation.refs if isinstance(translation, MappingFile) else {}
