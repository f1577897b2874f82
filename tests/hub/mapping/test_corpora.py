"""Bad files and bad expressions: 120 and 40 made by hand, the rest found by search; FUZZ=500000 is the full count."""

import re
import time
import tracemalloc
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.domain.errors import ConfigError
from hub.flows import parse_flow
from hub.mapping import parse_mapping, parse_table
from hub.mapping.expressions.expression import BadExpression, Expression, Unanswerable
from hub.mapping.files.yaml_text import WORDS, read
from tests.hub.mapping.corpus import MANY, YAML_BOMBS, expression_bombs

SHIPPED = Path(__file__).parents[3] / "mappings"
MAPPINGS = [path.read_text("utf-8") for path in sorted(SHIPPED.rglob("*.yaml")) if path.parent.name != "flows"]
FLOWS = [path.read_text("utf-8") for path in sorted((SHIPPED / "flows").glob("*.yaml"))]
TABLE = "table: currency\nwhy: 币别\npairs: { CNY: PRE001, HKD: PRE002 }\n"
REFUSAL = re.compile(r"f\.yaml:[1-9]\d*:[1-9]\d*: .+", re.DOTALL)
ADVICE = re.compile(r"\b(write|put|split|nest|indent|delete|keep|close|give|begin|leave)\b")
PIECES = [
    *("\t", " ", "\n", ":", ": ", "- ", "? ", "&a ", "*a", "!!str "),
    *("!", "<<: ", "---\n", "...\n", "%", "@", "`", "'", '"'),
    *("[", "]", "{", "}", ",", "#", "|", ">", "~", "null", "017", "1e3"),
    *("\x85", "\ufeff", "\ud800", "\x00", "中", "\\", "take", "fields"),
]
CPU_S = 0.25
"""A file is read, and a bomb stopped, in less; some twenty times what they need on a free machine."""

searching = settings(max_examples=MANY, deadline=None, suppress_health_check=list(HealthCheck))


def refusal(work: Callable[[str, str], Any], text: str) -> str:
    try:
        work(text, "f.yaml")
    except ConfigError as error:
        return error.message
    return ""


def seconds(work: Callable[[], Any]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_the_corpora_are_as_large_as_promised() -> None:
    assert len(set(YAML_BOMBS)) >= 120
    assert len(set(expression_bombs())) >= 40


@pytest.mark.parametrize("bomb", YAML_BOMBS, ids=range(len(YAML_BOMBS)))
def test_a_bad_file_is_refused_at_its_place_with_what_to_write(bomb: str) -> None:
    told: list[str] = []
    assert min(seconds(lambda: told.append(refusal(read, bomb))) for _ in range(2)) < CPU_S
    assert REFUSAL.fullmatch(told[0])
    assert ADVICE.search(told[0]), "says what to write instead"


@st.composite
def nearly(draw: st.DrawFn, texts: list[str]) -> str:
    """A good file with a few things wrong."""
    text = draw(st.sampled_from(texts))
    for _ in range(draw(st.integers(1, 3))):
        at, length = draw(st.integers(0, len(text))), draw(st.integers(0, 12))
        piece = draw(st.sampled_from(PIECES) | st.text(max_size=3) | st.just(text[at : at + length] * 2))
        text = text[:at] + piece + text[at + length :]
    return text


@pytest.mark.filterwarnings("ignore:deprecated string literal")
@searching
@given(nearly(MAPPINGS))
def test_a_nearly_right_mapping_is_read_or_refused_at_its_place(text: str) -> None:
    told = refusal(parse_mapping, text)
    assert not told or REFUSAL.fullmatch(told)


@pytest.mark.filterwarnings("ignore:deprecated string literal")
@searching
@given(nearly(FLOWS))
def test_a_nearly_right_flow_is_read_or_refused_at_its_place(text: str) -> None:
    told = refusal(parse_flow, text)
    assert not told or REFUSAL.fullmatch(told)


@searching
@given(nearly([TABLE]) | st.text())
def test_any_table_is_read_or_refused_at_its_place(text: str) -> None:
    told = refusal(parse_table, text)
    assert not told or REFUSAL.fullmatch(told)


@searching
@example("0.0000000")
@given(st.text(st.sampled_from("0123456789+-.eExXoO_:,TZnulltrfasyNY~中 "), min_size=1, max_size=12).map(str.strip))
def test_a_plain_value_is_what_was_written(written: str) -> None:
    try:
        value = read(f"a: {written}", "f.yaml").value["a"]
    except ConfigError:
        return
    if written in WORDS:
        assert value is WORDS[written]
    elif isinstance(value, Decimal):
        assert f"{value:f}" == written
    elif isinstance(value, str | int):
        assert str(value) == written


@pytest.mark.parametrize("bomb", list(expression_bombs()), ids=range(len(list(expression_bombs()))))
def test_an_expression_bomb_stops_early_and_small(bomb: str) -> None:
    def light() -> str:
        try:
            Expression(bomb).search("x" * 16)
        except (BadExpression, Unanswerable) as error:
            return str(error)
        return ""

    tracemalloc.start()
    told = light()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert not told or re.search(r"more than \d+ (steps|characters)|longer|too deep|invalid|\(\)", told)
    assert peak < 96 * 2**20
    assert seconds(light) < 4 * CPU_S
