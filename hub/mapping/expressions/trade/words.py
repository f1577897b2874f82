"""大写金额, as 《正确填写票据和结算凭证的基本规定》 has them."""

from hub.domain.text import Text
from hub.mapping.expressions.trade.declare import Amount, Group
from hub.mapping.expressions.trade.numbers import fen

GROUP = Group(Text("大写金额", "Amounts in Chinese words"))
DIGITS = "零壹贰叁肆伍陆柒捌玖"
PLACES = ("", "拾", "佰", "仟")
UNITS = ("元", "万", "亿", "万")
MOST = 10**18


@GROUP.offer(
    "人民币大写金额（不带“人民币”三字）：到元写“整”，到角、分不写",
    "Yuan in Chinese words, as on cheques and invoices, without 人民币 in front",
    ("amount_in_words(`1409.50`)", "壹仟肆佰零玖元伍角"),
    ("amount_in_words(`6007.14`)", "陆仟零柒元壹角肆分"),
    ("amount_in_words(`1680.32`)", "壹仟陆佰捌拾元零叁角贰分"),
    ("amount_in_words(`107000.53`)", "壹拾万柒仟元零伍角叁分"),
    ("amount_in_words(`325.04`)", "叁佰贰拾伍元零肆分"),
    ("amount_in_words(`628000`)", "陆拾贰万捌仟元整"),
    ("join('', ['人民币', amount_in_words(`0.05`)])", "人民币伍分"),
)
def amount_in_words(yuan: Amount) -> str:
    cents = fen(yuan)
    if abs(cents) >= MOST:
        raise ValueError("an amount of 1e16 yuan or more")
    integer, part = divmod(abs(cents), 100)
    return ("负" if cents < 0 else "") + (_yuan(integer) if integer else "") + _part(integer, part)


def _yuan(integer: int) -> str:
    groups = [integer // 10_000**n % 10_000 for n in range(4)]
    made, gap = "", False
    for n in reversed(range(4)):
        group = groups[n]
        if group:
            made += ("零" if made and (gap or group < 1000) else "") + _four(group) + (UNITS[n] if n else "")
        elif n == 2 and groups[3]:
            made += UNITS[2]
        gap = not group
    return made + "元"


def _four(group: int) -> str:
    """A number below ten thousand, without zeros in front of it."""
    made, digits = "", str(group)
    for n, digit in enumerate(digits):
        place = PLACES[len(digits) - 1 - n]
        if digit != "0":
            made += ("零" if n and digits[n - 1] == "0" else "") + DIGITS[int(digit)] + place
    return made


def _part(integer: int, part: int) -> str:
    tens, ones = divmod(part, 10)
    if not part:
        return "整" if integer else "零元整"
    zero = "零" if integer and (not tens or integer % 10 == 0) else ""
    return zero + (f"{DIGITS[tens]}角" if tens else "") + (f"{DIGITS[ones]}分" if ones else "")
