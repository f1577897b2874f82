"""Our side of the child process that holds the vendor's library: ask, notice its death, start another.

One child per poll, so one handle and one token per poll. It gets an empty environment; the secret goes over stdin.
All questions only read, so one that found no answer may always be asked again.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from base64 import b64decode
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from connectors.wecom.archive.refusals import UNLOADABLE, died, returned
from connectors.wecom.config import Config
from hub import sdk

CHILD = Path(__file__).with_name("child.py")
RESTARTS = 5
GRACE_S = 2.0
OTHERS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
Answer = dict[str, Any]


class CrashedError(Exception):
    """The library ended its process (SIGSEGV, SIGABRT, …) or did not come back in time (SIGALRM)."""


class KilledError(Exception):
    """Somebody else ended the process: the system out of memory, an operator."""


class Library:
    """The vendor's library, in a process that may die. Use as `async with`; not to be shared by tasks."""

    def __init__(self, config: Config, patience_s: float) -> None:
        """`patience_s`: how long one call may take before its process is ended."""
        self._config = config
        self._patience_s = patience_s
        self._child: Process | None = None

    async def __aenter__(self) -> Self:
        """Nothing is started before the first question."""
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _e: BaseException | None, _t: TracebackType | None
    ) -> None:
        """End the child."""
        await self._end()

    async def messages(self, seq: int, limit: int) -> tuple[int, bytes]:
        """(return code, slice) of the records after `seq`; Transient when the library dies."""
        answer = await self._survive({"do": "messages", "seq": seq, "limit": limit})
        return answer["code"], b64decode(answer["content"])

    async def decrypt(self, key: str, message: str) -> tuple[int, bytes]:
        """(return code, plaintext); CrashedError when this message kills the library twice."""
        question = {"do": "decrypt", "key": key, "message": message}
        try:
            answer = await self._ask(question)
        except CrashedError:
            answer = await self._ask(question)
        return answer["code"], b64decode(answer["content"])

    async def media(self, file: str, index: str) -> tuple[int, bytes, str, bool]:
        """(return code, chunk, index of the next chunk, whether it was the last); CrashedError like `decrypt`."""
        answer = await self._ask({"do": "media", "file": file, "index": index})
        return (
            answer["code"],
            b64decode(answer["content"]),
            b64decode(answer["index"]).decode("latin-1"),
            answer["last"],
        )

    async def _survive(self, question: Answer) -> Answer:
        try:
            return await self._ask(question)
        except CrashedError as error:
            raise died(str(error)) from error

    async def _ask(self, question: Answer) -> Answer:
        """Ask, in a new child when somebody killed the last one; Transient when that goes on without an answer."""
        killed = "SIGKILL"
        for _ in range(RESTARTS):
            try:
                child = self._child or await self._start()
                return await self._exchange(child, question)
            except KilledError as error:
                killed = str(error)
        raise died(killed)

    async def _start(self) -> Process:
        """Start a child and open the library in it."""
        command = (sys.executable, "-I", "-S", str(CHILD))
        try:
            child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, env={})
        except OSError as error:
            raise died(str(error)) from error
        self._child = child
        try:
            opened = await self._exchange(child, self._account())
        except CrashedError as error:
            raise died(str(error)) from error
        if reason := opened.get("unloadable"):
            raise sdk.NeedsReauth(reason, code="library", hint=UNLOADABLE)
        if opened["code"] != 0:
            raise returned(opened["code"], "Init")
        return child

    def _account(self) -> Answer:
        config = self._config
        return {
            "do": "open",
            "path": config.archive_library,
            "corp": config.corp_id,
            "secret": config.archive_secret.get_secret_value(),
            "proxy": config.archive_proxy,
            "password": config.archive_proxy_password.get_secret_value(),
            "timeout": max(1, int(self._patience_s / 2)),
        }

    async def _exchange(self, child: Process, question: Answer) -> Answer:
        """One frame out, one back. The child's own alarm comes first, our clock when that fails."""
        assert child.stdin is not None
        assert child.stdout is not None
        frame = json.dumps({**question, "seconds": self._patience_s}).encode()
        try:
            async with asyncio.timeout(self._patience_s + GRACE_S):
                child.stdin.write(len(frame).to_bytes(4) + frame)
                await child.stdin.drain()
                size = int.from_bytes(await child.stdout.readexactly(4))
                return dict(json.loads(await child.stdout.readexactly(size)))
        except TimeoutError as error:
            await self._end()
            raise CrashedError("SIGALRM") from error
        except (asyncio.IncompleteReadError, OSError) as error:
            raise _ended(await self._gone(child)) from error

    async def _gone(self, child: Process) -> int:
        """The exit status of a child that fell silent: minus the signal that ended it.

        It is waited for before it is killed: a kill would take its own status away.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                await child.wait()
        return await self._end()

    async def _end(self) -> int:
        """End the child, if it has not ended itself, and return its exit status."""
        child, self._child = self._child, None
        if child is None:
            return 0
        if child.returncode is not None:
            return child.returncode
        with suppress(ProcessLookupError):
            child.kill()
        return await child.wait()


def _ended(status: int) -> Exception:
    if -status in OTHERS:
        return KilledError(signal.Signals(-status).name)
    return CrashedError(signal.Signals(-status).name if status < 0 else f"exit {status}")
