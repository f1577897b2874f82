"""The fake provider's SMTP: sign-in, one sender only, and its noes."""

import asyncio
import logging
import ssl
from base64 import b64decode, b64encode
from typing import Any

from aiosmtpd.smtp import MISSING, SMTP, AuthResult, Envelope, LoginPassword, Session

from connectors.email.sandbox.folders import FullError
from connectors.email.sandbox.grants import bearer_of
from connectors.email.sandbox.letters import senders
from connectors.email.sandbox.office import ADDRESS, CONNECTIONS, MOST, Office
from connectors.email.sandbox.troubles import RECIPIENTS, WORDS

DENIED = b64encode(b'{"status":"401","schemes":"bearer mac","scope":"https://mail.example.com/"}')


class Line(SMTP):
    """One connection. Long lines are read, as access tokens need them."""

    line_length_limit = 16_384
    live: set["Line"]

    def __init__(self, desk: "Desk", live: set["Line"], context: ssl.SSLContext | None) -> None:
        tls = {"tls_context": context, "require_starttls": True, "auth_require_tls": True}
        super().__init__(
            desk,
            data_size_limit=MOST,
            authenticator=desk.authenticate,
            hostname="smtp.example.com",
            ident="ESMTP",
            **(tls if context else {"auth_require_tls": False}),
        )
        self.command_size_limits["AUTH"] = 12_288
        self.live = live

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Hang up on too many."""
        super().connection_made(transport)
        self.live.add(self)
        if len(self.live) > CONNECTIONS:
            self.hang_up()

    def connection_lost(self, error: Exception | None) -> None:
        """Forget it."""
        super().connection_lost(error)
        self.live.discard(self)

    def hang_up(self) -> None:
        """Without a word."""
        if isinstance(self.transport, asyncio.WriteTransport):
            self.transport.abort()


class Desk:
    """What is decided at each command; the library finds its hooks by their names."""

    def __init__(self, office: Office) -> None:
        self._office = office

    def authenticate(self, _line: SMTP, _session: Session, _mail: Envelope, _how: str, word: Any) -> AuthResult:
        """PLAIN and LOGIN."""
        assert isinstance(word, LoginPassword)
        what, words = self._office.troubles.due("auth")
        login, password = (each.decode("utf-8", "replace") for each in word)
        if what or not self._office.admits(login, password):
            return _denied(what, words or WORDS["535"])
        return AuthResult(success=True, auth_data=word)

    async def bearer(self, line: Line, args: list[str]) -> AuthResult:
        """A bearer token; what is wrong with it is told in a challenge that wants an empty answer."""
        told = await line.challenge_auth("") if len(args) == 1 else b64decode(args[1])
        if not isinstance(told, bytes):
            return AuthResult(success=False)
        user, token = bearer_of(told.decode("utf-8", "replace"))
        what, words = self._office.troubles.due("auth")
        if what or not self._office.admits_token(user, token):
            if await line.challenge_auth(DENIED, encode_to_b64=False) is MISSING:
                return AuthResult(success=False)
            return _denied(what, words or "5.7.3 Authentication unsuccessful")
        return AuthResult(success=True, auth_data=LoginPassword(user.encode(), b""))

    async def sender(self, line: Line, session: Session, mail: Envelope, named: str, _more: list[str]) -> str:
        """Only who signed in sends, and only as itself."""
        if not session.authenticated:
            return "530 5.7.0 Authentication required"
        no = await self._trouble(line, "mail")
        if no:
            return no
        if named.lower() != ADDRESS:
            return "553 Mail from must equal authorized user"
        mail.mail_from = named
        return "250 OK"

    async def recipient(self, line: Line, _session: Session, mail: Envelope, to: str, _more: list[str]) -> str:
        """Everybody is taken, but for orders and the local parts that are noes."""
        provoked = RECIPIENTS.get(to.partition("@")[0].lower(), "")
        no = await self._trouble(line, "rcpt", to)
        if no:
            return no
        if provoked.isdigit():
            return f"{provoked} {WORDS[provoked]}"
        mail.rcpt_tos.append(to)
        return "250 OK"

    async def data(self, line: Line, _session: Session, mail: Envelope) -> str:
        """Taken, written down, filed; or a no; or silence before or after."""
        raw, to = bytes(mail.original_content or b""), mail.rcpt_tos
        provoked = {RECIPIENTS.get(each.partition("@")[0].lower(), "") for each in to}
        what, words = self._office.troubles.due("data", to[0])
        if "drop_before" in provoked | {what}:
            await _silence(line, cut=True)
        if what.isdigit():
            return f"{what} {words}"
        if senders(raw) != [ADDRESS]:
            return '550 The "From" header is missing or invalid'
        try:
            self._office.accept(raw, to)
        except FullError:
            return f"552 {WORDS['552']}"
        if provoked & {"drop_after"} or what in ("drop_after", "hang"):
            await _silence(line, cut=what != "hang")
        return "250 OK: queued as sandbox"

    async def handle_exception(self, error: Exception) -> str:
        """What cannot be read is a syntax error."""
        return f"501 5.5.2 Syntax: {type(error).__name__}"

    auth_XOAUTH2, handle_MAIL, handle_RCPT, handle_DATA = bearer, sender, recipient, data

    async def _trouble(self, line: Line, at: str, to: str = "") -> str:
        await asyncio.sleep(self._office.kit.faults.latency_s)
        what, words = self._office.troubles.due(at, to)
        if what and not what.isdigit():
            await _silence(line, cut=what != "hang")
        return f"{what} {words}" if what else ""


def _denied(what: str, words: str) -> AuthResult:
    return AuthResult(success=False, handled=False, message=f"{what if what.isdigit() else '535'} {words}")


async def _silence(line: Line, *, cut: bool) -> None:
    """No answer any more; the connection's end cancels the wait."""
    if cut:
        line.hang_up()
    await asyncio.Event().wait()


class SmtpDoor:
    """Listens, and ends every connection when it closes."""

    def __init__(self, office: Office, context: ssl.SSLContext | None) -> None:
        self._desk = Desk(office)
        self._context = context
        self._security = office.security
        self._live: set[Line] = set()
        self._socket = office.kit.listen()
        self.port = str(self._socket.getsockname()[1])

    async def open(self) -> asyncio.Server:
        """Start to answer."""
        starttls = self._context if self._security == "starttls" else None
        outer = self._context if self._security == "tls" else None
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Line(self._desk, self._live, starttls), sock=self._socket, ssl=outer)

    def close(self) -> None:
        """Hang up."""
        for line in [*self._live]:
            line.hang_up()
