"""Registered capital as registries print it: `77800.32万人民币`, `1000万元人民币`, `500万美元`, `-`."""

import re
import unicodedata
from decimal import Decimal

AMOUNT = re.compile(r"(?P<before>[^\d.]*?)(?P<number>\d[\d,]*(?:\.\d+)?)(?P<unit>[万亿]?)(?P<after>[^\d.]*)")
UNITS = {"": Decimal(1), "万": Decimal(10_000), "亿": Decimal(100_000_000)}
WORDS = {
    "CNY": "人民币 元人民币 人民币元 CNY RMB",
    "USD": "美元 USD",
    "HKD": "港元 港币 HKD",
    "EUR": "欧元 EUR",
    "JPY": "日元 JPY",
    "GBP": "英镑 GBP",
    "TWD": "新台币 TWD",
    "SGD": "新加坡元 SGD",
    "KRW": "韩元 KRW",
    "AUD": "澳元 澳大利亚元 AUD",
    "CAD": "加元 加拿大元 CAD",
    "CHF": "瑞士法郎 CHF",
}
CURRENCIES = {word: code for code, words in WORDS.items() for word in words.split()}
UNSAID = ("", "元")


def currency(word: str) -> str:
    """ISO code of a currency word, "" for one we do not know."""
    return CURRENCIES.get(word) or CURRENCIES.get(word.removeprefix("元"), "")


def parse(text: str, told: str = "") -> tuple[Decimal | None, str]:
    """Amount in units of the currency (not 万), and its ISO code; (None, "") for what says nothing.

    Args:
        told: the registry's own field for the currency, used when the text names none; without it that is CNY.

    `-`, 无, 0 and a currency we do not know say nothing: an amount is never guessed, never converted.
    """
    found = AMOUNT.fullmatch(re.sub(r"\s", "", unicodedata.normalize("NFKC", text)))
    if found is None:
        return None, ""
    amount = Decimal(found["number"].replace(",", "")) * UNITS[found["unit"]]
    amount = amount.to_integral_value() if amount == amount.to_integral_value() else amount  # 1.2亿 is 120000000
    word = found["before"] + found["after"]
    named = currency(told.strip() or "人民币") if word in UNSAID else currency(word)
    return (amount, named) if amount and named else (None, "")
