"""`hub serve` and `hub work`: the two processes of an installation."""

import asyncio
import json
import signal
import socket
from collections.abc import Coroutine
from typing import Any

import typer
import uvicorn
import uvloop

from hub.api.server import HastyProtocol
from hub.main import create_app, following, open_hub, work
from hub.observability import configure_logs
from hub.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("serve")(serve)
    app.command("work")(worker)


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


def worker() -> None:
    """启动工作进程：投递、轮询、补漏 / start a worker: deliveries, polls, the sweep."""
    configure_logs()
    uvloop.run(_until_told(_work(Settings())))


async def _work(settings: Settings) -> None:
    async with open_hub(settings) as opened, following(opened):
        await work(opened)


async def _until_told(job: Coroutine[Any, Any, None]) -> None:
    """Run until SIGTERM or SIGINT; what is under way is finished first."""
    task = asyncio.ensure_future(job)
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return
