"""YAML values stay what was written; bombs are refused before they go off."""

from decimal import Decimal

import pytest

from hub.domain.errors import ConfigError
from hub.mapping import parse_mapping
from hub.mapping.files.yaml_text import read


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("017", "017"),
        ("no", "no"),
        ("1e3", "1e3"),
        ("12:30:45", "12:30:45"),
        ("2026-11-20", "2026-11-20"),
        ("0x10", "0x10"),
        (".5", ".5"),
        ("1_000", "1_000"),
        ("42", 42),
        ("-0.10", Decimal("-0.10")),
        ("-0", "-0"),
        ("true", True),
        ("null", None),
        ('"42"', "42"),
        (".nan", ".nan"),
        ("1" * 35, "1" * 35),
    ],
)
def test_a_scalar_is_what_was_written(written: str, value: object) -> None:
    read_back = read(f"a: {written}", "f.yaml").value["a"]
    assert (type(read_back), str(read_back)) == (type(value), str(value))


ALIASES = "a: &a [x]\n" + "".join(f"b{i}: &b{i} [*a, *a]\n" for i in range(9))
MERGES = "base: {x: 1}\n<<: {y: 2}\n"
BOMBS = {
    "aliases": ALIASES,
    "an anchor alone": "a: &a 1",
    "merge keys": MERGES,
    "a python tag": "a: !!python/object/apply:os.system [x]",
    "a plain tag": "a: ! x",
    "deep lists": "[" * 40 + "]" * 40,
    "unclosed lists": "[" * 200_000,
    "deep blocks": "- " * 50_000,
    "deep keys": "? " * 50_000,
    "many values": "a: [" + "1, " * 6000 + "]",
    "a huge text": "a: " + "x" * 300_000,
    "a huge text in few characters": "a: " + "中" * 90_000,
    "two documents": "a: 1\n---\nb: 2",
    "a tab": "a: 1\n\ta: 2",
    "a key that is a list": "? [x]\n: 1",
    "an open list": "a: [1",
    "a key twice": "a: 1\nb: 2\na: 3",
    "a bell": "a: \x07",
    "a next-line mark": "a: 1\x85b: 2",
    "a line separator": "a: 1\u2028b: 2",
    "half a surrogate pair": "a: \ud800",
    "an escaped NUL": 'a: "\\0"',
    "an escaped NUL in a key": '"\\0": a',
    "a future version": "%YAML 9\n",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_with_its_place(name: str) -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml:\d+:\d+: "):
        read(BOMBS[name], "f.yaml")


@pytest.mark.parametrize(
    ("name", "place"),
    [("aliases", "1:4"), ("merge keys", "2:1"), ("a key twice", "3:1"), ("a next-line mark", "1:5")],
)
def test_the_place_of_a_refusal_is_right(name: str, place: str) -> None:
    with pytest.raises(ConfigError, match=rf"^f\.yaml:{place}: "):
        read(BOMBS[name], "f.yaml")


@pytest.mark.parametrize("text", ["", "just text", "[]", "42"])
def test_what_is_no_mapping_file_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_mapping(text, "f.yaml")
