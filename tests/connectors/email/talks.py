"""How recorded mail is replayed: a mail as lines and their charset, a talk as a scripted SMTP server on loopback."""

import asyncio
import base64
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

from connectors.email.mails import Fetched, tell
from hub import sdk

NOON = datetime.fromisoformat("2026-11-28T12:00:00+08:00")
HOME = {
    "address": "sales@example.com",
    "user": "sales@example.com",
    "password": "sandbox-mail-word-41f7",
    "smtp_host": "127.0.0.1",
    "smtp_security": "plain",
}


def fetched(given: dict[str, Any]) -> Fetched:
    """A fixture's {"place", "arrived", "charset", "lines" | "base64", "problem"} as the server gave it."""
    raw = "\r\n".join(given.get("lines", ())).encode(given.get("charset", "utf-8"))
    raw = base64.b64decode(given["base64"]) if "base64" in given else raw
    arrived = datetime.fromisoformat(given["arrived"])
    return Fetched(given.get("place", "1.1"), raw, arrived, given.get("problem", ""))


def tell_given(given: dict[str, Any]) -> list[sdk.Inbound]:
    """The events of one fixture `mail_received__<case>.json`."""
    return [tell(fetched(given))[0]]


class Script:
    """A talk: {"request": a line, or the lines of a mail up to ".", "answer": lines}; no answer means hanging up."""

    def __init__(self, talk: Sequence[dict[str, Any]]) -> None:
        self.talk = list(talk)
        self.heard: list[dict[str, Any]] = []
        self.port = 0

    async def play(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one client as written, whatever it says; what it said is kept for the test."""
        for turn in self.talk:
            request = await self._listen(reader, turn["request"])
            self.heard.append({**turn, "request": request})
            if not turn["answer"]:
                break
            writer.write("".join(f"{line}\r\n" for line in turn["answer"]).encode())
        writer.close()

    async def _listen(self, reader: asyncio.StreamReader, wanted: str | list[str]) -> str | list[str]:
        if wanted == "":
            return ""
        lines = [await self._line(reader)]
        while isinstance(wanted, list) and lines[-1] != "." and not reader.at_eof():
            lines.append(await self._line(reader))
        return lines if isinstance(wanted, list) else lines[0]

    async def _line(self, reader: asyncio.StreamReader) -> str:
        return (await reader.readline()).decode().removesuffix("\r\n")


@asynccontextmanager
async def scripted(talk: Sequence[dict[str, Any]]) -> AsyncIterator[Script]:
    """The server, listening on loopback for the length of a block."""
    script = Script(talk)
    server = await asyncio.start_server(script.play, "127.0.0.1", 0)
    script.port = server.sockets[0].getsockname()[1]
    async with server:
        yield script
