"""Codes, names, capital, dates, tokens: what is computed, against vectors and against the registries' manners."""

import json
import random
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.enrichment import capital, credit_code, names
from connectors.enrichment.company import day, said
from connectors.enrichment.qichacha import token
from connectors.enrichment.sandbox.qichacha import seal
from connectors.enrichment.tianyancha import read_company
from hub import sdk

FIXTURES = Path(__file__).with_name("fixtures")
CODES = json.loads(FIXTURES.joinpath("uscc.json").read_text("utf-8"))
TOKENS = json.loads(FIXTURES.joinpath("qichacha_token.json").read_text("utf-8"))["cases"]
VALID = CODES["valid_public"] + CODES["valid_generated_digit_prefix"] + CODES["valid_generated_letter_prefix"]
by_case = pytest.mark.parametrize("case", TOKENS, ids=lambda case: str(case["timespan"]))


@by_case
def test_our_client_hashes_the_token_as_the_vendor_does(case: dict[str, str]) -> None:
    assert token(case["key"], case["timespan"], case["secret"]) == case["token"]


@by_case
def test_our_sandbox_hashes_the_token_as_the_vendor_does(case: dict[str, str]) -> None:
    assert seal(case["key"], case["timespan"], case["secret"]) == case["token"]


@pytest.mark.parametrize("code", VALID)
def test_real_and_generated_credit_codes_are_valid(code: str) -> None:
    assert credit_code.is_valid(code)


@pytest.mark.parametrize("case", CODES["valid_after_normalisation"], ids=lambda case: str(case["normalised"]))
def test_a_code_is_folded_before_it_is_judged(case: dict[str, str]) -> None:
    assert sdk.credit_code.fold(case["raw"]) == case["normalised"]
    assert credit_code.is_valid(case["raw"])


@pytest.mark.parametrize(
    "code", [*CODES["invalid"], "", "-", "12345678", "91320594MA1ABCDE2CC", "9132059\u0662MA1ABCDE2C"]
)
def test_a_wrong_code_is_not_valid(code: str) -> None:
    assert not credit_code.is_valid(code)


def test_every_single_wrong_character_is_seen() -> None:
    chance = random.Random(3)
    for code in VALID:
        for at in range(18):
            other = chance.choice([c for c in credit_code.ALPHABET if c != code[at]])
            assert not credit_code.is_valid(code[:at] + other + code[at + 1 :])


def test_the_province_is_read_out_of_the_code() -> None:
    assert [credit_code.province(code) for code in ("91320594MA1ABCDE2C", "91520000214434146R", "62345678", "")] == [
        *("江苏", "贵州", "", "")
    ]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("深圳海拓精密（中国）有限公司", "深圳海拓精密(中国) 有限公司"),
        ("ＡＢＣ科技", "abc科技"),
        ("苏州<em>恒锐</em>精密", "苏州恒锐精密"),
        ("让\u2022雅克\u30fb公司", "让\u00b7雅克\u2027公司"),
        ("苏州\u3000恒锐\u200b\u00a0精密\ufeff", "苏州恒锐精密"),
        ("㈱山田", "(株)山田"),
    ],
)
def test_two_spellings_of_one_name_share_a_key(one: str, other: str) -> None:
    assert names.key(one) == names.key(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("苏州恒锐有限公司", "苏州恒锐有限责任公司"),
        ("苏州恒锐有限公司", "苏州恒锐有限公司分公司"),
        ("恒锐国际有限公司", "恒銳國際有限公司"),
    ],
)
def test_names_that_a_person_must_tell_apart_keep_their_own_keys(one: str, other: str) -> None:
    assert names.key(one) != names.key(other)


def test_a_name_is_sent_with_full_width_parentheses() -> None:
    assert names.official(" 深圳海拓精密(中国)有限公司 ") == "深圳海拓精密（中国）有限公司"


@pytest.mark.parametrize(
    ("text", "told", "amount", "currency"),
    [
        ("77800.32万人民币", "人民币", "778003200", "CNY"),
        ("1000万元人民币", "", "10000000", "CNY"),
        ("1000万人民币元", "", "10000000", "CNY"),
        ("185000万元", "", "1850000000", "CNY"),
        ("185000 万人民币", "", "1850000000", "CNY"),
        ("1.2亿元人民币", "", "120000000", "CNY"),
        ("2,000万元", "", "20000000", "CNY"),
        ("500万美元", "美元", "5000000", "USD"),
        ("500万", "美元", "5000000", "USD"),
        ("500万元", "-", "5000000", "CNY"),
        ("10000港元", "", "10000", "HKD"),
        ("100万元港币", "", "1000000", "HKD"),
        ("3亿日元", "", "300000000", "JPY"),
        ("50万新加坡元", "", "500000", "SGD"),
        ("８００万欧元", "", "8000000", "EUR"),
        ("人民币300万元", "", "3000000", "CNY"),
        ("0.0001万人民币", "", "1", "CNY"),
        ("12.34567万元", "", "123456.70000", "CNY"),
    ],
)
def test_capital_is_read_exactly(text: str, told: str, amount: str, currency: str) -> None:
    assert capital.parse(text, said(told)) == (Decimal(amount), currency)
    assert str(capital.parse(text, said(told))[0]) == amount


@pytest.mark.parametrize(
    "text", ["", "-", "无", "0", "0万人民币", "万元", "300万贝壳", "-5万元", "1.2.3万元", "约300万至500万"]
)
def test_capital_that_says_nothing_is_none_and_not_zero(text: str) -> None:
    assert capital.parse(text) == (None, "")


def test_dashes_and_nulls_are_nothing() -> None:
    assert [said(value) for value in (None, "-", " -- ", "—", "", " 存续 ", 7)] == ["", "", "", "", "", "存续", "7"]


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("2016-05-12", "2016-05-12"),
        ("2016-05-12T00:00:00", "2016-05-12"),
        ("2016-05-12 00:00:00", "2016-05-12"),
        ("", ""),
        ("长期", ""),
    ],
)
def test_dates_are_their_first_ten_characters(text: str, iso: str) -> None:
    assert day(text) == iso


@pytest.mark.parametrize(
    ("milliseconds", "iso"),
    [
        (847900800000, "1996-11-14"),
        ("847900800000", "1996-11-14"),
        (583686000000, "1988-07-01"),  # midnight of a summer in which China's clocks stood at +09:00
        (583689600000, "1988-07-01"),  # the same day from a server that does not know of that
        (-28800000, "1970-01-01"),
        (-1000108800000, "1938-04-24"),
        (None, ""),
        ("-", ""),
    ],
)
def test_midnights_in_shanghai_do_not_slip_a_day(milliseconds: Any, iso: str) -> None:
    body = {"error_code": 0, "result": {"id": 1, "name": "n", "estiblishTime": milliseconds}}
    company = read_company(body)
    assert company is not None
    assert company.established_on == iso
