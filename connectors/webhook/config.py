"""What a person enters: where events go and how they are signed, how events come and how they are proven."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationInfo, field_validator

from connectors.webhook import keys

HEADER = r"^[a-z0-9!#$%&'*+.^_`|~-]*$"
PLACE = r"^(header:[A-Za-z0-9!#$%&'*+.^_`|~-]+|[^\s.:]+(\.[^\s.:]+)*)?$"
"""Dots lead from an object into its fields, `header:` leads to a header."""
SLOTS = re.compile(r"\{(timestamp|query|body)\}")
TOKEN_SHORTEST = 16


def _lower(value: Any) -> Any:
    return value.strip().lower() if isinstance(value, str) else value


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


Header = Annotated[str, BeforeValidator(_lower), Field(pattern=HEADER)]
Secret = Annotated[SecretStr, BeforeValidator(_stripped)]
NONE = SecretStr("")


class Config(BaseModel):
    """One partner: a subscriber (`out_…`), a sender (`in_…`), or both. What is not set up refuses."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, frozen=True)

    out_url: str = Field(
        "",
        title="接收方地址",
        description="Where events are sent; empty: nothing is sent · 接收方给的 Webhook 地址，不发就留空",
        pattern=r"^(https?://[^\s/?#]+\S*)?$",
    )
    out_key: Secret = Field(
        NONE,
        title="签名私钥 whsk_",
        description="Ed25519 private key; adds v1a signatures · 自己生成，把公钥 whpk_ 交给接收方；一般留空",
    )
    out_secret: Secret = Field(
        NONE,
        title="签名密钥 whsec_",
        description="Shared secret, whsec_ and base64 of 24 to 64 bytes · 自己生成交给接收方，或从接收方后台复制",
        validate_default=True,
    )
    out_secret_old: Secret = Field(
        NONE,
        title="旧的签名密钥",
        description="Signs too until it is removed · 换密钥期间填旧的那个，接收方换好后清空",
    )
    out_secret_older: Secret = Field(
        NONE, title="更旧的签名密钥", description="One more of that kind · 同上，连换两次时才用"
    )
    in_scheme: Literal["none", "standard", "hmac", "token", "ed25519"] = Field(
        "none",
        title="对方怎样证明自己",
        description="How senders prove themselves; none: nothing is taken · 看对方的 Webhook 文档；不收就填 none",
        validate_default=True,
    )
    in_secret: Secret = Field(
        NONE,
        title="对方的密钥",
        description="Secret, token, or Ed25519 public key · 对方后台的 Webhook 设置页；口令由自己定，至少 16 个字符",
        validate_default=True,
    )
    in_secret_old: Secret = Field(
        NONE, title="对方的旧密钥", description="Good too until it is removed · 对方换密钥期间填旧的那个，换好后清空"
    )
    in_header: Header = Field(
        "",
        title="签名（或口令）在哪个头",
        description="Header with signature or token · 对方文档里的头名，如 X-Hub-Signature-256；standard 不用填",
        validate_default=True,
    )
    in_parameter: str = Field(
        "",
        title="口令在哪个网址参数",
        description="Query parameter with the token, when no header has it · 只有 token 用；能用头就别用它",
        pattern=r"^[\w.-]*$",
        validate_default=True,
    )
    in_prefix: str = Field(
        "",
        title="签名前缀",
        description="What stands before signature or token, such as sha256= or Bearer · 看对方文档的例子，没有就留空",
    )
    in_algorithm: Literal["sha1", "sha256", "sha512"] = Field(
        "sha256", title="HMAC 算法", description="Hash of the HMAC · 看对方文档"
    )
    in_encoding: Literal["hex", "HEX", "base64", "base64_of_hex"] = Field(
        "hex",
        title="签名的写法",
        description="How signatures are written; HEX: upper case · 看对方文档的例子：十六进制或 base64",
        validate_default=True,
    )
    in_timestamp_header: Header = Field(
        "",
        title="时间戳在哪个头",
        description="Header with the signed time; same as in_header: its part t=… · 看对方文档，没有就留空",
    )
    in_signed: str = Field(
        "{body}",
        title="对什么签名",
        description="{body}, {timestamp}.{body}, v0:{timestamp}:{body} … · 看对方文档；{query} 是按名排好的参数值",
        validate_default=True,
    )
    in_tolerance_s: int = Field(
        300,
        title="时间戳容差（秒）",
        description="Seconds a signed time may be off, either way · 默认 300；对方重发不换时间戳时才调大",
        ge=1,
        le=7 * 86_400,
    )
    id_path: str = Field(
        "",
        title="事件号在哪里",
        description="Place of the event's id, such as event.id or header:x-event-id · 看对方的例子；留空用正文的指纹",
        pattern=PLACE,
    )
    type_path: str = Field(
        "type", title="事件类型在哪里", description="Place of its type · 看对方的例子，如 header:x-topic", pattern=PLACE
    )
    time_path: str = Field(
        "timestamp",
        title="发生时间在哪里",
        description="Place of its time · 看对方的例子；没有时区的按北京时间",
        pattern=PLACE,
    )
    subject_path: str = Field(
        "",
        title="单据号在哪里",
        description="Place of the record's id: events of one record keep their order · 看对方的例子，如 data.order_id",
        pattern=PLACE,
    )
    in_reply: str = Field(
        '{"ok":true}',
        title="收下后回答什么",
        description="What a sender wants to hear after a 2xx · 对方文档，如 success；不在意就不改",
    )

    @field_validator("out_key")
    @classmethod
    def _is_private(cls, key: SecretStr) -> SecretStr:
        if text := key.get_secret_value():
            _tried(keys.private, text, "whsk_ 加 base64 的 32 字节 / whsk_ and base64 of 32 bytes")
        return key

    @field_validator("out_secret", "out_secret_old", "out_secret_older")
    @classmethod
    def _is_shared(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        if text := secret.get_secret_value():
            _tried(keys.shared, text, "whsec_ 加 base64 的 24 到 64 字节 / whsec_ and base64 of 24 to 64 bytes")
        elif info.field_name == "out_secret" and info.data.get("out_url") and not _told(info, "out_key"):
            raise ValueError("要发就要签名：填密钥或私钥 / what is sent is signed: enter a secret or a key")
        return secret

    @field_validator("in_scheme")
    @classmethod
    def _is_of_use(cls, scheme: str, info: ValidationInfo) -> str:
        if scheme == "none" and info.data.get("out_url") == "":
            raise ValueError(
                "不收也不发：填接收方地址，或选一种证明 / it neither sends nor takes: enter out_url or a scheme"
            )
        return scheme

    @field_validator("in_secret", "in_secret_old")
    @classmethod
    def _opens(cls, secret: SecretStr, info: ValidationInfo) -> SecretStr:
        """Fail closed: no scheme without a secret that can prove anything."""
        scheme, text = info.data.get("in_scheme", "none"), secret.get_secret_value()
        if scheme == "none" or (not text and info.field_name == "in_secret_old"):
            return secret
        if not text:
            raise ValueError("没有密钥就不收 / nothing is taken without a secret")
        if scheme == "standard":
            read = keys.public if text.startswith(keys.PUBLIC) else keys.shared
            _tried(read, text, "whsec_ 或 whpk_ 加 base64 / whsec_ or whpk_ and base64")
        if scheme == "ed25519":
            _tried(keys.public, text, "32 字节的公钥，十六进制或 base64 / a public key of 32 bytes, hex or base64")
        if scheme == "token" and (len(text) < TOKEN_SHORTEST or not text.isascii()):
            raise ValueError("口令至少 16 个 ASCII 字符 / a token has at least 16 ASCII characters")
        return secret

    @field_validator("in_header")
    @classmethod
    def _is_named(cls, name: str, info: ValidationInfo) -> str:
        if not name and info.data.get("in_scheme") in ("hmac", "ed25519"):
            raise ValueError("填签名所在的头 / name the header with the signature")
        return name

    @field_validator("in_parameter")
    @classmethod
    def _is_somewhere(cls, name: str, info: ValidationInfo) -> str:
        if info.data.get("in_scheme") == "token" and bool(name) == bool(info.data.get("in_header", name)):
            raise ValueError("口令在头里还是参数里，填一个 / name either the token's header or its parameter")
        return name

    @field_validator("in_encoding")
    @classmethod
    def _is_written(cls, encoding: str, info: ValidationInfo) -> str:
        if info.data.get("in_scheme") == "ed25519" and encoding not in ("hex", "base64"):
            raise ValueError("Ed25519 用 hex 或 base64 / hex or base64 for Ed25519")
        return encoding

    @field_validator("in_signed")
    @classmethod
    def _is_signed(cls, template: str, info: ValidationInfo) -> str:
        slots = SLOTS.findall(template)
        if slots.count("body") != 1 or re.search(r"[{}]", SLOTS.sub("", template)):
            raise ValueError("要有一次 {body}，另可用 {timestamp}、{query} / {body} once, and {timestamp}, {query}")
        if ("timestamp" in slots) != bool(info.data.get("in_timestamp_header")):
            raise ValueError(
                "签进去的时间戳要写明在哪个头，反之亦然 / a signed {timestamp} needs its header, and vice versa"
            )
        return template


def _told(info: ValidationInfo, name: str) -> str:
    secret = info.data.get(name, NONE)
    return secret.get_secret_value() if isinstance(secret, SecretStr) else ""


def _tried(read: Any, text: str, wanted: str) -> None:
    """Read a key; what is wrong with it is said without the key."""
    try:
        read(text)
    except ValueError:
        raise ValueError(f"应为 {wanted}") from None
