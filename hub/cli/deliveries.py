"""`hub deliveries`: list, show, replay, cancel."""

import asyncio
from typing import Annotated, Any

import typer

from hub.cli.tell import done, told
from hub.domain.errors import ConfigError
from hub.domain.text import Text
from hub.ledger.queries import Wanted, newest, whole
from hub.ledger.replay import cancel, replay
from hub.main import open_hub
from hub.sdk.exact import dumps
from hub.settings import Settings

group = typer.Typer(no_args_is_help=True, help="投递 / deliveries")
Json = Annotated[bool, typer.Option("--json")]
Tenant = Annotated[str, typer.Option(help="租户 / tenant")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(group, name="deliveries")


@group.command("list")
def show_all(
    state: Annotated[list[str] | None, typer.Option(help="状态 / state")] = None,
    flow: str = "",
    record: str = "",
    limit: int = 50,
    tenant: Tenant = "default",
    as_json: Json = False,
) -> None:
    """最新的在前 / newest first."""
    told(asyncio.run(_list(Wanted(states=state or (), flow=flow, record=record, limit=limit), tenant)), as_json)


async def _list(wanted: Wanted, tenant: str) -> list[dict[str, Any]]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        columns = ("id", "state", "flow", "record", "connection", "action", "attempts", "error", "hint_zh")
        return [{name: getattr(row, name) for name in columns} for row in await newest(unit, wanted)]


@group.command("show")
def show(delivery_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """一次投递的全部：事件、载荷、每次尝试 / one delivery: event, payload, every attempt."""
    found = asyncio.run(_show(delivery_id, tenant))
    told([found] if as_json else [{"": name, " ": value} for name, value in found.items()], as_json)


async def _show(delivery_id: str, tenant: str) -> dict[str, Any]:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        found = await whole(unit, delivery_id)
    if found is None:
        raise _unknown(delivery_id)
    listed = {name: getattr(found.listed, name) for name in found.listed.__slots__}
    rest = {"payload": dumps(found.payload), "attempts_made": found.attempts, "refs": found.refs}
    return {**listed, **rest}


@group.command("replay")
def put_back(delivery_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """重放：同一幂等键，不会重复生效 / replay under the same idempotency key."""
    asyncio.run(_move(delivery_id, tenant, again=True))
    done({"id": delivery_id, "state": "pending"}, "已重放 / replayed", as_json)


@group.command("cancel")
def give_up(delivery_id: str, tenant: Tenant = "default", as_json: Json = False) -> None:
    """放弃：同一记录后面的投递继续 / give it up; its lane goes on."""
    asyncio.run(_move(delivery_id, tenant, again=False))
    done({"id": delivery_id, "state": "cancelled"}, "已放弃 / cancelled", as_json)


async def _move(delivery_id: str, tenant: str, again: bool) -> None:
    async with open_hub(Settings()) as opened, opened.database.unit(tenant) as unit:
        if await (replay if again else cancel)(unit, delivery_id) is None:
            raise _unknown(delivery_id)


def _unknown(delivery_id: str) -> ConfigError:
    hint = Text("用 hub deliveries list 查看编号与状态。", "See ids and states with `hub deliveries list`.")
    return ConfigError(f"{delivery_id}: 不存在，或状态不允许 / unknown, or its state does not allow it", hint=hint)
