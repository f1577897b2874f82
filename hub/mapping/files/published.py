"""JSON Schemas of the files that people write, so that their editors complete and check."""

from typing import Any

from pydantic import BaseModel

DRAFT = "http://json-schema.org/draft-07/schema#"
"""What the YAML language server knows best."""

ONE_OR_MORE = {"oneOf": [{"type": "string"}, {"type": "array", "minItems": 1, "items": {"type": "string"}}]}
HIDDEN = "tables"
"""What the hub alone writes into a mapping."""


def published(model: type[BaseModel], what: str) -> dict[str, Any]:
    """The schema of a kind of file."""
    schema: dict[str, Any] = _tidy(model.model_json_schema())
    schema["properties"].pop(HIDDEN, None)
    return {"$schema": DRAFT, "title": what, **schema}


def _tidy(node: Any) -> Any:
    """Without titles, and without null, which no file needs to write."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    made: dict[str, Any] = {
        key: _named(value) if key in ("properties", "$defs") else _tidy(value) for key, value in node.items()
    }
    if isinstance(made.get("title"), str):
        del made["title"]
    choices: list[Any] = [each for each in made.pop("anyOf", []) if each != {"type": "null"}]
    if made.get("default", 0) is None:
        del made["default"]
    if made.get("type") == "array" and "minLength" in made:
        return {**ONE_OR_MORE, **{key: made[key] for key in made.keys() & {"description"}}}
    if len(choices) == 1:
        return choices[0] | made
    return made | {"anyOf": choices} if choices else made


def _named(nodes: dict[str, Any]) -> dict[str, Any]:
    return {name: _tidy(node) for name, node in nodes.items()}
