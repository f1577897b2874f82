"""What was asked: every body dialect that clients of Kingdee are known to send."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

import simplejson


class BadBody(Exception):
    """The body makes no sense."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A form id ("" when the operation has none, or has it inside the data) and the data."""

    form: str
    data: dict[str, Any]


def read(raw: bytes) -> Asked:
    """Read a body whatever its content type says.

    `parameters` (an array, or text holding one) wins over named keys: the last element is the data, the first of
    several the form. Data that is text is parsed again.
    """
    body = _parse(raw)
    if not isinstance(body, dict):
        raise BadBody("an object is expected")
    if "parameters" in body:
        given = _again(body["parameters"])
        if not isinstance(given, list) or not given:
            raise BadBody("parameters must be an array")
        form, data = (given[0] if len(given) > 1 else ""), _again(given[-1])
    else:
        form, data = body.get("formid", body.get("FormId", "")), _again(body.get("data", {}))
    if not isinstance(data, dict):
        raise BadBody("data must be an object")
    return Asked(str(form or data.get("FormId", "")), data)


def _parse(raw: bytes) -> Any:
    text = raw.decode("utf-8", "replace").strip()
    if text.startswith(("{", "[")):
        return _loads(text)
    return dict(parse_qsl(text, keep_blank_values=True))


def _again(value: Any) -> Any:
    return _loads(value) if isinstance(value, str) else value


def _loads(text: str) -> Any:
    try:
        return simplejson.loads(text, use_decimal=True)
    except (ValueError, RecursionError) as error:
        raise BadBody(f"bad JSON: {error}") from error
