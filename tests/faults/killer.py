"""What is done to the processes and services under test, and when: drawn from a seed before anything starts."""

import asyncio
import random
import signal
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.faults.family import Family, Member
from tests.faults.proxy import CutAt, Mode, Pass, Proxy, Reset, Slow
from tests.faults.services import Services

ODDS = {"kill": 60, "kill_api": 10, "stop": 8, "term": 6, "term_kill": 3, "pg": 2, "redis": 2}
"""How often each act is drawn. Only kill, kill_api and term_kill count as kills."""
ODDS_OF_PROXY = {"commit_lost": 8, "pg_slow": 4, "pg_reset": 4}
"""Acts on the chaos proxy before PostgreSQL, where there is one; they last `span_s`, lost COMMITs 0.5 s at most."""
KILLS = ("kill", "kill_api", "term_kill")
RARE = ("token.", "shutdown.", "reaper.", "poller.", "worker.before_look", "worker.after_look", "heartbeat.")


@dataclass(frozen=True, slots=True)
class Act:
    """One thing done. `who` counts members of the role; `span_s`: how long stopped, or until the KILL after a TERM."""

    wait_s: float
    act: str
    who: int
    span_s: float


def plan(seed: int, kills: int, pace_s: float, without: Sequence[str] = (), proxied: bool = False) -> list[Act]:
    """Acts until `kills` of them kill a process; the same for the same seed."""
    drawn = random.Random(f"{seed}/killer")
    possible = ODDS | ODDS_OF_PROXY if proxied else ODDS
    odds = {act: weight for act, weight in possible.items() if act not in without}
    acts: list[Act] = []
    left = kills
    while left > 0:
        act = drawn.choices(list(odds), list(odds.values()))[0]
        acts.append(Act(pace_s * (0.5 + drawn.random()), act, drawn.randrange(10**6), drawn.choice((0.3, 2.0, 8.0))))
        left -= act in KILLS
    return acts


class Killer:
    """Carries out a plan on a family and its services."""

    def __init__(self, family: Family, services: Services, proxy: Proxy | None) -> None:
        self._family = family
        self._services = services
        self._proxy = proxy
        self._later: set[asyncio.Task[None]] = set()

    async def carry_out(self, acts: Sequence[Act]) -> None:
        """Do one act after the other."""
        for act in acts:
            await asyncio.sleep(act.wait_s)
            await self._do(act)
        await asyncio.gather(*self._later)

    async def _do(self, act: Act) -> None:
        match act.act:
            case "pg":
                self._family.note("crash", "postgresql")
                await self._services.crash_postgres()
            case "redis":
                self._family.note("kill", "redis")
                await self._services.restart_redis()
            case "commit_lost":
                await self._spoil(act, CutAt(b"COMMIT\0"), min(act.span_s, 0.5))
            case "pg_slow":
                await self._spoil(act, Slow(0.05, 0.1), act.span_s)
            case "pg_reset":
                await self._spoil(act, Reset(), min(act.span_s, 2.0))
            case "kill_api":
                self._send("serve", act, signal.SIGKILL)
            case "kill":
                self._send("work", act, signal.SIGKILL)
            case "term":
                self._send("work", act, signal.SIGTERM)
            case "stop" | "term_kill":
                first, then = {"stop": (signal.SIGSTOP, signal.SIGCONT)}.get(act.act, (signal.SIGTERM, signal.SIGKILL))
                if pid := self._send("work", act, first):
                    task = asyncio.create_task(self._follow(act, pid, then))
                    self._later.add(task)
                    task.add_done_callback(self._later.discard)

    async def _spoil(self, act: Act, mode: Mode, seconds: float) -> None:
        if self._proxy is not None:
            self._family.note(act.act, "postgresql")
            self._proxy.mode = mode
            await asyncio.sleep(seconds)
            self._proxy.mode = Pass()

    def _send(self, role: str, act: Act, number: signal.Signals) -> int:
        member = self._member(role, act)
        pid = member.pid
        return pid if self._family.send(member.name, number, act.act) else 0

    async def _follow(self, act: Act, pid: int, number: signal.Signals) -> None:
        await asyncio.sleep(act.span_s)
        member = self._member("work", act)
        if member.pid == pid:
            self._family.send(member.name, number, f"{act.act}: {number.name}")

    def _member(self, role: str, act: Act) -> Member:
        mine = sorted((m for m in self._family.members.values() if m.role == role), key=lambda m: m.name)
        return mine[act.who % len(mine)]


