"""`hub serve`: the API process of an installation."""

import json
import socket

import typer
import uvicorn
import uvloop

from hub.api.server import HastyProtocol
from hub.main import following, open_hub
from hub.main.app import create_app
from hub.observability import configure_logs
from hub.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("serve")(serve)


def serve() -> None:
    """启动 API 与 Webhook 入口 / start the API and the hooks; the first line on stdout is JSON {url}."""
    configure_logs()
    uvloop.run(_serve(Settings()))


async def _serve(settings: Settings) -> None:
    async with open_hub(settings) as opened, following(opened):
        listening = socket.create_server((settings.host, settings.port), backlog=1024)
        config = uvicorn.Config(
            create_app(opened), http=HastyProtocol, log_config=None, access_log=False, server_header=False
        )
        typer.echo(json.dumps({"url": f"http://{settings.host}:{listening.getsockname()[1]}"}))
        await uvicorn.Server(config).serve(sockets=[listening])
