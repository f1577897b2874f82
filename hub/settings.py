"""HUB_* settings, read once at start and refused when unsafe."""

from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


class Settings(BaseSettings):
    """Everything the hub is told from outside. `hub config` prints it with secrets masked."""

    model_config = SettingsConfigDict(env_prefix="HUB_", env_file=None, extra="ignore", frozen=True)

    database_url: SecretStr = Field(
        SecretStr("postgresql://hub_app@127.0.0.1:5432/hub"),
        description="postgresql://role:password@host:port/database as the role hub_app (neither owner nor superuser)",
    )
    owner_database_url: SecretStr = Field(
        SecretStr("postgresql://hub_owner@127.0.0.1:5432/hub"),
        description="the same as the role that owns the tables; used by `hub db` alone",
    )
    redis_url: SecretStr = Field(SecretStr("redis://127.0.0.1:6379/0"), description="Redis for wake-ups; may be down")
    secret_key: SecretStr = Field(
        SecretStr(""), description="32 bytes, base64: the key that encrypts connection secrets at rest"
    )
    data_dir: Path = Field(Path(".data"), description="where `hub demo` keeps its PostgreSQL and Redis")
    mappings_dir: Path = Field(Path("mappings"), description="mapping, flow and table files")
    tenant: str = Field("default", description="the tenant of a command without --tenant")
    host: str = Field("127.0.0.1", description="address the API listens on")
    port: int = Field(8321, ge=0, le=65535, description="port the API listens on; 0 takes a free one")
    egress_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="inner networks the hub may call, comma separated CIDR, such as 192.168.10.0/24"
    )
    max_body_bytes: int = Field(1024 * 1024, ge=1024, le=10 * 1024 * 1024, description="largest request body taken")
    hook_per_s: float = Field(1000, gt=0, description="requests a second one hook may send to each process")
    hook_burst: int = Field(5000, ge=1, description="requests one hook may send at once")
    body_timeout_s: int = Field(30, ge=1, le=120, description="seconds a sender may take for a request body")
    lease_s: int = Field(15, ge=3, le=600, description="seconds a worker may hold a delivery without a heartbeat")
    sweep_s: float = Field(1.0, gt=0, le=60, description="seconds between looks for missed wake-ups")
    environment: str = Field("production", description="production, or test: where failpoints may be armed")
    failpoints: str = Field("", description="where this process is to fail, for tests alone; refused in production")
    pool_size: int = Field(
        10, ge=2, le=100, description="PostgreSQL connections of each process; its hooks have as many of their own"
    )

    @field_validator("egress_allow", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(p.strip() for p in value.split(",") if p.strip()) if isinstance(value, str) else value
