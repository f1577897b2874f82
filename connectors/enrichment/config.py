"""What a connection to a registry needs to know."""

from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

Yuan = Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=4)]


class Config(BaseModel):
    """One account at one registry, what its calls cost, and how much may be spent a day."""

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=True)

    provider: Literal["tianyancha", "qichacha"] = Field(
        title="数据商", description="Provider: tianyancha or qichacha · 天眼查填 tianyancha，企查查填 qichacha"
    )
    api_url: str = Field(
        "",
        title="接口地址",
        description="API address; empty: the provider's own · 留空即可，除非数据商给了专用地址",
        pattern="^(https?://.*)?$",
    )
    token: SecretStr = Field(
        SecretStr(""),
        title="天眼查 token",
        description="Tianyancha only · 天眼查开放平台 → 控制台 → 我的接口 → token，原样粘贴，不加 Bearer",
    )
    app_key: SecretStr = Field(
        SecretStr(""),
        title="企查查 AppKey",
        description="Qichacha only · 企查查开放平台 → 用户中心 → 我的接口 → Key",
    )
    secret_key: SecretStr = Field(
        SecretStr(""),
        title="企查查密钥 SecretKey",
        description="Qichacha only · 企查查开放平台 → 用户中心 → 我的接口 → SecretKey",
    )
    search_path: str = Field(
        "",
        title="搜索接口路径",
        description="Path of the search API; empty: the usual one · 数据商换了版本才填，见接口文档",
        pattern="^(/.*)?$",
    )
    detail_path: str = Field(
        "",
        title="工商信息接口路径",
        description="Path of the base-info API; empty: the usual one · 买的是另一个工商接口才填，见接口文档",
        pattern="^(/.*)?$",
    )
    price_search: Yuan = Field(
        Decimal("0.10"),
        title="搜索单价（元）",
        description="Yuan per search · 开放平台 → 我的接口 → 价格，以合同为准",
    )
    price_detail: Yuan = Field(
        Decimal("0.20"),
        title="工商信息单价（元）",
        description="Yuan per base-info call · 开放平台 → 我的接口 → 价格，以合同为准",
    )
    daily_budget: Yuan = Field(
        Decimal("20.00"),
        title="每日预算（元）",
        description="Yuan a day (Asia/Shanghai); nothing is asked beyond it · 自己定，花完后次日自动继续",
    )
    no_data_billed: bool = Field(
        True, title="查无也计费", description="Whether “no data” is billed · 以合同为准，不清楚就保持 true"
    )
    days_kept: int = Field(
        30, title="缓存天数", description="Days an answer is used again · 自己定，默认 30 天", ge=1, le=365
    )

    @model_validator(mode="after")
    def _fits(self) -> "Config":
        needed = (self.token,) if self.provider == "tianyancha" else (self.app_key, self.secret_key)
        if not all(secret.get_secret_value() for secret in needed):
            raise ValueError("天眼查要填 token；企查查要填 app_key 和 secret_key / the provider's secrets are missing")
        if self.daily_budget < self.price_search + self.price_detail:
            raise ValueError("每日预算不够查一家企业 / the daily budget does not pay for one company")
        return self
