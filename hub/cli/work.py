"""`hub work`: a worker process of an installation."""

import asyncio
import signal
from collections.abc import Coroutine
from typing import Any

import typer
import uvloop

from hub.main import following, open_hub
from hub.main.worker import work
from hub.observability import configure_logs
from hub.sdk.client import make_client
from hub.settings import Settings


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("work")(worker)


def worker() -> None:
    """启动工作进程：投递、轮询、补漏 / start a worker: deliveries, polls, the sweep."""
    configure_logs()
    uvloop.run(_until_told(_work(Settings())))


async def _work(settings: Settings) -> None:
    async with open_hub(settings, make_client=make_client) as opened, following(opened):
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
