"""What the archive's return codes and errcodes mean to us. Source: document 91774."""

from connectors.wecom.errors import ARCHIVE_ADDRESS, ERRORS
from hub import sdk

WHERE = "管理后台 → 管理工具 → 会话内容存档"
SECRET = sdk.Text(
    f"重新填写“会话存档：Secret”，它不是应用的 Secret：{WHERE} → Secret；并核对企业 ID。",
    "Enter the archive's own secret (not the app's): 管理工具 → 会话内容存档 → Secret; check the corp id.",
)
NETWORK = sdk.Text(
    "原生库连不上企业微信：检查本机外网和“会话存档：代理”；会自动重试。",
    "The library cannot reach WeCom: check the network and the archive's proxy; it is retried.",
)
CERTIFICATE = sdk.Text(
    "企业微信的证书不被信任：检查代理是否替换了证书，再恢复连接。",
    "The certificate is not trusted: check whether a proxy replaces it, then resume the connection.",
)
EXPIRED = sdk.Text(
    "要拉取的消息已过保存期（约 5 天）：把“会话存档：起始序号”调到仍保留的消息，再恢复连接。",
    "The messages asked for are past their 5 days: raise `archive_since`, then resume the connection.",
)
UNLOADABLE = sdk.Text(
    "原生库无法加载：检查“会话存档：原生库路径”，并使用与本机一致的官方版本（Linux x86-64 或 arm64，需要 glibc）。",
    "The library cannot be loaded: check its path, and take the official build for this machine (Linux, glibc).",
)
UNSTABLE = sdk.Text(
    "会话存档原生库异常退出或没有响应，会自动重试；反复出现时换用官方的新版本。",
    "The archive library died or hung; it is retried. If it goes on, take a newer official build.",
)
NO_KEY = sdk.Text(
    f"在“会话存档：私钥”里补上这个版本的私钥（与{WHERE} → 消息加密公钥成对，旧的不要删），再恢复连接；消息不会丢。",
    "Add the private key of this version (it pairs with 消息加密公钥; keep the old ones); nothing is lost.",
)
BUSY = (10001, 10002, 10003)
STALE = ("40014", "41001", "42001")
TOO_LARGE = "301058"
REJECTS_SECRET = ("40001", "40013", "40091", "48001", "48002")
ROWS: dict[int, sdk.Row] = {
    10000: sdk.Row(sdk.NeedsReauth, SECRET),
    10001: sdk.Row(sdk.Transient, NETWORK),
    10002: sdk.Row(sdk.Transient, NETWORK),
    10003: sdk.Row(sdk.Transient, NETWORK),
    10009: sdk.Row(sdk.NeedsReauth, ARCHIVE_ADDRESS),
    10010: sdk.Row(sdk.NeedsReauth, EXPIRED),
    10011: sdk.Row(sdk.NeedsReauth, CERTIFICATE),
}
OTHERWISE = sdk.Row(sdk.NeedsReauth, UNSTABLE)


def returned(code: int, what: str) -> sdk.VendorError:
    """A return code of the library that is not 0, as the error that says what to do next."""
    row = ROWS.get(code, OTHERWISE)
    return row.error(f"the archive library answered {code} to {what}", code=str(code), hint=row.hint)


def told(code: str, message: str) -> sdk.VendorError:
    """An errcode inside the library's answer; a stale token is renewed with the handle of the next poll."""
    if code in REJECTS_SECRET:
        return sdk.NeedsReauth(message, code=code, hint=SECRET)
    if code in STALE:
        return sdk.Transient(message, code=code, hint=NETWORK)
    return ERRORS.error(sdk.Refusal(code, message), sdk.Answer(200, {}, None, message))


def died(how: str) -> sdk.VendorError:
    """The library's process ended by itself or had to be ended."""
    return sdk.Transient(f"the archive library's process ended: {how}", code=how, hint=UNSTABLE)
