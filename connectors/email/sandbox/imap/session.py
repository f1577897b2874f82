"""One IMAP session: greeting, sign-in, the way to the commands, IDLE."""

import asyncio
import contextlib
import json
import ssl
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable

from connectors.email.sandbox.grants import bearer_of
from connectors.email.sandbox.imap.boxes import Boxes
from connectors.email.sandbox.imap.line import Command, HungUpError, Line
from connectors.email.sandbox.imap.words import GarbledError, NoError, text
from connectors.email.sandbox.office import MOST, Office

BARE = "IMAP4rev1 SASL-IR LITERAL+ ID"
FULL = "IMAP4rev1 SASL-IR LITERAL+ ID IDLE UIDPLUS UNSELECT"
COREMAIL = "IMAP4rev1 XLIST SPECIAL-USE ID LITERAL+ UIDPLUS X-CM-EXT-1 SASL-IR AUTH=XOAUTH2"
DENIED = json.dumps({"status": "400", "schemes": "Bearer", "scope": "https://mail.example.com/"})
OPEN_S, STRANGER_S = 1800, 60
"""Seconds a silent client is kept, signed in or not."""


class Session:
    """What one client has done so far. `token` is the access token it signed in with."""

    def __init__(self, office: Office, line: Line, *, secure: bool, context: ssl.SSLContext | None) -> None:
        self._office = office
        self._line = line
        self._secure = secure
        self._context = context
        self._refused = False
        self.signed_in = False
        self.token = ""
        self.idling = False
        self.boxes = Boxes(office, line)
        self._calls: dict[str, Callable[[Command], Awaitable[None] | None]] = {
            "CAPABILITY": self._capability,
            "NOOP": self._done,
            "ID": self._id,
            "LOGOUT": self._logout,
            "STARTTLS": self._starttls,
            "LOGIN": self._login,
            "AUTHENTICATE": self._authenticate,
        }

    async def run(self) -> None:
        """Until one side hangs up."""
        self._line.say("* OK IMAP4 server ready")
        try:
            while True:
                await self._line.flush()
                most, patience = (MOST, OPEN_S) if self.signed_in else (8192, STRANGER_S)
                command = await self._line.command(most, patience)
                if command is not None:
                    await self._answer(command)
        except (HungUpError, TimeoutError):
            self._line.close()
        finally:
            self.boxes.leave()

    def bye(self, why: str) -> None:
        """The server ends the session."""
        self._line.say(f"* BYE {why}")
        self._line.close()

    def cut(self) -> None:
        """The connection breaks."""
        self._line.cut()

    async def _answer(self, command: Command) -> None:
        await asyncio.sleep(self._office.kit.faults.latency_s)
        what, words = self._office.troubles.due(_trouble_name(command))
        if what in ("drop_before", "hang", "bye"):
            await self._misbehave(what, words)
        try:
            if what in ("no", "bad"):
                raise NoError(words) if what == "no" else GarbledError(words)
            self._line.muted = what == "drop_after"
            await self._do(command)
        except NoError as error:
            self._line.say(f"{command.tag} NO {error}")
        except GarbledError as error:
            self._line.say(f"{command.tag} BAD {error}")
        if self._line.muted:
            await self._misbehave(what, words)

    async def _misbehave(self, what: str, words: str) -> None:
        while what == "hang":
            with contextlib.suppress(GarbledError):
                await self._line.line()
        if what == "bye":
            self.bye(words)
        else:
            self.cut()
        raise HungUpError

    async def _do(self, command: Command) -> None:
        if self._refused and command.name not in ("LOGOUT", "CAPABILITY"):
            raise NoError(f"{command.name} State error")
        call = self._calls.get(command.name)
        if call is None and not self.signed_in:
            raise GarbledError("command not valid before sign-in, or unknown")
        waits = (call or self._open_call)(command)
        if waits is not None:
            await waits

    async def _open_call(self, command: Command) -> None:
        if command.name == "IDLE":
            await self._idle(command)
            return
        try:
            await self.boxes.do(command)
        except NoError as error:
            self._refused = "Unsafe Login" in str(error)
            raise

    def _done(self, command: Command) -> None:
        self.boxes.report()
        self._line.say(f"{command.tag} OK {command.name} completed")

    def _capability(self, command: Command) -> None:
        told = FULL if self.signed_in else BARE
        if self.signed_in and self._office.marks:
            told += " SPECIAL-USE"
        if self._office.netease:
            told = COREMAIL
        if not self.signed_in:
            told += " STARTTLS LOGINDISABLED" if not self._secure else " AUTH=PLAIN AUTH=XOAUTH2"
        self._line.say(f"* CAPABILITY {told}")
        self._done(command)

    def _id(self, command: Command) -> None:
        if len(command.arguments) != 1:
            raise GarbledError("ID wants a list or NIL")
        self.boxes.named = True
        self._line.say('* ID ("name" "Lianshu sandbox" "vendor" "Lianshu")')
        self._done(command)

    def _logout(self, command: Command) -> None:
        self._line.say("* BYE Logging out")
        self._line.say(f"{command.tag} OK LOGOUT completed")
        raise HungUpError

    async def _starttls(self, command: Command) -> None:
        if self._context is None or self._secure:
            raise GarbledError("STARTTLS is not offered")
        self._line.say(f"{command.tag} OK Begin TLS negotiation now")
        await self._line.encrypt(self._context)
        self._secure = True

    def _login(self, command: Command) -> None:
        user, password = self._pair(command)
        what, words = self._office.troubles.due("auth")
        if what or not self._office.admits(user, password):
            raise NoError(words or "[AUTHENTICATIONFAILED] LOGIN Login error or password error")
        self._enter(command)

    def _pair(self, command: Command) -> tuple[str, str]:
        self._ready()
        if len(command.arguments) != 2:
            raise GarbledError("LOGIN wants a name and a password")
        user, password = (text(each) for each in command.arguments)
        return user, password

    def _ready(self) -> None:
        if self.signed_in:
            raise GarbledError("already signed in")
        if not self._secure:
            raise NoError("[PRIVACYREQUIRED] STARTTLS first")

    def _enter(self, command: Command) -> None:
        self.signed_in = True
        self._done(command)

    async def _authenticate(self, command: Command) -> None:
        self._ready()
        kind, *given = [text(each) for each in command.arguments] or [""]
        if kind.upper() not in ("PLAIN", "XOAUTH2"):
            raise NoError("unsupported authentication mechanism")
        told = _opened(given[0].encode() if given else await self._challenge(b""))
        if kind.upper() == "PLAIN":
            parts = told.split("\0")
            good = len(parts) == 3 and self._office.admits(parts[1], parts[2])
        else:
            user, token = bearer_of(told)
            good = self._office.admits_token(user, token)
            self.token = token if good else ""
        what, words = self._office.troubles.due("auth")
        if what or not good:
            if kind.upper() == "XOAUTH2":
                await self._challenge(b64encode(DENIED.encode()))
            raise NoError(words or "AUTHENTICATE failed.")
        self._enter(command)

    async def _challenge(self, told: bytes) -> bytes:
        self._line.say(b"+ " + told)
        await self._line.flush()
        async with asyncio.timeout(STRANGER_S):
            return await self._line.line()

    async def _idle(self, command: Command) -> None:
        if self._office.netease:
            raise GarbledError("command not understood")
        self._line.say("+ idling")
        self.idling = True
        ending = asyncio.ensure_future(self._line.line())
        try:
            async with asyncio.timeout(OPEN_S):
                while not ending.done():
                    self.boxes.report()
                    await self._line.flush()
                    news = asyncio.ensure_future(self.boxes.news.wait())
                    await asyncio.wait({ending, news}, return_when=asyncio.FIRST_COMPLETED)
                    news.cancel()
        finally:
            self.idling = False
            ending.cancel()
        if (await ending).upper() != b"DONE":
            raise GarbledError("DONE was expected")
        self._done(command)


def _trouble_name(command: Command) -> str:
    name = command.name
    if name == "UID" and command.arguments and isinstance(command.arguments[0], bytes):
        name = command.arguments[0].decode("latin-1").upper()
    return {"EXAMINE": "select", "LOGIN": "login", "AUTHENTICATE": "login"}.get(name, name.lower())


def _opened(sealed: bytes) -> str:
    try:
        return b64decode(sealed, validate=True).decode()
    except ValueError as error:
        raise GarbledError("not base64") from error
