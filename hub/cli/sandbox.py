"""`hub sandbox`: a fake vendor that speaks the real protocol."""

from pathlib import Path
from typing import Annotated

import typer

from hub.domain.errors import ConfigError
from hub.registry import discover
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit, run_sandbox


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
