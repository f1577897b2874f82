"""`hub db`: tables up and down, tenants."""

import asyncio
from typing import Annotated

import typer

from hub.cli.tell import done
from hub.domain.text import Text
from hub.ledger.database import Database, Unavailable
from hub.ledger.migrate import add_tenant, downgrade, upgrade
from hub.main import HOME_MIGRATIONS
from hub.settings import Settings

db = typer.Typer(no_args_is_help=True, help="数据库 / database")
CHECK = Text("核对 HUB_OWNER_DATABASE_URL。", "Check HUB_OWNER_DATABASE_URL.")
Json = Annotated[bool, typer.Option("--json")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.add_typer(db, name="db")


def _owner() -> str:
    """The address of the owner, which was reached; raises Unavailable."""
    url = Settings().owner_database_url.get_secret_value()
    asyncio.run(_reach(url))
    return url


async def _reach(url: str) -> None:
    try:
        database = await Database.open(url, 2)
    except Unavailable as error:
        raise Unavailable(error.message, hint=CHECK) from error
    await database.close()


@db.command("upgrade")
def db_upgrade(as_json: Json = False) -> None:
    """建表或升级 / create or upgrade the tables."""
    upgrade(_owner(), [HOME_MIGRATIONS])
    done({"migrated": True}, "数据库已是最新 / the database is up to date", as_json)


@db.command("downgrade")
def db_downgrade(
    yes: Annotated[bool, typer.Option("--yes", help="确认删除全部数据 / yes, drop everything")] = False,
    as_json: Json = False,
) -> None:
    """删除全部表 / drop all tables."""
    if not yes:
        raise typer.BadParameter("这会删除全部数据，请加 --yes / this drops all data: add --yes")
    downgrade(_owner(), [HOME_MIGRATIONS])
    done({"dropped": True}, "已删除 / dropped", as_json)


@db.command("tenant")
def db_tenant(tenant: str, name: str, as_json: Json = False) -> None:
    """新建租户 / add a tenant."""
    asyncio.run(add_tenant(_owner(), tenant, name))
    done({"tenant": tenant}, f"租户 {tenant} / tenant {tenant}", as_json)
