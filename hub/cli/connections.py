"""`hub connections`: add, list, probe."""

import asyncio
from typing import Annotated, Any

import typer
from pydantic import BaseModel, SecretStr, ValidationError
from pydantic.fields import FieldInfo

from hub.cli.person import Tenant
from hub.cli.tell import told
from hub.domain.errors import ConfigError, Throttled, Transient, VendorError
from hub.domain.text import Text
from hub.ledger.connections import everyone, find, release, save
from hub.main import Hub, open_hub
from hub.registry import Connection
from hub.sdk.client import make_client
from hub.sdk.connector import Connector
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="连接 / connections")
Json = Annotated[bool, typer.Option("--json")]

ONCE_MORE = Text(
    "核对连接里的地址与网络，内网地址要写进 HUB_EGRESS_ALLOW，再运行一次。",
    "Check the connection's address and the network, name inner networks in HUB_EGRESS_ALLOW, and run it once more.",
)


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="connections")


@group.command("add")
def add(
    connector: str,
    name: Annotated[str, typer.Option(help="连接名，默认同连接器 / default: the connector")] = "",
    values: Annotated[list[str] | None, typer.Option("--set", help="字段=值 / field=value")] = None,
    tenant: Tenant = "default",
) -> None:
    """新建或修改连接：先试通再保存 / add or change a connection; it is probed before it is saved."""
    given = dict(pair.partition("=")[::2] for pair in values or [])
    asyncio.run(_add(connector, name or connector, given, tenant))


async def _add(connector: str, name: str, given: dict[str, Any], tenant: str) -> None:
    async with open_hub(Settings(), make_client=make_client) as opened:
        found = opened.registry.connector(connector)
        config = opened.registry.read_config(connector, given) if given else _ask(found)
        connection = opened.registry.connect(connector, config)
        async with connection.http:
            saw = await try_out(connection)
        await store(opened, tenant, name, connector, config)
        typer.echo(f"{name}: {saw}；已保存 / saved")
        if found.webhook:
            typer.echo(f"回调地址，填到对方后台 / callback address for the vendor: https://…/hooks/{tenant}.{name}")


def _ask(connector: Connector[Any]) -> BaseModel:
    """Ask for every field of the config model, and again for those that are wrong, until all are right."""
    fields = connector.config.model_fields
    asked = {name: _ask_one(name, about) for name, about in fields.items()}
    while True:
        try:
            config: BaseModel = connector.config.model_validate(asked)
        except ValidationError as error:
            wrong = {str(each["loc"][0]): each["msg"] for each in error.errors() if each["loc"]}
            if not wrong.keys() <= fields.keys() or not wrong:
                raise
            for name, what in wrong.items():
                typer.secho(f"✕ {fields[name].title} ({name}): {what}", fg="red", err=True)
                asked[name] = _ask_one(name, fields[name])
        else:
            return config


def _ask_one(name: str, about: FieldInfo) -> str:
    """One field: its title, where to find it, its default; a secret is not shown while it is typed."""
    if about.description:
        typer.secho(f"  {about.description}", dim=True)
    secret = about.annotation is SecretStr
    default = None if about.is_required() else "" if secret else about.default
    words = f"{about.title} ({name})"
    answer = typer.prompt(words, default=default, hide_input=secret, show_default=not secret, type=str)
    return str(answer)


async def store(opened: Hub, tenant: str, name: str, connector: str, config: BaseModel) -> None:
    """Seal and save a connection; it ends a hold."""
    plain, sealed = opened.registry.seal(tenant, name, config)
    async with opened.database.unit(tenant) as unit:
        await save(unit, name, connector, plain, sealed)


@group.command("list")
def show(tenant: Tenant = "default", as_json: Json = False) -> None:
    """列出连接及状态 / list connections and how they are."""
    told(asyncio.run(_list(tenant)), as_json)


async def _list(tenant: str) -> list[dict[str, Any]]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        return [
            {"name": s.name, "connector": s.connector, "state": "held" if s.held_at else "ok", "why": s.held_why}
            for s in await everyone(unit)
        ]


@group.command("probe")
def probe(name: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """试通连接；通了就解除挂起 / probe a connection; a good answer ends a hold."""
    told([asyncio.run(_probe_one(name, tenant))], as_json)


async def _probe_one(name: str, tenant: str) -> dict[str, Any]:
    async with open_hub(Settings(), make_client=make_client) as opened:
        async with opened.database.unit(tenant) as unit:
            stored = await find(unit, name)
        if stored is None:
            raise ConfigError(f"no connection {name!r}")
        saw = await try_out(opened.registry.open(stored))
        async with opened.database.unit(tenant) as unit:
            await release(unit, name)
        return {"name": name, "ok": True, "saw": saw}


async def try_out(connection: Connection) -> str:
    """Probe a connection: what it saw. ConfigError with the vendor's reason when it does not work."""
    if connection.connector.probe is None:
        return "无探测 / no probe"
    try:
        return await connection.connector.probe(connection.context())
    except VendorError as error:
        passing = isinstance(error, Transient | Throttled)  # their hints are for deliveries, which are retried
        raise ConfigError(str(error), hint=ONCE_MORE if passing else error.hint) from error
