"""Who types, and for which tenant: the holder of an API key, or the login of this machine."""

import os
import pwd
from typing import Annotated

import typer

from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger.keys import check_key
from hub.sdk.home import Unit

Key = Annotated[
    str,
    typer.Option("--key", envvar="HUB_API_KEY", help="你的 API 密钥；不给则记系统登录名 / your API key, or your login"),
]
Tenant = Annotated[str, typer.Option(envvar="HUB_TENANT", help="租户 / tenant")]
SCOPE = "deliveries:replay"
NOT_YOURS = Text("换一个有效的、带这个权限的密钥。", "Use a valid key with this scope.")


async def person(unit: Unit, key: str) -> str:
    """The id of the key, or "cli:" and the login. Raises ConfigError for a key that is not good for replays."""
    if not key:
        return f"cli:{_login()}"
    found = await check_key(unit, key)
    if found is None or SCOPE not in found.scopes:
        raise ConfigError(f"密钥无效，或没有权限 {SCOPE} / no valid key with this scope", hint=NOT_YOURS)
    return found.key_id


def _login() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user without a name
        return str(os.getuid())
