"""What a connection to DingTalk needs to know."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Config(BaseModel):
    """An internal app of one DingTalk organisation, and the approval template it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    api_url: str = Field(
        "https://api.dingtalk.com",
        title="接口地址",
        description="API address · 一般不用改",
        pattern="^https?://",
    )
    app_key: str = Field(
        title="应用 AppKey（Client ID）",
        description="App key of the internal app · 开发者后台 → 应用 → 凭证与基础信息 → Client ID",
        min_length=1,
        json_schema_extra={"public": True},
    )
    app_secret: SecretStr = Field(
        title="应用密钥 AppSecret",
        description="App secret of the internal app · 开发者后台 → 应用 → 凭证与基础信息 → Client Secret",
    )
    process_code: str = Field(
        title="审批模板编码",
        description="Process code of the approval template · OA 审批后台 → 编辑模板 → 浏览器地址里的 processCode",
        min_length=1,
    )
    originator_user_id: str = Field(
        title="默认发起人 userId",
        description="Who starts approvals · 管理后台 → 通讯录 → 成员详情 → 员工 UserID",
        min_length=1,
    )
    dept_id: int = Field(
        -1,
        title="发起部门",
        description="Department of the originator; -1 is the root · 管理后台 → 通讯录 → 部门详情 → 部门 ID",
    )
    key_label: str = Field(
        "连枢请求号",
        title="请求号控件名",
        description="Text field that carries our key · 审批模板里那个单行文本控件的名称，一字不差",
    )
    look_back_hours: int = Field(
        72, title="回查小时数", description="Hours searched after doubt · 一般不用改", ge=1, le=2880
    )
    callback_token: SecretStr = Field(
        title="回调令牌 Token",
        description="Token of the event subscription · 开发者后台 → 应用 → 事件订阅 → 签名 token",
    )
    callback_aes_key: SecretStr = Field(
        title="回调密钥 AES Key",
        description="43 characters of the event subscription · 开发者后台 → 应用 → 事件订阅 → 加密 aes_key",
    )
    owner_key: str = Field(
        "",
        title="回调归属（owner key）",
        description="Empty: the app key · 事件订阅留空；旧接口 register_call_back 注册的填 CorpId",
        json_schema_extra={"public": True},
    )
