"""What a connection to a mailbox needs to know."""

import ssl
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Security = Literal["tls", "starttls", "plain"]


class Config(BaseModel):
    """One mailbox: where it is read, where mail is handed in, and how both are signed in to."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    address: str = Field(
        title="邮箱地址",
        description="Mail address, also the sender · 完整地址，如 sales@example.com",
        pattern=r"^[!-;=?A-~]+@[A-Za-z0-9.-]+$",
        max_length=254,
    )
    user: str = Field("", title="登录名", description="Login name; empty: the address · 一般不用填，与邮箱地址相同")
    password: SecretStr = Field(
        SecretStr(""),
        title="授权码或密码",
        description=(
            "Authorization code or password; empty with OAuth2 "
            "· QQ、163：网页邮箱 → 设置 → 账户（POP3/IMAP/SMTP 服务）→ "
            "生成授权码；腾讯企业邮：设置 → 邮箱绑定 → 客户端专用密码"
        ),
    )
    imap_host: str = Field(
        "",
        title="收信服务器",
        description="IMAP host; empty: receive nothing · 如 imap.qq.com、imap.163.com、imap.exmail.qq.com",
    )
    imap_port: int = Field(
        993, title="收信端口", description="IMAP port · 加密一般是 993，见邮箱的帮助页", ge=1, le=65535
    )
    imap_security: Security = Field(
        "tls", title="收信加密", description="tls, starttls or plain (inner networks only) · 一般用 tls，见邮箱的帮助页"
    )
    smtp_host: str = Field(
        "",
        title="发信服务器",
        description="SMTP host; empty: send nothing · 如 smtp.qq.com、smtp.163.com、smtp.exmail.qq.com",
    )
    smtp_port: int = Field(
        465, title="发信端口", description="SMTP port · tls 用 465，starttls 用 587，见邮箱的帮助页", ge=1, le=65535
    )
    smtp_security: Security = Field(
        "tls",
        title="发信加密",
        description="tls, starttls or plain (inner networks only) · 一般用 tls，微软 365 用 starttls",
    )
    ca_certificate: str = Field(
        "",
        title="自签根证书（PEM）",
        description="PEM of the own CA; empty: the public ones · 自建邮件服务器才填，向管理员要",
    )
    token_url: str = Field(
        "",
        title="OAuth2 令牌地址",
        description="Token endpoint; empty: sign in with the password · 微软 365：Azure 门户 → 应用注册 → 终结点",
        pattern=r"^(https?://.*)?$",
    )
    client_id: str = Field(
        "", title="OAuth2 应用 ID", description="Client id · Azure 门户 → 应用注册 → 概述 → 应用程序(客户端) ID"
    )
    client_secret: SecretStr = Field(
        SecretStr(""), title="OAuth2 应用密钥", description="Client secret · Azure 门户 → 应用注册 → 证书和密码"
    )
    refresh_token: SecretStr = Field(
        SecretStr(""),
        title="OAuth2 刷新令牌",
        description="Refresh token; empty: client credentials · 邮箱主人授权时得到；用应用权限时不填",
    )
    scope: str = Field(
        "",
        title="OAuth2 权限范围",
        description="Scopes, separated by blanks · 微软 365 应用权限填 https://outlook.office365.com/.default",
    )
    folder: str = Field("INBOX", title="收信文件夹", description="Folder that is read · 一般不用改", min_length=1)
    sent_folder: str = Field(
        "",
        title="已发送文件夹",
        description="Sent folder; empty: found by its mark · 一般不用填；自建服务器没有标记时填，如 Sent",
    )
    save_sent: Literal["server", "append"] = Field(
        "server",
        title="谁存已发送",
        description="Who files sent mail: server, or append by "
        "us · QQ、163、微软、Gmail 自己会存；自建服务器一般选 append",
    )
    since_days: int = Field(
        7, title="首次取几天", description="Days fetched at first; 0: only new mail · 按需要填，不用找", ge=0, le=3650
    )
    idle_seconds: int = Field(
        20, title="等待新邮件秒数", description="Seconds of IDLE; 0: never · 服务器的推送有毛病时填 0", ge=0, le=25
    )
    poll_seconds: int = Field(
        60,
        title="轮询间隔秒数",
        description="Pause where there is no IDLE · 163 等不支持推送的邮箱按此间隔收信",
        ge=0,
        le=3600,
    )
    sender_name: str = Field(
        "", title="发件人名称", description="Name shown as sender · 收件人看到的名字，自己定", max_length=100
    )

    @field_validator("user", "folder", "sent_folder", "sender_name", "imap_host", "smtp_host")
    @classmethod
    def _one_line(cls, value: str) -> str:
        if not value.isprintable():
            raise ValueError("一行普通文字 / one line of plain text")
        return value

    @field_validator("password")
    @classmethod
    def _typed(cls, value: SecretStr) -> SecretStr:
        if not value.get_secret_value().isprintable():
            raise ValueError("不能有换行等控制字符 / no control characters")
        return value

    @field_validator("ca_certificate")
    @classmethod
    def _certificate(cls, value: str) -> str:
        try:
            ssl.create_default_context(cadata=value or None)
        except (ssl.SSLError, ValueError) as error:
            raise ValueError("不是 PEM 证书 / no PEM certificate") from error
        return value

    @model_validator(mode="after")
    def _usable(self) -> Self:
        if not (self.imap_host or self.smtp_host):
            raise ValueError("收信或发信服务器至少填一个 / give imap_host or smtp_host")
        if not (self.password.get_secret_value() or self.token_url):
            raise ValueError("填授权码，或填 OAuth2 令牌地址 / give the password, or token_url")
        return self

    @property
    def login(self) -> str:
        """The name to sign in with."""
        return self.user or self.address