class Rounds:
    """Every failpoint is to kill so many times: each new life of a process is armed with the one that is owed most.

    A life that outlasts `patience_s` without passing its place is killed all the same, and the place stays owed.
    """

    def __init__(self, names: Sequence[str], times: int, patience_s: float = 6.0) -> None:
        self._names = deque(sorted(names))
        self._times = times
        self._patience_s = patience_s
        self._lives = 0

    def arm(self, member: Member, fired: dict[str, int]) -> str:
        """The plan for a member's next life."""
        for _ in range(len(self._names)):
            self._names.rotate(-1)
            name = self._names[0]
            if fired.get(name, 0) < self._times and name.startswith("ingress.") == (member.role == "serve"):
                self._lives += 1
                return f"{name}=kill@{1 if name.startswith(RARE) else 1 + self._lives % 3}"
        return ""

    def owed(self, fired: dict[str, int]) -> dict[str, int]:
        """How often each place has yet to kill."""
        return {name: self._times - fired.get(name, 0) for name in self._names if fired.get(name, 0) < self._times}

    def share(self, fired: dict[str, int]) -> float:
        """How much of it is done, from 0 to 1."""
        whole = self._times * len(self._names)
        return 1 - sum(self.owed(fired).values()) / whole if whole else 1.0

    async def carry_out(self, family: Family, longest_s: float) -> None:
        """Until nothing is owed, or for so long."""
        until = time.monotonic() + longest_s
        while self.owed(family.fired) and time.monotonic() < until:
            await asyncio.sleep(0.1)
            for member in list(family.members.values()):
                lived = time.monotonic() - member.born
                if member.point.startswith("shutdown.") and lived > 1 and not member.doomed:
                    family.send(member.name, signal.SIGTERM, "term")
                elif lived > self._patience_s and member.point and member.doomed in ("", "term"):
                    family.send(member.name, signal.SIGKILL, "kill")


class Zombies:
    """Workers that fall asleep between the intent and the write, outlast their lease, and wake up to send.

    Each new life of every second worker is armed to stop itself there, so that there is another to take over; it is
    continued `asleep_s` after, and killed when it has had time to do harm.
    """

    def __init__(self, times: int, asleep_s: float, awake_s: float = 1.5) -> None:
        self._times = times
        self._asleep_s = asleep_s
        self._awake_s = awake_s
        self._woken = 0
        self._began = time.monotonic()

    def arm(self, member: Member, _fired: dict[str, int]) -> str:
        """The plan for a member's next life."""
        sleepy = member.role == "work" and int(member.name.rpartition("-")[2]) % 2 == 0
        return "worker.after_intent=stop@1" if sleepy else ""

    def share(self, _fired: dict[str, int]) -> float:
        """How much of it is done, from 0 to 1; some work is let out with time, so that sleepers find some."""
        return min(1.0, max(self._woken / self._times, (time.monotonic() - self._began) / 60))

    async def carry_out(self, family: Family, longest_s: float) -> None:
        """Until so many have come back from the dead, or for so long."""
        until = time.monotonic() + longest_s
        asleep: dict[int, float] = {}
        while self._woken < self._times and time.monotonic() < until:
            await asyncio.sleep(0.1)
            for member in [m for m in family.members.values() if m.pid and _is_stopped(m.pid)]:
                since = asleep.setdefault(member.pid, time.monotonic())
                if time.monotonic() - since >= self._asleep_s:
                    self._woken += family.send(member.name, signal.SIGCONT, "woken")
                    asyncio.get_running_loop().call_later(self._awake_s, _kill, family, member.name, member.pid)


def _is_stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _kill(family: Family, name: str, pid: int) -> None:
    if family.members[name].pid == pid:
        family.send(name, signal.SIGKILL, "kill")
