"""PostgreSQL and Redis under test, and the monkeys that crash them."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from hub.embedded.local import Local, start
from hub.embedded.postgres import Cluster

DATABASE = "hub_faults"
DOWN_S = 0.5


@dataclass(slots=True)
class Services:
    """A PostgreSQL and a Redis below `folder`; both stop with this process."""

    folder: Path
    local: Local
    redis: subprocess.Popen[bytes] | None
    clusters: list[Cluster] = field(default_factory=list)

    @classmethod
    async def open(cls, folder: Path) -> "Services":
        """Start both."""
        local = await start(folder, DATABASE, fresh=True)
        return cls(folder, local, local.redis.process)

    @property
    def socket(self) -> str:
        """The path of PostgreSQL's Unix socket."""
        return self.local.environment["HUB_DATABASE_URL"].rpartition("host=")[2] + "/.s.PGSQL.5432"

    def address(self, port: int) -> str:
        """The application's database as it is reached through a loopback port."""
        return f"postgresql://hub_app@127.0.0.1:{port}/{DATABASE}"

    async def crash_postgres(self) -> None:
        """SIGQUIT to the postmaster: it stops as after a power cut (`stop -m immediate`); then it is started again."""
        directory = self.folder / "postgres"
        pid = int((directory / "postmaster.pid").read_text("utf-8").split("\n")[0])
        os.kill(pid, signal.SIGQUIT)
        await asyncio.to_thread(_wait_for_end, pid)
        await asyncio.sleep(DOWN_S)
        self.clusters.append(await asyncio.to_thread(Cluster, directory))

    def kill_redis(self) -> None:
        """SIGKILL; it stays away until it is started again."""
        if self.redis is not None:
            self.redis.kill()
            self.redis.wait()
            self.redis = None

    async def restart_redis(self) -> None:
        """Kill it, and start it again empty on the same port."""
        self.kill_redis()
        await asyncio.sleep(DOWN_S)
        self._start_redis()

    def _start_redis(self) -> None:
        command = self.local.redis.process.args
        self.redis = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    async def flush_redis(self, every_s: float) -> None:
        """FLUSHALL again and again until cancelled; a Redis that is away is passed over."""
        port = int(self.local.redis.url.rsplit(":", 1)[1].partition("/")[0])
        while True:
            await asyncio.sleep(every_s)
            with suppress(OSError):
                await asyncio.to_thread(_flush, port)

    def close(self) -> None:
        """End Redis; PostgreSQL stops at the end of this process."""
        self.kill_redis()


def _flush(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=1) as wire:
        wire.sendall(b"FLUSHALL\r\n")
        wire.recv(64)


def _wait_for_end(pid: int, longest_s: float = 20.0) -> None:
    until = time.monotonic() + longest_s
    while time.monotonic() < until:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    raise TimeoutError(f"PostgreSQL {pid} did not stop")
