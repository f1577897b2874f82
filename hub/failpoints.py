"""Named places where a test may kill, fail, delay or hang this process. Inert until `arm` is called with a plan.

A plan is text: "worker.after_send=kill@3,reaper.before=raise,poller.after_page=sleep:5,worker.in_map=hang,x=exit".
`@3` means at the third time the place is passed, and only then; without it acts come every time. Sleeping and
hanging block the thread that passes, `stop` the whole process (SIGSTOP) until somebody sends SIGCONT.
"""

import os
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from hub.domain.errors import ConfigError
from hub.domain.text import Text

NAMES = frozenset(
    {
        "ingress.before_insert",
        "ingress.after_insert",
        "ingress.before_commit",
        "ingress.after_commit",
        "worker.before_claim",
        "worker.after_claim",
        "worker.in_map",
        "worker.before_intent",
        "worker.after_intent",
        "worker.before_send",
        "worker.mid_send",
        "worker.after_send",
        "worker.after_answer",
        "worker.before_look",
        "worker.after_look",
        "worker.before_record_commit",
        "worker.after_record",
        "worker.at_home_before_commit",
        "heartbeat.before",
        "heartbeat.after",
        "reaper.before",
        "reaper.after",
        "poller.after_turn",
        "poller.after_page",
        "poller.before_commit",
        "poller.after_commit",
        "token.before_refresh",
        "token.after_refresh",
        "waker.before_wake",
        "listener.after_wake",
        "shutdown.begun",
    }
)
"""Every place there is; a plan that names another is refused."""

HINT = Text(
    "失效点只供测试使用：改正 HUB_FAILPOINTS，生产环境请删掉它。",
    "Failpoints are for tests: correct HUB_FAILPOINTS, and remove it in production.",
)


class FailpointError(RuntimeError):
    """What `raise` throws: no HubError, so it is met like a bug."""


@dataclass(slots=True)
class _Trap:
    act: Callable[[str], None]
    only_at: int | None
    passed: int = 0


_traps: dict[str, _Trap] = {}


def point(name: str) -> None:
    """Pass a named place. Costs one look at an empty dict unless a plan is armed; KeyError for an unknown name then."""
    if _traps:
        _pass(name)


def armed() -> bool:
    """Whether a plan is in force."""
    return bool(_traps)


def arm(plan: str, environment: str = "") -> None:
    """Put a plan in force instead of the one before; "" disarms. Counting begins anew.

    Raises:
        ConfigError: the plan is malformed, names an unknown place, or the environment is "production".
    """
    traps = dict(_read(part.strip()) for part in plan.split(",") if part.strip())
    if traps and environment == "production":
        raise ConfigError("HUB_FAILPOINTS is set in production", hint=HINT)
    _traps.clear()
    _traps.update(traps)


async def halves(body: bytes) -> AsyncIterator[bytes]:
    """A request body in two parts, with the places between them and after them."""
    middle = len(body) // 2
    yield body[:middle]
    point("worker.mid_send")
    yield body[middle:]
    point("worker.after_send")


def _pass(name: str) -> None:
    if name not in NAMES:
        raise KeyError(f"no failpoint {name!r}")
    trap = _traps.get(name)
    if trap is None:
        return
    trap.passed += 1
    if trap.only_at is None or trap.passed == trap.only_at:
        os.write(2, f"failpoint {name}\n".encode())
        trap.act(name)


def _read(part: str) -> tuple[str, _Trap]:
    name, _, rest = part.partition("=")
    if name not in NAMES:
        raise ConfigError(f"no failpoint {name!r}; there are: {', '.join(sorted(NAMES))}", hint=HINT)
    what, _, count = rest.partition("@")
    try:
        only_at = int(count) if count else None
        if only_at is not None and only_at < 1:
            raise ValueError(count)
        return name, _Trap(_act(what), only_at)
    except ValueError as error:
        raise ConfigError(f"failpoint {part!r}: {rest!r} is no act", hint=HINT) from error


def _act(what: str) -> Callable[[str], None]:
    verb, _, span = what.partition(":")
    if verb == "sleep":
        seconds = float(span)
        return lambda _name: time.sleep(seconds)
    if what not in ACTS:
        raise ValueError(what)
    return ACTS[what]


def _kill(_name: str) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _stop(_name: str) -> None:
    os.kill(os.getpid(), signal.SIGSTOP)


def _exit(_name: str) -> None:
    os._exit(70)


def _fail(name: str) -> None:
    raise FailpointError(name)


def _hang(_name: str) -> None:
    threading.Event().wait()


ACTS: dict[str, Callable[[str], None]] = {"kill": _kill, "stop": _stop, "exit": _exit, "raise": _fail, "hang": _hang}
