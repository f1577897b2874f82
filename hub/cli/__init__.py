"""One command, `hub`. A command's module is loaded only when it is asked for: a sandbox needs no database library."""

import sys
from importlib import import_module

import typer

from hub.cli.lean import leaving_out
from hub.domain.errors import HubError

COMMANDS = {
    "serve": "hub.cli.serve",
    "work": "hub.cli.work",
    "demo": "hub.cli.demo",
    "sandbox": "hub.cli.sandbox",
    "check": "hub.cli.check",
    "new": "hub.cli.new",
    "db": "hub.cli.database",
    "connections": "hub.cli.connections",
    "deliveries": "hub.cli.deliveries",
    "replays": "hub.cli.replays",
    "mappings": "hub.cli.mappings",
    "streams": "hub.cli.streams",
    "explain": "hub.cli.explain",
    "reconcile": "hub.cli.reconcile",
    "schema": "hub.cli.schema",
    "plan": "hub.cli.deploy",
    "apply": "hub.cli.deploy",
    "rollback": "hub.cli.deploy",
    "releases": "hub.cli.deploy",
    "pull": "hub.cli.deploy",
    "keys": "hub.cli.keys",
    "config": "hub.cli.config",
    "secret-key": "hub.cli.config",
}

NOT_NEEDED = {"serve": ("rich", "pygments"), "work": ("rich", "pygments", "click")}
"""For a terminal. httpx and structlog load them where they can: 6 MB in each process. uvicorn needs click."""


def load(asked: str) -> typer.Typer:
    """The command line with the module of the command asked for, or with all of them for the help."""
    app = typer.Typer(
        no_args_is_help=True, help="连枢 Lianshu：集成中枢 / integration hub", pretty_exceptions_enable=False
    )
    with leaving_out(*NOT_NEEDED.get(asked, ())):
        for module in sorted({COMMANDS[asked]} if asked in COMMANDS else set(COMMANDS.values())):
            import_module(module).add_to(app)
    app.callback()(lambda: None)  # keeps the command's name when only one is loaded
    return app


def main() -> None:
    """Run the command; a refusal is told in one line, with what to do."""
    try:
        load(sys.argv[1] if len(sys.argv) > 1 else "")()
    except HubError as error:
        typer.echo(f"{error} {error.hint}", err=True)
        raise SystemExit(1) from error
