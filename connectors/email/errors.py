"""What mail servers and token endpoints refuse, and what a person does about it."""

from hub import sdk

BUSY = sdk.Text("邮件服务器暂时不行，稍后会自动重试。", "The mail server cannot just now; it is retried by itself.")
SLOW = sdk.Text("发得太快，邮箱要求慢一点：会自动等待后重发。", "Too fast for this mailbox: it waits and goes on.")
CERTIFICATE = sdk.Text(
    "邮件服务器的证书不被信任：改正地址，自建服务器请填 ca_certificate。",
    "The server's certificate is not trusted: correct the host, or give ca_certificate for an own CA.",
)
NO_SMTP = sdk.Text(
    "连接里没有填发信服务器：填 smtp_host 后恢复连接。", "Give smtp_host in the connection to send mail."
)
FOLDER = sdk.Text(
    "打不开这个文件夹：检查连接里的 folder；网页邮箱里确认已开启 IMAP。",
    "The folder cannot be opened: check `folder`, and that IMAP is switched on in the mailbox.",
)
UNSAFE = sdk.Text(
    "网易拒绝了这次登录（Unsafe Login）：在网页邮箱 → 设置 → POP3/SMTP/IMAP 里重新开启 IMAP，换新的授权码。",
    "NetEase calls this login unsafe: switch IMAP on again in its settings and take a new authorization code.",
)
CONTENT = sdk.Text(
    "邮箱拒收这封信：按对方的原话改正后重放。", "The server refuses this mail: correct what it names, then replay."
)
SENDER = sdk.Text(
    "发件地址必须是登录的邮箱：让连接里的 address 与 user 是同一个邮箱。",
    "The sender must be the mailbox that signs in: make address and user the same mailbox.",
)
UNKNOWN = sdk.Text(
    "不知道这封信发出去没有，“已发送”里查不到：问收件人，没收到再重放。",
    "Nobody can tell whether it was sent: ask the recipient, and replay it only if it did not arrive.",
)
LATER = sdk.Text(
    "还不知道这封信发出去没有：稍后再到“已发送”里查，查清之前不重发。",
    "Not yet known whether it was sent: the Sent folder is searched again before anything is sent.",
)
PLAIN = sdk.Text(
    "服务器不接受不加密的登录：把加密改为 tls 或 starttls。", "The server wants encryption: set tls or starttls."
)
OAUTH = sdk.Text(
    "访问令牌被拒绝：检查 scope 与邮箱的 IMAP/SMTP 权限，重新授权后恢复连接。",
    "The access token is refused: check the scope and the mailbox's IMAP/SMTP permission, then authorise again.",
)
AGAIN = sdk.Text(
    "授权已失效：请邮箱主人重新授权，把新的 refresh_token 填进连接。",
    "The grant is dead: have the owner authorise again and enter the new refresh_token.",
)
APP = sdk.Text(
    "应用 ID 或密钥不对，或缺少权限：在 Azure 门户 → 应用注册里核对 client_id、client_secret 与 API 权限。",
    "The app id, its secret or its permissions are wrong: check them in the app registration.",
)
WORD = sdk.Text(
    "登录名或密码被拒绝：核对 user 与 password；许多邮箱要用“客户端专用密码”，并先开启 IMAP/SMTP。",
    "Login refused: check user and password; many mailboxes want a client password, and IMAP/SMTP switched on.",
)
PROVIDERS = {
    "exmail.qq.com": sdk.Text(
        "腾讯企业邮拒绝登录：网页 → 设置 → 邮箱绑定 → 生成“客户端专用密码”；并在 设置 → 客户端 里开启 IMAP/SMTP。",
        "Exmail: create a client password under 设置 → 邮箱绑定, and switch IMAP/SMTP on under 设置 → 客户端.",
    ),
    "qq.com": sdk.Text(
        "QQ 邮箱要用授权码，不是 QQ 密码：网页 → 设置 → 账号 → POP3/IMAP/SMTP "
        "服务 → 生成授权码；改过 QQ 密码后旧的全部失效。",
        "QQ mail wants an authorization code: 设置 → 账号 → 生成授权码. All die when the QQ password changes.",
    ),
    "qiye.163.com": sdk.Text(
        "网易企业邮拒绝登录：网页 → 设置 → 客户端设置 → 开启 IMAP/SMTP，使用客户端授权密码。",
        "NetEase enterprise: switch IMAP/SMTP on under 客户端设置 and use the client password.",
    ),
    **dict.fromkeys(
        ("163.com", "126.com", "yeah.net"),
        sdk.Text(
            "网易邮箱要用授权码：网页 → 设置 → POP3/SMTP/IMAP → 新增授权密码（只显示一次，可能约 180 天后过期）。",
            "NetEase wants an authorization code: 设置 → POP3/SMTP/IMAP → 新增授权密码 (it may expire after 180 days).",
        ),
    ),
    "aliyun.com": sdk.Text(
        "阿里企业邮拒绝登录：网页 → 设置 → 账户与安全 → 第三方客户端安全密码。",
        "Aliyun mail: create a third-party client password under 账户与安全.",
    ),
}


def where(host: str) -> sdk.Text:
    """Where in this provider's settings the right password is found."""
    ends = [end for end in PROVIDERS if host.lower() == end or host.lower().endswith(f".{end}")]
    return PROVIDERS[max(ends, key=len)] if ends else WORD


def read_token_answer(answer: sdk.Answer) -> sdk.Refusal | None:
    """RFC 6749 §5: {"access_token"} or {"error", "error_description"}."""
    body = answer.body
    if "error" in body:
        return sdk.Refusal(str(body["error"]), str(body.get("error_description", "")))
    if not isinstance(body["access_token"], str):
        raise TypeError("access_token is no text")
    return None


ERRORS = sdk.ErrorTable(
    read=read_token_answer,
    rows={
        "invalid_grant": sdk.Row(sdk.NeedsReauth, AGAIN),
        "interaction_required": sdk.Row(sdk.NeedsReauth, AGAIN),
        "consent_required": sdk.Row(sdk.NeedsReauth, AGAIN),
        "temporarily_unavailable": sdk.Row(sdk.Transient, BUSY),
        "server_error": sdk.Row(sdk.Transient, BUSY),
    },
    default=sdk.Row(sdk.NeedsReauth, APP),
)
