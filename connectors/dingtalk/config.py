"""What a connection to DingTalk needs to know."""

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class Config(BaseModel):
    """An internal app of one DingTalk organisation, and the approval template it starts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    api_url: str = Field("https://api.dingtalk.com", title="接口地址", description="API address", pattern="^https?://")
    app_key: str = Field(title="AppKey（ClientId）", description="app key of the internal app", min_length=1)
    app_secret: SecretStr = Field(title="AppSecret", description="app secret of the internal app")
    process_code: str = Field(title="审批模板编码", description="process code of the approval template", min_length=1)
    originator_user_id: str = Field(title="默认发起人 userId", description="who starts approvals", min_length=1)
    dept_id: int = Field(-1, title="发起部门", description="department of the originator; -1 is the root")
    key_label: str = Field("连枢请求号", title="请求号控件名", description="text field that carries our key")
    look_back_hours: int = Field(72, title="回查小时数", description="hours searched after doubt", ge=1, le=2880)
    callback_token: SecretStr = Field(title="回调 Token", description="token of the event subscription")
    callback_aes_key: SecretStr = Field(title="回调 AES Key", description="43 characters of the event subscription")
    owner_key: str = Field("", title="回调 owner key", description="empty: the app key (event subscription)")
