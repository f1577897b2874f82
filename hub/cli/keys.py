"""`hub keys`: API keys."""

import asyncio
from typing import Annotated

import typer

from hub.cli.person import Tenant
from hub.cli.tell import done
from hub.ledger.keys import create_key, revoke_key
from hub.main import open_hub
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="API 密钥 / API keys")
Json = Annotated[bool, typer.Option("--json")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="keys")


@group.command("create")
def create(
    name: str,
    scope: Annotated[list[str], typer.Option(help="权限 / scope")],
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """新建密钥，只显示这一次 / make a key; it is shown only now."""
    key = asyncio.run(_create(name, scope, tenant))
    done({"key": key}, key, as_json)


async def _create(name: str, scopes: list[str], tenant: str) -> str:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return await create_key(unit, name, scopes)


@group.command("revoke")
def revoke(key_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """作废密钥 / end a key now."""
    ended = asyncio.run(_revoke(key_id, tenant))
    done({"revoked": ended}, "已作废 / revoked" if ended else "没有这个密钥 / no such key", as_json)


async def _revoke(key_id: str, tenant: str) -> bool:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return await revoke_key(unit, key_id)
