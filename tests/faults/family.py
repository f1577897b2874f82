"""The hub's processes under test: started through the nursery, watched, started again whenever one ends."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import simplejson

REPEAT_S = 0.3
AWAY = "hub.ledger.database.Unavailable:"
"""How the log of a process ends that could not start because PostgreSQL was down just then."""


@dataclass(slots=True)
class Member:
    """One process slot. `pid` is 0 between two lives; `point` is the failpoint its present life is armed with."""

    name: str
    role: str
    environment: dict[str, str]
    pid: int = 0
    born: float = 0.0
    point: str = ""
    doomed: str = ""
    log_from: int = 0


@dataclass(slots=True)
class Family:
    """Starts members, brings each back when it ends, and keeps the log of what killed whom.

    Attributes:
        arming: what HUB_FAILPOINTS is for the next life of a member, "" for none.
        deaths: how often a member was killed with SIGKILL, by whatever.
        not_started: lives that ended at once because PostgreSQL was away; they are repeated.
        crashes: lives that ended by themselves with an error: (name, status, the end of its log).
    """

    folder: Path
    environment: dict[str, str]
    arming: Callable[[Member], str] = lambda _member: ""
    members: dict[str, Member] = field(default_factory=dict)
    deaths: int = 0
    not_started: int = 0
    fired: dict[str, int] = field(default_factory=dict)
    crashes: list[tuple[str, int, str]] = field(default_factory=list)
    _nursery: asyncio.subprocess.Process | None = None
    _watching: asyncio.Task[None] | None = None
    _closing: bool = False
    _all_gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def open(self) -> None:
        """Start the nursery; members may be started afterwards."""
        with (self.folder / "nursery.log").open("a", encoding="utf-8") as log:
            self._nursery = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.faults.process", "nursery"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env={**os.environ, **self.environment},
            )
        self._watching = asyncio.create_task(self._watch())

    def add(self, name: str, role: str, **environment: str) -> None:
        """Start a member and keep it alive."""
        member = self.members[name] = Member(name, role, environment)
        self._start(member)

    def send(self, name: str, number: signal.Signals, act: str) -> bool:
        """Send a signal to a member if it lives; noted in the killer's log."""
        member = self.members[name]
        if not member.pid:
            return False
        try:
            os.kill(member.pid, number)
        except ProcessLookupError:  # it died of something else this very moment
            return False
        if number in (signal.SIGKILL, signal.SIGTERM):
            member.doomed = act
        self.note(act, name, pid=member.pid)
        return True

    def note(self, act: str, who: str, **facts: Any) -> None:
        """Add a line to the killer's log."""
        with (self.folder / "kills.jsonl").open("a", encoding="utf-8") as file:
            file.write(simplejson.dumps({"at": round(time.time(), 4), "act": act, "who": who, **facts}) + "\n")

    async def close(self, patience_s: float = 10.0) -> None:
        """SIGTERM to all, SIGKILL to who does not listen, then end the nursery."""
        self._closing = True
        for number in (signal.SIGCONT, signal.SIGTERM, signal.SIGKILL):
            for member in self.members.values():
                if member.pid:
                    with suppress(ProcessLookupError):
                        os.kill(member.pid, number)
            if number is signal.SIGTERM and any(m.pid for m in self.members.values()):
                try:
                    await asyncio.wait_for(self._all_gone.wait(), patience_s)
                except TimeoutError:
                    continue
        if self._nursery and self._nursery.stdin:
            self._nursery.stdin.close()
            await self._nursery.wait()
        if self._watching:
            await self._watching

    def _start(self, member: Member) -> None:
        if self._closing or self._nursery is None or self._nursery.stdin is None:
            return
        member.point, member.doomed, member.born = self.arming(member), "", time.monotonic()
        log = self._log(member)
        member.log_from = log.stat().st_size if log.exists() else 0
        environment = {**self.environment, **member.environment, "HUB_FAILPOINTS": member.point}
        order = {"name": member.name, "role": member.role, "environment": environment, "log": str(log)}
        self._nursery.stdin.write(json.dumps(order).encode() + b"\n")

    def _log(self, member: Member) -> Path:
        return self.folder / f"{member.name}.log"

    async def _watch(self) -> None:
        if self._nursery is None or self._nursery.stdout is None:
            return
        async for line in self._nursery.stdout:
            row = json.loads(line)
            member = self.members[row["name"]]
            if "status" not in row:
                member.pid = row["pid"]
                continue
            member.pid = 0
            self._bury(member, row["status"])
            if self._closing and not any(m.pid for m in self.members.values()):
                self._all_gone.set()
            asyncio.get_running_loop().call_later(REPEAT_S if row["status"] > 0 else 0.0, self._start, member)

    def _bury(self, member: Member, status: int) -> None:
        end = _end_of(self._log(member), member.log_from)
        armed = member.point.partition("=")[0]
        if status == -signal.SIGKILL:
            self.deaths += 1
            if "=kill" in member.point and end.rstrip().endswith(f"failpoint {armed}"):
                self.note(f"failpoint {armed}", member.name)
                self.fired[armed] = self.fired.get(armed, 0) + 1
            elif not member.doomed:
                self.note("killed by the vendor", member.name)
        elif status > 0 and AWAY in end:
            self.not_started += 1
        elif not self._closing and not (status in (0, -signal.SIGTERM) and member.doomed):
            self.crashes.append((member.name, status, end))
            self.note(f"ended by itself with {status}", member.name)


def _end_of(log: Path, since: int, most: int = 3000) -> str:
    if not log.exists():
        return ""
    with log.open("rb") as file:
        file.seek(max(since, log.stat().st_size - most))
        return file.read().decode("utf-8", "replace")
