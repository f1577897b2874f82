"""What WeCom's refusals mean to us. Nearly everything is HTTP 200; `errcode` alone tells, 0 is yes."""

from datetime import timedelta

from hub import sdk

BUSY = sdk.Text("企业微信系统繁忙，稍后自动重试。", "WeCom is busy; it is retried by itself.")
SLOW = sdk.Text("企业微信限流，至少一分钟后自动继续。", "WeCom throttles; it goes on by itself after a minute.")
CREDENTIALS = sdk.Text(
    "重新填写企业 ID 与应用 Secret：管理后台 → 我的企业 → 企业信息，和 应用管理 → 自建 → 该应用 → Secret。",
    "Enter corp id and app secret again: admin console, 我的企业 and 应用管理 → the app.",
)
TOKEN = sdk.Text(
    "令牌换新后仍被拒绝：重新填写应用 Secret（管理后台 → 应用管理 → 自建 → 该应用），再恢复连接。",
    "A new token is refused too: enter the app secret again, then resume the connection.",
)
AGENT = sdk.Text(
    "核对 AgentId 与 Secret 是否属于同一个应用：管理后台 → 应用管理 → 自建 → 该应用。",
    "Check that agent id and secret belong to the same app: 应用管理 → 自建.",
)
RIGHTS = sdk.Text(
    "给应用开通权限：管理后台 → 客户与上下游 → 客户联系 → 客户 → API → 可调用接口的应用，勾选本应用。",
    "Grant the app: admin console → 客户联系 → 客户 → API → 可调用接口的应用.",
)
SCOPE = sdk.Text(
    "把该成员加入应用的可见范围（管理后台 → 应用管理 → 该应用）和客户联系的使用范围（客户联系 → 权限配置）。",
    "Add the member to the app's visible range (应用管理) and to the users of 客户联系.",
)
ADDRESS = sdk.Text(
    "把本机出口 IP 加入企业可信 IP：管理后台 → 应用管理 → 该应用 → 开发者接口 → 企业可信 IP。",
    "Add our egress IP: 应用管理 → the app → 开发者接口 → 企业可信 IP.",
)
ARCHIVE_ADDRESS = sdk.Text(
    "把本机出口 IP 加入会话存档的可信 IP：管理后台 → 管理工具 → 会话内容存档 → 可信 IP 地址（与应用的名单是两份）。",
    "Add our egress IP to the archive's own list: 管理工具 → 会话内容存档 → 可信 IP 地址.",
)
ARCHIVE = sdk.Text(
    "开通或续费会话内容存档：管理后台 → 管理工具 → 会话内容存档。",
    "Enable or renew the chat archive: 管理工具 → 会话内容存档.",
)
PAGE = sdk.Text("一次拉取太多：把“会话存档：每次条数”改小。", "Too much at once: lower `archive_page`.")
PERSON = sdk.Text(
    "核对成员账号：管理后台 → 通讯录 → 成员详情 → 账号；改正后重放。",
    "Check the user id: 通讯录 → member → 账号, then replay.",
)
CUSTOMER = sdk.Text(
    "核对客户 ID：它只对取得它的应用有效，且该成员须仍是客户的跟进人；改正后重放。",
    "Check the external user id: it is valid only for the app that told it, and while the member follows.",
)
RECEIVERS = sdk.Text(
    "没有可送达的接收人：核对成员账号，并在 管理后台 → 应用管理 → 该应用 → 可见范围 加入他们，再重放。",
    "Nobody can receive it: check the user ids and the app's visible range, then replay.",
)
CONTENT = sdk.Text("按原话改正内容或参数（改映射）后重放。", "Correct the content or parameters told, then replay.")
UNCLEAR = sdk.Text(
    "企业微信的回答不是约定的形状：打开这次尝试看原文。", "WeCom's answer has an unknown shape: read the attempt."
)
BANNED = timedelta(seconds=60)
STALE = frozenset({40014, 41001, 42001})
"""The codes of a token that must be renewed."""


def read(answer: sdk.Answer) -> sdk.Refusal | None:
    """None when errcode is 0; anything without a whole-number errcode is unknown."""
    code = errcode(answer.body)
    if code == 0:
        return None
    wait = BANNED if code in (45009, 45033) else None
    return sdk.Refusal(str(code), str(answer.body.get("errmsg") or code), retry_after=wait)


def errcode(body: sdk.Json) -> int:
    """The number that decides; TypeError when there is none (true and false are none)."""
    code = body["errcode"]
    if not isinstance(code, int) or isinstance(code, bool):
        raise TypeError(f"errcode {code!r}")
    return code


def _rows() -> dict[str, sdk.Row]:
    told: list[tuple[type[sdk.VendorError], sdk.Text, str]] = [
        (sdk.Transient, BUSY, "-1 6000"),
        (sdk.Throttled, SLOW, "45009 45033"),
        (sdk.NeedsReauth, CREDENTIALS, "40001 40013 40091"),
        (sdk.NeedsReauth, TOKEN, "40014 41001 42001"),
        (sdk.NeedsReauth, AGENT, "40056 301002"),
        (sdk.NeedsReauth, RIGHTS, "48001 48002 48003 48004 48005 48006 48007 48008 48009 84074"),
        (sdk.NeedsReauth, ADDRESS, "60020"),
        (sdk.NeedsReauth, ARCHIVE_ADDRESS, "301042"),
        (sdk.NeedsReauth, ARCHIVE, "301052 301053"),
        (sdk.NeedsReauth, PAGE, "301058"),
        (sdk.Rejected, SCOPE, "60011 84084"),
        (sdk.Rejected, PERSON, "40003 60111 301061"),
        (sdk.Rejected, CUSTOMER, "40096 41035 41056 84061"),
        (sdk.Rejected, RECEIVERS, "81013 82001 82002 82003"),
        (sdk.Rejected, CONTENT, "40007 40008 40035 40058 40063 44001 44004 45002 45029 50100 82004"),
    ]
    return {code: sdk.Row(error, hint) for error, hint, codes in told for code in codes.split()}


ERRORS = sdk.ErrorTable(read=read, rows=_rows())
