"""What a person enters to connect a YonBIP / YonSuite tenant."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

ADDRESS = r"^https?://[^/?#]+"
PERHAPS = r"^(https?://[^/?#]+.*)?$"


class Config(BaseModel):
    """One tenant, one self-built app, and the codes that customers and receivables need there."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    tenant_id: str = Field(
        title="租户 ID",
        description="Tenant id. 用友开放平台 → API 授权 → 应用详情里的“租户 ID”",
        min_length=1,
    )
    app_key: str = Field(
        title="应用 AppKey",
        description="Key of the self-built app. 用友开放平台 → API 授权 → 应用详情",
        json_schema_extra={"public": True},
        min_length=1,
    )
    app_secret: SecretStr = Field(
        title="应用密钥 AppSecret",
        description="Secret of the self-built app. 与 AppKey 同一页，点“查看”",
        min_length=1,
    )
    org_code: str = Field(
        title="组织编码",
        description="Code of the organisation that invoices and owns customers. 数字化建模 → 组织管理 → 业务单元",
        min_length=1,
    )
    item_code: str = Field(
        title="默认物料（或费用项目）编码",
        description="Item used by every line of a receivable. 数字化建模 → 物料档案，或费用项目档案",
        min_length=1,
    )
    item_kind: Literal["material", "expense_item"] = Field(
        "material",
        title="明细用物料还是费用项目",
        description="What item_code names: material or expense_item. 看应收结算清单的交易类型用哪一种",
    )
    business_type_code: str = Field(
        "ar_colsale",
        title="应收交易类型编码",
        description="Transaction type code of receivables. 数字化建模 → 交易类型 → 应收结算清单",
        min_length=1,
    )
    currency_code: str = Field(
        "CNY", title="人民币的编码", description="Code of CNY there. 数字化建模 → 币种", min_length=1
    )
    customer_type_code: str = Field(
        "",
        title="客户交易类型编码",
        description="transTypeCode of new customers; empty: the tenant's default. 数字化建模 → 交易类型 → 客户档案",
    )
    ext_system_code: str = Field(
        "LIANSHU",
        title="外部系统编码",
        description="extSystemCode on every receivable; with our number it is unique there. 自己定，定后不改",
        min_length=1,
    )
    submit_at_once: bool = Field(
        False,
        title="保存后立即提交",
        description="Save and submit in one call (saveandsubmit). 应收结算清单启用审批流时打开",
    )
    event_signature: Literal["any", "sha1", "sha256", "hmac"] = Field(
        "any",
        title="事件签名算法",
        description="Signature of event pushes; any accepts all three known. 首次收到 CHECK_URL 后可固定为实际的一种",
    )
    event_reply: Literal["plain", "encrypted"] = Field(
        "plain",
        title="事件应答方式",
        description="Reply success in plain or encrypted. 保存回调地址时若报“校验失败”，换另一种",
    )
    encoding_aes_key: SecretStr = Field(
        SecretStr(""),
        title="事件密钥 EncodingAESKey",
        description="43 characters; empty: derived from the app secret. 只有 ISV 应用的事件订阅页才有，自建应用留空",
    )
    discovery_url: str = Field(
        "https://apigateway.yonyoucloud.com",
        title="数据中心查询地址",
        description="Where the tenant's gateway is asked for. 公有云不用改；专属云填实施人员给的地址",
        pattern=ADDRESS,
    )
    gateway_url: str = Field(
        "",
        title="固定网关地址",
        description="Gateway instead of the discovered one, with prefix (/iuap-api-gateway). 一般留空",
        pattern=PERHAPS,
    )
    token_url: str = Field(
        "",
        title="固定令牌地址",
        description="Token service instead of the discovered one, with prefix (/iuap-api-auth). 一般留空",
        pattern=PERHAPS,
    )
    legacy_token_path: bool = Field(
        False,
        title="使用旧的令牌路径",
        description="Path without base/v1 (before 2023-07-21). 旧版本专属云报“路径不存在”时打开",
    )
    timestamp_unit: Literal["ms", "s"] = Field(
        "ms",
        title="令牌签名的时间单位",
        description="Milliseconds (documented) or seconds. 令牌被拒而密钥无误时试另一种",
    )
