"""Whatever a source sends, a shipped mapping makes the payload its file says, or refuses by name; nothing is bent.

FUZZ=20000 tries that many of each.
"""

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from core_crm import home
from hub.credentials import Vault
from hub.domain.errors import MappingError
from hub.flows import read_files
from hub.mapping import MappingFile, read_mappings
from hub.mapping.engine import Step
from hub.mapping.expressions.budget import inside, is_some
from hub.mapping.expressions.expression import PATH
from hub.registry import Registry, discover
from hub.sdk.exact import dumps, loads
from hub.sdk.http import LOOPBACK

ROOT = Path(__file__).parents[2] / "mappings"
MANY = int(os.environ.get("FUZZ", "200"))
FILES = read_mappings({path: text for path, text in read_files(ROOT).items() if not path.startswith("flows/")})[1]
ACTIONS = Registry(discover(), home, Vault(Vault.new_key()), LOOPBACK).actions
VALUES: list[Any] = [
    *(
        None,
        "",
        0,
        -1,
        True,
        False,
        [],
        {},
        "x",
        "  甲  ",
        "=cmd|' /C calc'!A0",
        "０１７",
        "017",
        "1e3",
        "null",
        "x" * 5000,
    ),
    *(Decimal("0.01"), Decimal("-0.005"), Decimal("628000.00"), Decimal("99999999999999.99"), 10**20, "0.10", "12.345"),
    *(
        "2026-11-20",
        "2026-11-20T08:00:00+08:00",
        "2026-11-20T00:00:00Z",
        "CNY",
        "XTS",
        [{}],
        [None],
        {"a": [1]},
        "a\nb",
    ),
]

values = st.sampled_from(VALUES) | st.decimals(places=2, min_value=0, max_value=10**9)


def test_every_action_there_is_has_a_mapping() -> None:
    assert ACTIONS.keys() == {mapping.target for mapping in FILES}


@st.composite
def changed(draw: st.DrawFn, mapping: MappingFile) -> dict[str, Any]:
    """The data of an example with a few values put in the place of others, or taken away."""
    data = deepcopy(draw(st.sampled_from(mapping.examples)).given)
    for _ in range(draw(st.integers(0, 4))):
        holder: Any = data
        while isinstance(holder, dict | list) and holder:
            key = draw(st.sampled_from(list(holder) if isinstance(holder, dict) else range(len(holder))))
            if not isinstance(holder[key], dict | list) or draw(st.integers(0, 5)) == 0:
                holder[key] = deepcopy(draw(values))
                break
            holder = holder[key]
            if isinstance(holder, list) and draw(st.booleans()):
                holder.append(deepcopy(draw(st.sampled_from(holder))) if holder else {})
    return data


def answer(mapping: MappingFile, data: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """The payload, or the refusal."""
    try:
        return mapping.apply(data), ""
    except MappingError as error:
        return {}, error.message


@pytest.mark.parametrize("mapping", FILES, ids=lambda mapping: mapping.name)
def test_a_payload_is_what_the_file_says(mapping: MappingFile) -> None:
    @settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(changed(mapping))
    def check(data: dict[str, Any]) -> None:
        before = dumps(data)
        made, refusal = answer(mapping, data)
        assert dumps(data) == before
        if refusal:
            assert re.split(r"[ .\[]", refusal)[0] in mapping.steps
            return
        assert loads(dumps(made)) == made, "no float, no NaN, nothing that JSON does not keep"
        follows(mapping.steps, data, made)
        with suppress(ValidationError):
            ACTIONS[mapping.target].input.model_validate(made)

    check()


def follows(steps: Mapping[str, Step], data: Any, made: Mapping[str, Any]) -> None:
    """No required field is dropped, what is only taken arrives digit for digit, and no line is lost."""
    assert made.keys() <= steps.keys()
    for name, step in steps.items():
        rule = step.rule
        assert not rule.required or step.condition is not None or is_some(made.get(name))
        if rule.each is not None and PATH.fullmatch(rule.each) and step.condition is None:
            rows: Any = inside(data, tuple(rule.each.split("."))) or []
            for row, line in zip(rows, made.get(name, []), strict=True):
                follows(step.inner or {}, row, line)
        elif step.inner is not None and rule.each is None:
            follows(step.inner, data, made.get(name, {}))
        elif rule.take is not None and PATH.fullmatch(rule.take) and not (rule.clean or rule.lookup or rule.format):
            there = inside(data, tuple(rule.take.split(".")))
            arrives = step.condition is None or name in made
            if arrives and is_some(there):
                assert (type(made[name]), str(made[name])) == (type(there), str(there))
