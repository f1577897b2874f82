"""The hub's own processes with the fault vendor's connector on board.

`python -m tests.faults.process serve|work` is `hub serve|work` with that one connector. `… nursery` loads the hub
once and forks such processes on demand, so that a restart after a kill costs milliseconds: it reads a line of JSON
{name, role, log, environment} for each, and tells {name, pid} when it is there and {name, pid, status} at its end.
"""

import json
import os
import selectors
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from hub import main
from hub.cli.serve import serve
from hub.cli.work import worker
from hub.delivery import policy
from hub.domain.errors import ConfigError
from tests.faults.bench_connector import connector
from tests.faults.ending import end_with_parent
from tests.faults.mutants import MUTANTS

MAPPINGS = Path(__file__).with_name("mappings")
ROLES: dict[str, Callable[[], None]] = {"serve": serve, "work": worker}
log = structlog.get_logger("faults")


def install() -> None:
    """Make the hub of this process know the fault vendor and nothing else, wait less, and let failpoints be armed."""
    main.__dict__["discover"] = lambda: {"bench": connector}
    if scale := float(os.environ.get("FAULTS_WAIT_SCALE", "0")):
        policy.__dict__["BACKOFF"] = tuple(max(0.1, min(each * scale, 3.0)) for each in policy.BACKOFF)
    if mutant := os.environ.get("FAULTS_MUTANT"):
        MUTANTS[mutant]()
    os.environ.setdefault("HUB_ENVIRONMENT", "test")


def run(role: str) -> None:
    """Be a hub process of this role until told to end."""
    install()
    ROLES[role]()


def nurse() -> Callable[[], None] | None:
    """Fork processes as told on stdin until it closes. In a child: what it has to do; in the parent: None."""
    end_with_parent()
    told, tell = os.pipe()
    os.set_blocking(tell, False)
    signal.set_wakeup_fd(tell)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    living: dict[int, str] = {}
    with selectors.DefaultSelector() as selector:
        selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        selector.register(told, selectors.EVENT_READ)
        rest = b""
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if told in ready:
                os.read(told, 4096)
                _bury(living)
            if sys.stdin.fileno() in ready:
                read = os.read(sys.stdin.fileno(), 65536)
                if not read:
                    return None
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    pid = os.fork()
                    if pid == 0:
                        return _become(order)
                    living[pid] = order["name"]
                    _tell({"name": order["name"], "pid": pid})


def _bury(living: dict[int, str]) -> None:
    while living:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        _tell({"name": living.pop(pid), "pid": pid, "status": os.waitstatus_to_exitcode(status)})


def _become(order: dict[str, Any]) -> Callable[[], None]:
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    end_with_parent()
    with Path(order["log"]).open("a", encoding="utf-8") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    with Path(os.devnull).open(encoding="utf-8") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.update(order["environment"])
    return lambda: run(order["role"])


def _tell(row: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(row) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    if sys.argv[1] not in (*ROLES, "nursery"):
        raise ConfigError(f"serve, work or nursery, not {sys.argv[1]!r}")
    end_with_parent()
    job: Callable[[], None] | None = nurse() if sys.argv[1] == "nursery" else lambda: run(sys.argv[1])
    if job is not None:
        job()
