"""One command, `hub`."""

import json
from pathlib import Path
from typing import Annotated

import typer

from hub.cli import connections, deliveries, demo, keys, run
from hub.credentials import Vault
from hub.domain.errors import ConfigError, HubError
from hub.main import migrate_down, migrate_up
from hub.registry import discover
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit, run_sandbox
from hub.settings import Settings

app = typer.Typer(no_args_is_help=True, help="连枢 Lianshu：集成中枢 / integration hub", pretty_exceptions_enable=False)
db = typer.Typer(no_args_is_help=True, help="数据库 / database")
app.add_typer(db, name="db")
app.add_typer(connections.app, name="connections")
app.add_typer(deliveries.app, name="deliveries")
app.add_typer(keys.app, name="keys")
app.command("serve")(run.serve)
app.command("work")(run.worker)
app.command("demo")(demo.demo)


@app.command()
def config(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """打印设置，密文打码 / print the settings, secrets masked."""
    shown = Settings().model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, field in Settings.model_fields.items():
        typer.echo(f"HUB_{name.upper()}={shown[name]}    # {field.description}")


@app.command("secret-key")
def secret_key() -> None:
    """生成 HUB_SECRET_KEY / make a HUB_SECRET_KEY."""
    typer.echo(Vault.new_key())


@db.command("upgrade")
def db_upgrade() -> None:
    """建表或升级 / create or upgrade the tables."""
    migrate_up(Settings())
    typer.echo("数据库已是最新 / the database is up to date")


@db.command("downgrade")
def db_downgrade(
    yes: Annotated[bool, typer.Option("--yes", help="确认删除全部数据 / yes, drop everything")] = False,
) -> None:
    """删除全部表 / drop all tables."""
    if not yes:
        raise typer.BadParameter("这会删除全部数据，请加 --yes / this drops all data: add --yes")
    migrate_down(Settings())


@app.command()
def sandbox(
    connector: str,
    port: int = 0,
    ledger: Annotated[Path | None, typer.Option(help="每个效果一行 JSON / one JSON line per effect")] = None,
    faults: Annotated[str, typer.Option(help="例 / e.g. http_503=0.1,latency=50ms,drop_after=0.05")] = "",
    seed: int = 0,
    option: Annotated[list[str] | None, typer.Option(help="名=值 / name=value")] = None,
) -> None:
    """启动沙箱厂商，先打印一行 JSON / start a fake vendor; its first line is JSON: url, port, credentials."""
    found = discover().get(connector)
    if found is None or found.sandbox is None:
        raise typer.BadParameter(f"没有沙箱 / no sandbox: {connector}")
    options = dict(pair.partition("=")[::2] for pair in option or [])
    try:
        kit = SandboxKit(EffectLedger(ledger), Faults(faults, seed), options)
    except (ConfigError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error
    run_sandbox(found.sandbox, kit, port, typer.echo)


def main() -> None:
    """Run the command; a refusal is told in one line, with what to do."""
    try:
        app()
    except HubError as error:
        typer.echo(f"{error} {error.hint}", err=True)
        raise SystemExit(1) from error
