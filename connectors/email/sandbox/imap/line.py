"""One IMAP connection: its commands read whole, its answers written. Nothing a client sends makes it grow."""

import asyncio
import contextlib
import re
import ssl
from dataclasses import dataclass

from connectors.email.sandbox.imap.words import GarbledError, Token, tokens

LONGEST = 65_536
LITERAL_S = 60
LITERAL = re.compile(rb"\{(\d{1,12})(\+?)\}$")
TAG = re.compile(rb"[!#$&',-.0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,64}")
TOO_LONG = "Command line too long"


class HungUpError(Exception):
    """The connection is over."""


@dataclass(frozen=True, slots=True)
class Command:
    """A tagged command with its arguments."""

    tag: str
    name: str
    arguments: list[Token]


class Line:
    """Reads and writes; HungUpError when the other side is gone. `muted`: what is said is never heard.

    `big` lets so many large literals, of all connections, be in memory at a time.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, big: asyncio.Semaphore) -> None:
        self._reader = reader
        self._writer = writer
        self._big = big
        self.muted = False

    async def command(self, most: int, patience_s: float) -> Command | None:
        """The next command with at most so many bytes of literals; None when it was answered as unreadable."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._command(most)
        except TimeoutError as error:
            self.say("* BYE Autologout; idle for too long")
            raise HungUpError from error

    async def _command(self, most: int) -> Command | None:
        try:
            head = await self.line()
        except GarbledError as error:
            self.say(f"* BAD {error}")
            return None
        named = TAG.match(head)
        tag, rest = (named[0].decode(), head[named.end() :]) if named else ("*", b"")
        try:
            return await self._whole(tag, rest, most)
        except GarbledError as error:
            self.say(f"{tag} BAD {error}")
            return None

    async def _whole(self, tag: str, rest: bytes, most: int) -> Command:
        texts, literals, taken = [rest], list[bytes](), 0
        while wanted := LITERAL.search(texts[-1]):
            texts[-1] = texts[-1][: wanted.start()]
            taken += int(wanted[1])
            if taken > most or len(literals) >= 20:
                await self._too_big(tag, at_once=bool(wanted[2]))
            literals.append(await self._literal(int(wanted[1]), comes_anyway=bool(wanted[2])))
            texts.append(await self.line())
        first, *arguments = tokens(texts, literals) or [b""]
        if not isinstance(first, bytes) or not first:
            raise GarbledError("a command is wanted")
        return Command(tag, first.decode("latin-1").upper(), arguments)

    async def _literal(self, size: int, *, comes_anyway: bool) -> bytes:
        async with self._big if size > LONGEST else contextlib.nullcontext(), asyncio.timeout(LITERAL_S):
            if not comes_anyway:
                self.say("+ Ready for literal data")
            return await self._exactly(size)

    async def _too_big(self, tag: str, *, at_once: bool) -> None:
        """A literal that waits for us is refused; one that comes anyway ends the connection."""
        if at_once:
            self.say("* BYE [TOOBIG] too many bytes")
            raise HungUpError
        raise GarbledError("[TOOBIG] too many bytes")

    async def line(self) -> bytes:
        """One line without its end; GarbledError when it is too long (it is read to its end and forgotten)."""
        whole = True
        while True:
            try:
                line = await self._reader.readuntil(b"\n")
            except asyncio.LimitOverrunError as error:
                whole = False
                await self._exactly(error.consumed)
            except (asyncio.IncompleteReadError, OSError) as error:
                raise HungUpError from error
            else:
                break
        if not whole:
            raise GarbledError(TOO_LONG)
        return line.rstrip(b"\r\n")

    async def _exactly(self, size: int) -> bytes:
        taken = bytearray()
        try:
            while len(taken) < size:
                chunk = await self._reader.read(min(size - len(taken), LONGEST))
                if not chunk:
                    raise HungUpError
                taken += chunk
            return bytes(taken)
        except OSError as error:
            raise HungUpError from error
        finally:
            taken.clear()  # an error's traceback would keep it

    def say(self, told: str | bytes) -> None:
        """Write one answer."""
        raw = told if isinstance(told, bytes) else told.encode("utf-8", "replace")
        if not self.muted and not self._writer.is_closing():
            self._writer.write(raw + b"\r\n")

    async def flush(self) -> None:
        """Wait until the client has read."""
        try:
            await self._writer.drain()
        except OSError as error:
            raise HungUpError from error

    async def encrypt(self, context: ssl.SSLContext) -> None:
        """STARTTLS was agreed."""
        try:
            await self._writer.start_tls(context)
        except OSError as error:
            raise HungUpError from error

    def close(self) -> None:
        """Write what is left, then end."""
        self._writer.close()

    def cut(self) -> None:
        """End at once, without a word."""
        self._writer.transport.abort()
