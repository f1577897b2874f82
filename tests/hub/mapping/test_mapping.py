"""What a mapping makes of an event, and how it refuses."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.domain.errors import ConfigError, MappingError
from hub.mapping import MappingFile, parse_mapping
from hub.sdk.exact import dumps, loads

HEAD = "mapping: crm.a__b.c\nversion: 2\nfrom: crm.a.done\nto: b.c\nfields:\n"
TAIL = "\nexamples:\n  - { name: none, given: {}, expect: {} }\n"


def mapping(fields: str, lookups: str = "") -> MappingFile:
    return parse_mapping(HEAD + fields + lookups + TAIL, "f.yaml")


@pytest.mark.parametrize(
    ("rule", "data", "made"),
    [
        ("{ take: a }", {"a": Decimal("1.50")}, {"x": Decimal("1.50")}),
        ("{ take: a }", {}, {}),
        ("{ take: a }", {"a": ""}, {}),
        ("{ take: a }", {"a": 0}, {"x": 0}),
        ("{ take: a }", {"a": False}, {"x": False}),
        ("{ take: a, clean: [strip, upper] }", {"a": " x "}, {"x": "X"}),
        ("{ take: a, clean: [strip], default: none }", {"a": "  "}, {"x": "none"}),
        ("{ take: a, format: money }", {"a": 628000}, {"x": "628000.00"}),
        ("{ take: a, lookup: t }", {"a": "CNY"}, {"x": "PRE001"}),
        ("{ take: a, lookup: t }", {"a": 17}, {"x": "017"}),
        ("{ take: a, lookup: t }", {}, {}),
        ("{ take: a, lookup: t, default: PRE001 }", {"a": "XTS"}, {"x": "PRE001"}),
        ("{ value: false }", {}, {"x": False}),
        ("{ value: [1, { a: 0.10 }] }", {}, {"x": [1, {"a": Decimal("0.10")}]}),
        ("{ fields: { y: { take: a } } }", {}, {}),
        ("{ each: a, fields: { y: { take: b } } }", {"a": [{"b": 1}, {"b": 2}]}, {"x": [{"y": 1}, {"y": 2}]}),
        ("{ each: a, fields: { y: { take: b } } }", {"a": []}, {}),
    ],
)
def test_a_rule_makes_its_field(rule: str, data: dict[str, Any], made: dict[str, Any]) -> None:
    table = "\nlookups: { t: { CNY: PRE001, 17: '017' } }" if "lookup" in rule else ""
    got = mapping(f"  x: {rule}", table).apply(data)
    assert repr(got) == repr(made)


@pytest.mark.parametrize(
    ("rule", "data", "words"),
    [
        ("{ take: a, required: true }", {"a": []}, "x is required"),
        ("{ take: a, clean: [strip], required: true }", {"a": " "}, "x is required"),
        ("{ take: a, lookup: t }", {"a": "XTS"}, "x 'XTS' is not in the table t"),
        ("{ take: a, format: money }", {"a": Decimal("0.005")}, "x cannot be money: 0.005 has a part of a fen"),
        ("{ take: a, format: money }", {"a": True}, "x cannot be money"),
        ("{ take: sum(a) }", {"a": ["1"]}, "x cannot be taken by 'sum(a)'"),
        ("{ take: 'a > `1`' }", {"a": "2"}, "x cannot be taken by"),
        ("{ each: a, fields: { y: { take: b } } }", {"a": "text"}, "x is no list"),
        ("{ each: a, fields: { y: { take: b, required: true } } }", {"a": [{"b": 1}, {}]}, "x[1].y is required"),
        ("{ each: a, required: true, fields: { y: { take: b } } }", {"a": []}, "x is required"),
        ("{ fields: { y: { take: a, required: true } } }", {}, "x.y is required"),
    ],
)
def test_a_refusal_names_the_field_and_tells_in_both_languages_what_to_do(
    rule: str, data: dict[str, Any], words: str
) -> None:
    table = "\nlookups: { t: { CNY: PRE001 } }" if "lookup" in rule else ""
    with pytest.raises(MappingError) as caught:
        mapping(f"  x: {rule}", table).apply(data)
    assert words in caught.value.message
    assert caught.value.hint.zh.endswith("。")
    assert caught.value.hint.en.endswith(".")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("  x: {}", "6:6: 写 take、value、fields 之一，或 each 加 fields / say one of take"),
        ("  x: { each: a }", "6:6: 写 take、value、fields 之一，或 each 加 fields / say one of take"),
        ("  x: { take: a, value: 1 }", "6:17: 'value' 与 / does nothing beside 'take'"),
        ("  x: { value: 1, format: money }", "6:18: 'format' 与 / does nothing beside 'value'"),
        (
            "  x: { each: a, clean: [strip], fields: { y: { take: b } } }",
            "6:17: 'clean' 与 / does nothing beside 'each'",
        ),
        ("  x: { take: a, lookup: t }", "6:25: 没有 't' / unknown 't'"),
        ("  x: { take: a, clean: [stripp] }", "6:25: "),
        ("  x: { take: a, format: mony }", "6:25: "),
        ("  x: { fields: { y: { tkae: a } } }", "6:23: 没有 'tkae'，是不是 'take'？ / unknown 'tkae', did"),
        ("  x: { take: 'a..b' }", "6:17: 表达式 / expression"),
        ("  x: { take: a..b }", "6:16: 表达式 / expression"),
        ("  x:\n    take: >-\n      a..b", "7:11: 表达式 / expression"),
        (
            "  x: { take: lenght(a) }",
            "6:14: 表达式 / expression 'lenght(a)': function: 没有 'lenght'，是不是 'length'？ / unknown",
        ),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_where_it_stands(fields: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mapping(fields)
    assert caught.value.message.startswith(f"f.yaml:{words}")


def test_an_example_has_either_an_expectation_or_an_error() -> None:
    with pytest.raises(ConfigError, match=r"f\.yaml:8:5: 例子写 expect 或 error 之一 / an example"):
        parse_mapping(HEAD + "  x: { take: a }\nexamples:\n  - { name: x, given: {} }\n", "f.yaml")


def test_a_pin_changes_with_any_change_of_the_text_and_the_kept_text_makes_the_same_mapping() -> None:
    one, two = mapping("  x: { take: a }"), mapping("  x: { take: b }")
    assert one.pin.startswith("crm.a__b.c@2:")
    assert one.pin != two.pin
    assert parse_mapping(one.text, "database").pin == one.pin


@given(st.decimals(places=2, min_value=0, max_value=10**15), st.decimals(places=4, min_value=0, max_value=10**10))
def test_an_amount_survives_from_event_json_to_payload_json(amount: Decimal, price: Decimal) -> None:
    data = loads(dumps({"lines": [{"amount": amount, "price": price}]}))
    made = mapping("  x: { each: lines, fields: { a: { take: amount }, p: { take: price } } }").apply(data)
    assert loads(dumps(made)) == {"x": [{"a": amount, "p": price}]}


def test_applying_changes_nothing_and_gives_the_same_each_time() -> None:
    data = {"a": [{"b": " x "}]}
    made = mapping("  x: { each: a, fields: { y: { take: b, clean: [strip] } } }")
    assert [made.apply(data), made.apply(data)] == [{"x": [{"y": "x"}]}] * 2
    assert data == {"a": [{"b": " x "}]}


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ("{ x: [{ a: 1, b: 台 }] }", 'x[0].b: 应为 / expected "台"，得到 / got 没有 / nothing'),
        ("{ x: [{}] }", "x[0].a: 应为 / expected 没有 / nothing，得到 / got 1"),
        (
            "{ x: [{ a: 2 }], y: 3 }",
            "x[0].a: 应为 / expected 2，得到 / got 1\ny: 应为 / expected 3，得到 / got 没有 / nothing",
        ),
        (
            "{ x: [{ a: '1' }] }",
            'x[0].a: 应为 / expected "1"，得到 / got 1'
            "（文本与数字不同，例子里去掉引号 / text, not number: leave the quotes out）",
        ),
    ],
)
def test_an_example_that_is_not_true_is_told_field_by_field(expected: str, told: str) -> None:
    rule = "  x: { each: x, fields: { a: { take: a } } }\nexamples:\n"
    text = f"{HEAD}{rule}  - {{ name: n, given: {{ x: [{{ a: 1 }}] }}, expect: {expected} }}\n"
    made = parse_mapping(text, "f.yaml")
    assert made.disprove(made.examples[0]) == told
    assert made.untrue(0, told).message.startswith("f.yaml:8:5: 例子 / example 'n':")


def test_a_number_where_text_is_made_is_told_to_be_quoted() -> None:
    text = f"{HEAD}  x: {{ take: a }}\nexamples:\n  - {{ name: n, given: {{ a: '017' }}, expect: {{ x: 17 }} }}\n"
    made = parse_mapping(text, "f.yaml")
    assert "（数字与文本不同，例子里加引号 / number, not text: quote it）" in made.disprove(made.examples[0])


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (
            "  x: { take: tax_out(amount, tax_rate) }",
            "；逗号把它切断了，整个加双引号 / the comma cut it: quote the whole",
        ),
        ("  x: { take: join('-', [a, b]) }", "含逗号、引号或括号的表达式整个加双引号 / "),
        ("  x: { take: join(a, 'b') }", "含逗号、引号或括号的表达式整个加双引号 / "),
        ('  x: { take: "tax_out(amount, 13)" }', "；数字写成 `13`（反引号） / write numbers as `13`"),
        ("  x: { take: a > 0.5 }", "；数字写成 `0.5`（反引号） / write numbers as `0.5`"),
        ("  x: { take: \"join（'-', a)\" }", "；换成半角 ( / use the half-width one: ("),
        ("  x: { take: \"join('-'， a)\" }", "；换成半角 , / use the half-width one: ,"),
        ("  x: { take: join(‘-’) }", "；换成半角 ' / use the half-width one: '"),
        ("  x: { take: a, format: mony }", "应为 'money' / Input should be 'money'"),
        ("  x: { take: a, required: 1.5 }", "应为 true 或 false / "),
        ("  x: { take: [a] }", "应为文本 / "),
        ("  x: 5", "应为对象 / "),
    ],
)
def test_a_refusal_says_in_both_languages_what_to_write(fields: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        mapping(fields)
    assert words in caught.value.message


def test_what_a_file_lacks_is_told_in_both_languages() -> None:
    with pytest.raises(ConfigError, match=r"^f\.yaml:1:1: examples: 必须写 / Field required$"):
        parse_mapping(f"{HEAD}  x: {{ take: a }}\n", "f.yaml")
