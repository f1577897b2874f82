"""Walk into the types of a pydantic model, one part of a path at a time."""

from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo


def inside(kind: Any, part: str | int) -> Any:
    """The type one step in: a model's field, a list's items, a dict's values; Any where nothing is known."""
    bare, model = _bare(kind), model_of(kind)
    if model is not None:
        field = named_fields(model).get(str(part))
        return field.annotation if field else Any
    return get_args(bare)[-1] if get_origin(bare) in (list, dict) else Any


def model_of(kind: Any) -> type[BaseModel] | None:
    """The model that a type is, behind Annotated and Optional; None when it is none."""
    bare = _bare(kind)
    return bare if isinstance(bare, type) and issubclass(bare, BaseModel) else None


def named_fields(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """A model's fields by the names that its data uses."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def _bare(kind: Any) -> Any:
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        return _bare(next(each for each in get_args(kind) if each is not type(None)))
    return kind
