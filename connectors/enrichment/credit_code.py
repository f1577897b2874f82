"""What a 统一社会信用代码 tells a registry: whether it is one, and the province it was registered in."""

import re

from hub import sdk

ALPHABET = sdk.credit_code.ALPHABET
CODE = re.compile(f"[{ALPHABET}]{{2}}[0-9]{{6}}[{ALPHABET}]{{10}}")
GB2260 = (
    "10全国 11北京 12天津 13河北 14山西 15内蒙古 21辽宁 22吉林 23黑龙江 31上海 32江苏 33浙江 34安徽 35福建 36江西 "
    "37山东 41河南 42湖北 43湖南 44广东 45广西 46海南 50重庆 51四川 52贵州 53云南 54西藏 61陕西 62甘肃 63青海 64宁夏 "
    "65新疆 71台湾 81香港 82澳门"
)
PROVINCES = {word[:2]: word[2:] for word in GB2260.split()}


def has_shape(text: str) -> bool:
    """Whether it is written as such a code, right or wrong; a Hong Kong number is not."""
    return bool(CODE.fullmatch(sdk.credit_code.fold(text)))


def is_valid(text: str) -> bool:
    """Whether it has the code's alphabet and its check character. A warning, never a reason to refuse."""
    code = sdk.credit_code.fold(text)
    return has_shape(code) and sdk.credit_code.check_character(code[:17]) == code[17]


def province(text: str) -> str:
    """The province whose office registered it (GB/T 2260), or "" when this is no such code."""
    return PROVINCES.get(sdk.credit_code.fold(text)[2:4], "") if has_shape(text) else ""
