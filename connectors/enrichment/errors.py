"""What the registries' refusals mean to us. Both say no inside HTTP 200; "no data" is an answer, not a refusal."""

from datetime import timedelta

from hub import sdk

ACCOUNT = sdk.Text(
    "在开放平台核对账号与密钥（停用、欠费、到期、填错），改正后恢复连接。",
    "Check account and keys in the provider's console (stopped, in arrears, expired, mistyped), then resume.",
)
MONEY = sdk.Text("在开放平台充值后恢复连接。", "Top up in the provider's console, then resume.")
CALLS = sdk.Text("这个接口的次数用完：购买后恢复连接。", "The calls of this API are used up: buy more, then resume.")
BUY = sdk.Text("在开放平台购买或启用这个接口，再恢复连接。", "Buy or enable this API in the console, then resume.")
ADDRESS = sdk.Text(
    "把本机出口 IP 加入数据商的白名单，并核对密钥与本机时钟。",
    "Put our egress IP on the provider's list; check the secret and this machine's clock.",
)
ABROAD = sdk.Text(
    "数据不出境：请从境内 IP 出口，再恢复连接。", "The data stay in China: use a mainland IP, then resume."
)
PATH = sdk.Text(
    "接口已下线或路径不对：在连接里填写新的接口路径。", "The API is gone: enter the new path in the connection."
)
SLOW = sdk.Text("数据商限流，稍后自动继续。", "The provider throttles; it goes on by itself.")
LOCKED = sdk.Text(
    "同一查询多次失败，被锁 2 小时，之后自动继续。", "The same query failed too often: locked for 2 h, then it goes on."
)
DAILY = sdk.Text("数据商当日上限，过几小时自动继续。", "The provider's limit of the day; it goes on in some hours.")
FAILED = sdk.Text("数据商内部失败，最多再试两次。", "The provider failed; it is tried twice more at most.")
LATER = sdk.Text("数据商还在生成结果，稍后自动再取。", "The provider is still at it; it is asked again by itself.")
WORDS = sdk.Text(
    "名称太短、太泛或不受支持：补全客户名称或信用代码，再重放。",
    "The name is too short, vague or not supported: complete the customer, then replay.",
)
OURS = sdk.Text(
    "请求的参数不对：核对接口路径，仍不行请反馈给开发者。",
    "A parameter is wrong: check the API path, else tell the developers.",
)
WAITS = {
    "300004": timedelta(seconds=5),
    "300012": timedelta(seconds=30),
    "106": timedelta(minutes=10),
    "108": timedelta(minutes=10),
    "109": timedelta(hours=3),
    "110": timedelta(hours=2),
    "116": timedelta(hours=3),
    "117": timedelta(hours=3),
    "120": timedelta(minutes=1),
    "122": timedelta(seconds=2),
    "205": timedelta(seconds=5),
}
ANSWERS = ("0", "300000", "200", "201")
FAILURES = ("300001", "199", "203")


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """None for data and for "no data"; the code is text at one registry, a number or text at the other."""
    body = answer.body
    if "error_code" in body:
        code, words, order = str(int(str(body["error_code"]))), str(body.get("reason") or ""), ""
    else:
        code, words, order = str(int(str(body["Status"]))), str(body["Message"]), str(body.get("OrderNumber") or "")
    return None if code in ANSWERS else sdk.Refusal(code, words, order, WAITS.get(code))


def _rows(kind: type[sdk.VendorError], hint: sdk.Text, codes: str) -> dict[str, sdk.Row]:
    return {code: sdk.Row(kind, hint) for code in codes.split()}


ERRORS = sdk.ErrorTable(
    read=read,
    rows={
        **_rows(sdk.NeedsReauth, ACCOUNT, "300002 300003 300009 101 103 104 115 119 123"),
        **_rows(sdk.NeedsReauth, MONEY, "300006 102"),
        **_rows(sdk.NeedsReauth, CALLS, "300007 112"),
        **_rows(sdk.NeedsReauth, BUY, "300005 111 113 114 214"),
        **_rows(sdk.NeedsReauth, ADDRESS, "300011 107"),
        **_rows(sdk.NeedsReauth, ABROAD, "121"),
        **_rows(sdk.NeedsReauth, PATH, "300010 105 118"),
        **_rows(sdk.Throttled, SLOW, "300004 106 108 120 122"),
        **_rows(sdk.Throttled, DAILY, "109 116 117"),
        **_rows(sdk.Throttled, LOCKED, "110"),
        **_rows(sdk.Transient, FAILED, " ".join(FAILURES)),
        **_rows(sdk.NotReady, LATER, "300012 205"),
        **_rows(sdk.Rejected, OURS, "300008 202 224"),
        **_rows(sdk.Rejected, WORDS, "207 208 209 213 215 218 219 223"),
    },
)
