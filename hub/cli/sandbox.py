"""`hub sandbox`: a fake vendor that speaks the real protocol."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from hub.domain.errors import ConfigError
from hub.registry import load_sandbox
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit
from hub.sdk.stage import run_sandbox


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    connector: str,
    port: int = 0,
    ledger: Annotated[Path | None, typer.Option(help="每个效果一行 JSON / one JSON line per effect")] = None,
    faults: Annotated[str, typer.Option(help="例 / e.g. http_503=0.1,latency=50ms,drop_after=0.05")] = "",
    seed: int = 0,
    option: Annotated[list[str] | None, typer.Option(help="名=值 / name=value")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="先打印一行 JSON / the first line is JSON")] = False,
) -> None:
    """启动沙箱厂商，并打印地址和连接它的命令 / start a fake vendor; tells its address and how to connect to it."""
    found = load_sandbox(connector)
    if found is None:
        raise typer.BadParameter(f"没有沙箱 / no sandbox: {connector}")
    options = dict(pair.partition("=")[::2] for pair in option or [])
    try:
        kit = SandboxKit(EffectLedger(ledger), Faults(faults, seed), options)
    except (ConfigError, ValueError) as error:
        raise typer.BadParameter(str(error)) from error

    def announce(told: dict[str, Any]) -> None:
        typer.echo(json.dumps(told, ensure_ascii=False) if as_json else words_of(connector, told))

    run_sandbox(found, kit, port, announce)


def words_of(connector: str, told: dict[str, Any]) -> str:
    """Where it listens, and the command that connects the hub to it, ready to be pasted."""
    values = " ".join(f"--set {shlex.quote(f'{name}={value}')}" for name, value in told["credentials"].items())
    return (
        f"沙箱已启动 / listening: {told['url']}   Ctrl-C 结束 / ends it\n"
        f"连接它 / connect to it:\n  HUB_EGRESS_ALLOW=127.0.0.0/8 hub connections add {connector} {values}"
    )
