"""Failpoints: inert by default, refused in production, and each act does what it is called."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import aiohttp
import pytest

from hub import failpoints as fail
from hub.domain.errors import ConfigError
from tests.faults.vendor_server import vendor

PASSES = "from hub import failpoints as f; f.arm({plan!r}); [f.point('worker.after_send') for _ in range(3)]; print(3)"


@pytest.fixture(autouse=True)
def _disarmed() -> Iterator[None]:
    yield
    fail.arm("")


def child(plan: str) -> subprocess.CompletedProcess[str]:
    """A process that arms a plan and passes one place three times."""
    code = PASSES.format(plan=plan)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)


def test_nothing_happens_until_a_plan_is_armed() -> None:
    assert not fail.armed()
    fail.point("worker.after_send")
    fail.point("an unknown place costs nothing while inert")


def test_there_are_at_least_twenty_places() -> None:
    assert len(fail.NAMES) >= 20


@pytest.mark.parametrize(
    "plan", ["nowhere=kill", "worker.in_map=explode", "worker.in_map=kill@0", "worker.in_map=sleep:x", "worker.in_map"]
)
def test_a_malformed_plan_is_refused_and_the_old_one_stays(plan: str) -> None:
    fail.arm("reaper.before=raise")
    with pytest.raises(ConfigError):
        fail.arm(plan)
    with pytest.raises(fail.FailpointError):
        fail.point("reaper.before")


def test_production_refuses_a_plan() -> None:
    with pytest.raises(ConfigError, match="production"):
        fail.arm("worker.in_map=raise", "production")
    fail.arm("", "production")
    assert not fail.armed()


def test_raise_acts_every_time_and_with_a_count_only_then() -> None:
    fail.arm("worker.in_map=raise,reaper.before=raise@2")
    for _ in range(2):
        with pytest.raises(fail.FailpointError, match=r"worker\.in_map"):
            fail.point("worker.in_map")
    fail.point("reaper.before")
    with pytest.raises(fail.FailpointError):
        fail.point("reaper.before")
    fail.point("reaper.before")


def test_an_unknown_place_in_the_code_is_told_as_soon_as_a_plan_is_armed() -> None:
    fail.arm("worker.in_map=raise")
    with pytest.raises(KeyError):
        fail.point("nowhere")


def test_kill_and_exit_end_the_process_at_the_count() -> None:
    assert child("worker.after_send=kill@3").returncode == -9
    assert child("worker.after_send=exit").returncode == 70
    assert child("worker.after_send=kill@4").stdout.strip() == "3"


def test_stop_stops_every_thread_until_it_is_continued() -> None:
    code = PASSES.format(plan="worker.after_send=stop@2")
    stopped = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    _, status = os.waitpid(stopped.pid, os.WUNTRACED)
    assert os.WIFSTOPPED(status)
    stopped.send_signal(signal.SIGCONT)
    assert stopped.communicate(timeout=30)[0].strip() == "3"


def test_sleep_blocks_the_process() -> None:
    fail.arm("worker.in_map=sleep:0.05@1")
    began = time.monotonic()
    fail.point("worker.in_map")
    assert time.monotonic() - began >= 0.05


def test_hang_never_comes_back() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        subprocess.run([sys.executable, "-c", PASSES.format(plan="worker.after_send=hang")], timeout=1.5, check=False)


async def test_a_request_in_halves_arrives_whole_and_passes_both_places() -> None:
    fail.arm("worker.after_send=raise")
    async with vendor() as served, aiohttp.ClientSession() as http:
        headers = {"authorization": served.basic("t0"), "content-length": "2"}
        with pytest.raises((fail.FailpointError, aiohttp.ClientError)):
            await http.post(f"{served.url}/token", data=fail.halves(b"{}"), headers=headers)
        fail.arm("")
        async with http.post(f"{served.url}/token", data=fail.halves(b"{}"), headers=headers) as answer:
            assert answer.status == 200
