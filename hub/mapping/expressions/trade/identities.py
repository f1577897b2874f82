"""统一社会信用代码, mobile numbers, e-mail addresses and company names: checked, in one spelling."""

import re
import unicodedata

from hub.domain import company_name as names
from hub.domain import credit_code as codes
from hub.domain.text import Text
from hub.mapping.expressions.trade.declare import Group, Word

GROUP = Group(Text("企业与联系方式", "Companies and contacts"))
MOBILE = re.compile(r"(?:\+?86|0086)?(1[3-9][0-9]{9})")
EMAIL = re.compile(
    r"[^@\s<>,;:\"()\[\]\\]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
)


@GROUP.offer(
    "统一社会信用代码的规范写法；校验码不对就拒绝",
    "A 统一社会信用代码 in its one spelling; a wrong check character is refused",
    ("credit_code(' 9135 0100 m000 100y 43 ')", "91350100M000100Y43"),
)
def credit_code(text: Word) -> str:
    code = codes.fold(text)
    if not _is_code(code):
        raise ValueError(f"{text[:40]!r} is no 统一社会信用代码")
    return code


@GROUP.offer(
    "是不是正确的统一社会信用代码",
    "Whether it is a right 统一社会信用代码",
    ("is_credit_code('91350100M000100Y44')", False),
)
def is_credit_code(text: Word) -> bool:
    return _is_code(codes.fold(text))


@GROUP.offer(
    "大陆手机号的规范写法：11 位数字；不是手机号就拒绝",
    "A mobile number of mainland China as its 11 digits; anything else is refused",
    ("mobile('+86 138-0013-8000')", "13800138000"),
)
def mobile(text: Word) -> str:
    found = _mobile(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is no mobile number")
    return found


@GROUP.offer("是不是大陆手机号", "Whether it is a mobile number of mainland China", ("is_mobile('0512-6288')", False))
def is_mobile(text: Word) -> bool:
    return bool(_mobile(text))


@GROUP.offer(
    "邮箱的规范写法：去空白、域名小写；不是邮箱就拒绝",
    "An e-mail address without blanks, its domain in small letters; anything else is refused",
    ("email(' Li.Gong@Example.COM ')", "Li.Gong@example.com"),
)
def email(text: Word) -> str:
    found = _email(text)
    if not found:
        raise ValueError(f"{text[:40]!r} is no e-mail address")
    return found


@GROUP.offer("是不是邮箱", "Whether it is an e-mail address", ("is_email('li.gong')", False))
def is_email(text: Word) -> bool:
    return bool(_email(text))


@GROUP.offer(
    "企业名称的登记写法：括号全角、空白归一",
    "A company's name as registries print it: parentheses in full width, single blanks",
    ("company_name(' 华为(苏州)有限公司 ')", "华为（苏州）有限公司"),
)
def company_name(text: Word) -> str:
    return names.official(text)


@GROUP.offer(
    "企业名称的比对键：全半角、空白、大小写不同算同一家",
    "The key that spellings of one company's name share: width, blanks and case are folded",
    ("company_key('华为（苏州）有限公司') == company_key('华为(苏州) 有限公司')", True),
)
def company_key(text: Word) -> str:
    return names.key(text)


def _is_code(code: str) -> bool:
    right = len(code) == 18 and set(code) <= set(codes.ALPHABET)
    return right and codes.check_character(code[:17]) == code[17]


def _mobile(text: str) -> str:
    found = MOBILE.fullmatch(re.sub(r"[\s()-]", "", unicodedata.normalize("NFKC", text)))
    return found[1] if found else ""


def _email(text: str) -> str:
    name, at, domain = unicodedata.normalize("NFKC", text).strip().rpartition("@")
    found = f"{name}{at}{domain.lower()}"
    return found if len(found) <= 254 and EMAIL.fullmatch(found) else ""
