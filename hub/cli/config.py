"""`hub config` and `hub secret-key`."""

import json
from typing import Annotated

import typer

from hub.credentials import Vault
from hub.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("config")(config)
    app.command("secret-key")(secret_key)


def config(as_json: Annotated[bool, typer.Option("--json")] = False) -> None:
    """打印设置，密文打码 / print the settings, secrets masked."""
    shown = Settings().model_dump(mode="json")
    if as_json:
        typer.echo(json.dumps(shown, ensure_ascii=False))
        return
    for name, field in Settings.model_fields.items():
        typer.echo(f"HUB_{name.upper()}={shown[name]}    # {field.description}")


def secret_key() -> None:
    """生成 HUB_SECRET_KEY / make a HUB_SECRET_KEY."""
    typer.echo(Vault.new_key())
