"""A proxy in front of a real IMAP server that has a provider's ways, or breaks off where it is told to."""

import asyncio
from typing import Self

HIDDEN = (b"IDLE", b"CONDSTORE", b"QRESYNC", b"MOVE", b"ENABLE")


class Between:
    """Hands on each line, for the length of a block. `talks`: clients so far; `heard`: their lines."""

    def __init__(self, behind: int) -> None:
        self._behind = behind
        self._serving: list[asyncio.Task[None] | None] = []
        self.port = 0
        self.talks = 0
        self.heard: list[bytes] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await asyncio.gather(*filter(None, self._serving))

    def asked(self, line: bytes) -> bytes | None:
        """What the proxy answers instead of the server; None: nothing, the line is handed on; b"": it hangs up."""
        return None

    def told(self, line: bytes) -> bytes:
        """What becomes of a server's line."""
        return line

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks += 1
        self._serving.append(asyncio.current_task())
        near, far = await asyncio.open_connection("127.0.0.1", self._behind)
        back = asyncio.create_task(self._answer(near, writer))
        while line := await reader.readline():
            self.heard.append(line)
            answer = self.asked(line)
            if answer == b"":
                break
            (far if answer is None else writer).write(answer or line)
        far.close()
        await back

    async def _answer(self, near: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await near.readline():
            writer.write(self.told(line))
        writer.close()


class NetEase(Between):
    """Less is offered, and no folder opens before ID."""

    known = False

    def asked(self, line: bytes) -> bytes | None:
        tag, _, command = line.upper().partition(b" ")
        self.known = self.known or command.startswith(b"ID ")
        if command.startswith((b"SELECT", b"EXAMINE")) and not self.known:
            return line.split()[0] + b" NO SELECT Unsafe Login. Please contact kefu@188.com for help\r\n"
        return None

    def told(self, line: bytes) -> bytes:
        if not line.startswith(b"* CAPABILITY"):
            return line
        return b" ".join(word for word in line.split() if word not in HIDDEN) + b" X-CM-EXT-1\r\n"


class Breaking(Between):
    """Hangs up at some commands."""

    at: tuple[bytes, ...] = ()

    def asked(self, line: bytes) -> bytes | None:
        return b"" if any(part in line for part in self.at) else None
