"""The fake archive alone, over a real socket in this process, so that a test can look into it and order manners."""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connectors.wecom import connector
from connectors.wecom.archive import pull_messages
from connectors.wecom.archive.library import CHILD
from connectors.wecom.config import Config
from connectors.wecom.sandbox.archive import SECRET, Archive, add_archive
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults

CORP = "wwsandboxcorp0001"
ANNA = "wmGAgeDQAAy2Dtr0F8aK4dTuatfm-5Rg"
BEN = "woAJ2GCAAAXtWyujaWJHDDGi0mACH71w"


class Host:
    """A running archive, and connections to it."""

    def __init__(self, archive: Archive, url: str) -> None:
        self.archive = archive
        self.url = url
        self.sign_ins = 0
        self.memory = sdk.LocalMemory()

    def config(self, **changes: Any) -> dict[str, Any]:
        """The config of a connection, as a person enters it."""
        app = {"api_url": self.url, "corp_id": CORP, "agent_id": 1000002, "secret": "app-secret"}
        callback = {"callback_token": "t", "callback_aes_key": "k" * 43}
        return {**app, **callback, **self.archive.credentials(), **changes}

    def context(self, patience_s: float = 20.0, **changes: Any) -> sdk.Context[Config]:
        """A connection that remembers what the last one of this host did."""
        ctx = testing.open_context(connector, self.config(**changes), memory=self.memory)
        ctx.deadline = timedelta(seconds=patience_s)
        return ctx

    async def pull(self, cursor: str = "", **changes: Any) -> sdk.Page:
        """One page."""
        return await pull_messages(self.context(**changes), cursor)

    async def token(self, request: Request) -> Response:
        """GET /cgi-bin/gettoken; only the archive's secret is known here."""
        self.sign_ins += 1
        if request.query_params.get("corpsecret") != SECRET or request.query_params.get("corpid") != CORP:
            return JSONResponse({"errcode": 40001, "errmsg": "invalid credential"})
        told = {"errcode": 0, "errmsg": "ok", "access_token": self.archive.token, "expires_in": 7200}
        return JSONResponse(told)


def children() -> list[int]:
    """Process ids of our archive children, oldest first."""
    found = []
    for each in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it ended meanwhile
            parent = (each / "stat").read_text().rpartition(")")[2].split()[1]
            if int(parent) == os.getpid() and str(CHILD).encode() in (each / "cmdline").read_bytes():
                found.append(int(each.name))
    return sorted(found)


def read_all(pages: list[sdk.Page]) -> list[dict[str, Any]]:
    """The data of all events, in order."""
    return [dict(event.data) for page in pages for event in page.events]


@contextmanager
def serve() -> Iterator[Host]:
    """An archive for the length of a block."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    archive = add_archive(sdk.SandboxKit(EffectLedger(None), Faults(), {"archive": "1"}, url))
    assert archive is not None
    host = Host(archive, url)
    routes = [*archive.routes(), Route("/cgi-bin/gettoken", host.token)]
    config = uvicorn.Config(Starlette(routes=routes), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        while not server.started:
            time.sleep(0.01)
        yield host
    finally:
        server.should_exit = True
        thread.join(10)
