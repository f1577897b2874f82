"""What a connection to WeCom needs to know."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Config(BaseModel):
    """A self-built app of one WeCom corp and, if the corp bought it, its chat archive."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    api_url: str = Field(
        "https://qyapi.weixin.qq.com",
        title="接口地址",
        description="API address · 一般不用改",
        pattern="^https?://",
    )
    corp_id: str = Field(
        title="企业 ID（CorpId）",
        description="Corp id · 企业微信管理后台 → 我的企业 → 企业信息 → 企业 ID",
        min_length=1,
        json_schema_extra={"public": True},
    )
    agent_id: int = Field(
        title="应用 AgentId",
        description="Agent id of the self-built app · 管理后台 → 应用管理 → 自建 → 打开应用 → AgentId",
        ge=0,
    )
    secret: SecretStr = Field(
        title="应用 Secret",
        description="Secret of the same app · 管理后台 → 应用管理 → 自建 → 打开应用 → Secret（在手机上查看）",
    )
    callback_token: SecretStr = Field(
        title="回调 Token",
        description="Token of the callback · 应用 → 接收消息 → 设置 API 接收 → Token",
    )
    callback_aes_key: SecretStr = Field(
        title="回调 EncodingAESKey",
        description="43 characters · 应用 → 接收消息 → 设置 API 接收 → EncodingAESKey",
    )
    receive_ids: str = Field(
        "",
        title="回调归属（ReceiveId）",
        description="Empty: the corp id; several, by commas · 自建应用留空；服务商应用填 SuiteId，可用逗号并列",
        json_schema_extra={"public": True},
    )
    duplicate_check_hours: int = Field(
        4,
        title="重复消息检查（小时）",
        description="How long WeCom drops a repeat of the same text; 0: never repeat, ask a person"
        " · 一般不用改；填 0 则没得到回答时不自动重发，由人判断",
        ge=0,
        le=4,
    )
    archive_library: str = Field(
        "",
        title="会话存档：原生库路径",
        description="Path of libWeWorkFinanceSdk_C.so; empty: no archive · 从企业微信文档下载后放到本机，填完整路径",
    )
    archive_secret: SecretStr = Field(
        SecretStr(""),
        title="会话存档：Secret",
        description="Secret of the archive, not of the app · 管理后台 → 管理工具 → 会话内容存档 → Secret",
    )
    archive_private_keys: SecretStr = Field(
        SecretStr(""),
        title="会话存档：私钥",
        description="PEM blocks, a line `version: N` before each"
        " · 与“会话内容存档 → 消息加密公钥”成对的私钥，每段前写一行 version: 版本号，旧的不要删",
    )
    archive_proxy: str = Field(
        "",
        title="会话存档：代理",
        description="http://host:port or socks5://host:port · 本机直连外网就留空，否则问网络管理员",
    )
    archive_proxy_password: SecretStr = Field(
        SecretStr(""),
        title="会话存档：代理账号",
        description="user:password of the proxy · 代理不要密码就留空",
    )
    archive_since: int = Field(
        0,
        title="会话存档：起始序号",
        description="Sequence number to start after · 一般不用改，0 是服务器上还保留的最早一条",
        ge=0,
    )
    archive_page: int = Field(
        100,
        title="会话存档：每次条数",
        description="Messages asked for at once · 一般不用改，提示 301058 时改小",
        ge=1,
        le=1000,
    )
    archive_default_agree: bool = Field(
        False,
        title="会话存档：默认同意也算同意",
        description="Whether the status Default_Agree counts as consent · 一般不用改；法务确认默认同意有效后再打开",
    )
