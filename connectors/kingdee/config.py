"""What a person enters to connect an account set (账套) of Kingdee Cloud Galaxy."""

from datetime import date

from pydantic import BaseModel, ConfigDict, Field, SecretStr

ISO_HOME_CURRENCY = "CNY"


class Config(BaseModel):
    """One account set, one integration user, and the numbers that bills need there."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    server_url: str = Field(
        title="服务器地址",
        description="Server address, ending in /k3cloud/ · 打开金蝶网页端，取浏览器地址栏里到 /k3cloud/ 为止的部分",
        pattern=r"^https?://[^/?#]+",
    )
    acct_id: str = Field(
        title="数据中心 ID",
        description="Data centre id (acctId) · 第三方系统登录授权 → 该应用 → 生成测试链接里的 acctID",
        min_length=1,
    )
    user_name: str = Field(
        title="集成用户",
        description="Integration user · 第三方系统登录授权 → 该应用 → 集成用户；不要用管理员",
        min_length=1,
    )
    app_id: str = Field(
        title="应用 ID", description="Application id · 第三方系统登录授权 → 该应用 → 应用 ID，整段复制", min_length=1
    )
    app_secret: SecretStr = Field(
        title="应用密钥",
        description="Application secret · 第三方系统登录授权 → 该应用 → 应用密钥；忘了就重新生成",
        min_length=1,
    )
    lcid: int = Field(2052, title="语言", description="Language: 2052 Chinese, 1033 English · 一般不用改")
    org_num: str = Field(
        "0",
        title="登录组织编码",
        description="Organisation to sign in to; 0 is the user's default · 系统管理 → 组织机构 → 编码",
    )
    org_number: str = Field(
        "100",
        title="业务组织编码",
        description="Organisation that owns bills and customers · 系统管理 → 组织机构 → 编码",
    )
    currency_number: str = Field(
        "PRE001",
        title="人民币的编码",
        description="Number of CNY in this account set · 基础管理 → 币别 → 人民币的编码",
    )
    bill_type: str = Field(
        "YSD01_SYS",
        title="应收单单据类型",
        description="Bill type number of receivables · 单据类型列表 → 应收单 → 编码",
    )
    material_number: str = Field(
        title="默认物料编码",
        description="Material used by every line of a receivable · 基础管理 → 物料 → 编码，须已审核并分配到业务组织",
        min_length=1,
    )
    multilingual_names: bool = Field(
        False,
        title="名称按多语言发送",
        description="Send names as [{Key, Value}] · 名称保存后为空或报类型错误的版本才打开",
    )
    receipts_since: date = Field(
        date(2000, 1, 1),
        title="收款单起始日",
        description="Receipts last changed before this day are left alone · 一般填启用日",
    )
    overlap_minutes: int = Field(
        5,
        ge=0,
        le=120,
        title="轮询重叠分钟数",
        description="How far each poll looks back for late commits, minutes · 收款单漏收时调大",
    )
    page_size: int = Field(
        2000, ge=1, le=2000, title="每页行数", description="Rows per query · 金蝶最多 2000，超时就调小"
    )


def base_url(config: Config) -> str:
    """The server address with exactly one slash at its end."""
    return config.server_url.rstrip("/") + "/"
