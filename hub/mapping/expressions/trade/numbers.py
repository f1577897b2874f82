"""Exact arithmetic: nothing is rounded unless the mapping says to how many places and how."""

import decimal
from decimal import Context, Decimal
from functools import reduce
from math import lcm

from hub.domain.text import Text
from hub.mapping.expressions.amounts import Number
from hub.mapping.expressions.trade.currencies import places_of
from hub.mapping.expressions.trade.declare import Amount, Amounts, Group, Places, Way, Word, whole

GROUP = Group(Text("数字与金额", "Numbers and money"))
EXACT = Context(60, traps=[decimal.Inexact, decimal.InvalidOperation, decimal.DivisionByZero, decimal.Overflow])


@GROUP.offer("相加，一分不差", "Adds, exactly", ("add('0.10', '0.20')", Decimal("0.30")), ("add(`1`, '2', `3`)", 6))
def add(a: Amount, b: Amount, *more: Amount) -> Number:
    return whole(reduce(EXACT.add, more, EXACT.add(a, b)))


@GROUP.offer("相减", "Subtracts", ("sub(`1.00`, `0.01`)", Decimal("0.99")))
def sub(a: Amount, b: Amount) -> Number:
    return whole(EXACT.subtract(a, b))


@GROUP.offer("相乘，保留全部小数", "Multiplies, keeping every decimal", ("mul(`2`, '1.50')", Decimal("3.00")))
def mul(a: Amount, b: Amount, *more: Amount) -> Number:
    return whole(reduce(EXACT.multiply, more, EXACT.multiply(a, b)))


@GROUP.offer(
    "相除，保留指定的小数位数，缺省四舍五入",
    "Divides, to so many places; half up unless said otherwise",
    ("div(`10`, `3`, `2`)", Decimal("3.33")),
    ("div(`1`, `8`, `2`, 'half_even')", Decimal("0.12")),
)
def div(a: Amount, b: Amount, places: Places, how: Way = "half_up") -> Number:
    top, below = a.as_integer_ratio()
    over, under = b.as_integer_ratio()
    if not over:
        raise ValueError("a division by zero")
    return _ratio(top * under, below * over, places, how)


@GROUP.offer(
    "保留指定的小数位数，缺省四舍五入；half_even 是四舍六入五成双",
    "Rounds to so many places; half up unless said otherwise",
    ("round(`2.345`, `2`)", Decimal("2.35")),
    ("round(`2.345`, `2`, 'half_even')", Decimal("2.34")),
    ("round(`-2.5`, `0`)", -3),
)
def round_(number: Amount, places: Places, how: Way = "half_up") -> Number:
    return _ratio(*number.as_integer_ratio(), places, how)


@GROUP.offer("元变分，不足一分就拒绝", "Yuan to fen; a part of a fen is refused", ("fen(`12.30`)", 1230))
def fen(yuan: Amount) -> int:
    return _minor(yuan, 2)


@GROUP.offer("分变元", "Fen to yuan", ("yuan(`1230`)", Decimal("12.30")))
def yuan(fen: Amount) -> Number:
    return _major(fen, 2)


@GROUP.offer("某币别的小数位数；不认识的币别就拒绝", "How many decimals a currency has", ("currency_places('JPY')", 0))
def currency_places(currency: Word) -> int:
    return places_of(currency)


@GROUP.offer(
    "金额变成该币别的最小单位，带零头就拒绝",
    "An amount in the currency's smallest unit; a part of it is refused",
    ("minor_units(`12.30`, 'CNY')", 1230),
    ("minor_units(`500`, 'JPY')", 500),
)
def minor_units(amount: Amount, currency: Word) -> int:
    return _minor(amount, places_of(currency))


@GROUP.offer(
    "最小单位变回金额",
    "The amount that so many smallest units are",
    ("from_minor_units(`1230`, 'CNY')", Decimal("12.30")),
)
def from_minor_units(units: Amount, currency: Word) -> Number:
    return _major(units, places_of(currency))


@GROUP.offer(
    "含税金额变不含税金额；税率是百分数",
    "The net amount within a gross one; the rate is in percent",
    ("tax_out(`113.00`, `13`)", Decimal("100.00")),
)
def tax_out(gross: Amount, rate: Amount, places: Places = 2) -> Number:
    return div(EXACT.multiply(gross, 100), EXACT.add(100, _rate(rate)), places)


@GROUP.offer(
    "不含税金额变含税金额；税率是百分数",
    "The gross amount of a net one; the rate is in percent",
    ("tax_in(`100.00`, `13`)", Decimal("113.00")),
)
def tax_in(net: Amount, rate: Amount, places: Places = 2) -> Number:
    return div(EXACT.multiply(net, EXACT.add(100, _rate(rate))), 100, places)


@GROUP.offer(
    "含税金额里的税额；与 tax_out 相加正好等于含税金额",
    "The tax within a gross amount; with tax_out it adds up to the gross amount",
    ("tax_of(`113.00`, `13`)", Decimal("13.00")),
)
def tax_of(gross: Amount, rate: Amount, places: Places = 2) -> Number:
    return sub(gross, tax_out(gross, rate, places))


@GROUP.offer(
    "按权重分摊，合计一分不差，零头给余数最大的",
    "Shares an amount out by weights; the shares add up to it, and what is left goes to the largest remainders",
    ("split_amount(`100.00`, `[1, 1, 1]`)", [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]),
)
def split_amount(total: Amount, weights: Amounts, places: Places = 2) -> list[Number]:
    if min(weights, default=0) < 0 or not any(weights):
        raise ValueError("the weights are none, or below zero, or all zero")
    units, sign = abs(_minor(total, places)), -1 if total < 0 else 1
    ratios = [weight.as_integer_ratio() for weight in weights]
    scale = lcm(*(below for _, below in ratios))
    parts = [top * scale // below for top, below in ratios]
    all_parts = sum(parts)
    shares = [units * part // all_parts for part in parts]
    by_remainder = sorted(range(len(parts)), key=lambda n: -(units * parts[n] % all_parts))
    for n in by_remainder[: units - sum(shares)]:
        shares[n] += 1
    return [_major(sign * share, places) for share in shares]


def _ratio(top: int, below: int, places: int, how: str) -> Number:
    sign = -1 if (top < 0) != (below < 0) else 1
    units, rest = divmod(abs(top) * 10**places, abs(below))
    twice = 2 * rest - abs(below)
    more = {
        "half_up": twice >= 0,
        "half_even": twice > 0 or (twice == 0 and units % 2 == 1),
        "up": rest > 0,
        "down": False,
    }
    return _major(sign * (units + more[how]), places)


def _minor(amount: Number, places: int) -> int:
    units = EXACT.scaleb(amount, places)
    if units != int(units):
        raise ValueError(f"{amount} has more than {places} decimals")
    return int(units)


def _major(units: Number, places: int) -> Number:
    if units != int(units):
        raise ValueError(f"{units} is no whole number of units")
    return whole(EXACT.scaleb(int(units), -places))


def _rate(rate: Number) -> Number:
    if not 0 <= rate <= 100:
        raise ValueError(f"a rate of {rate} percent")
    return rate
