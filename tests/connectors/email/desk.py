"""A real SMTP server, aiosmtpd, on loopback: takes mail, refuses it, or falls silent once it has it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

from tests.connectors.email.dovecot import PASSWORD

NOES = {
    "busy": "451 4.3.0 try again later",
    "nobody": "550 5.1.1 no such mailbox",
    "spam": "554 DT:SPM content refused",
    "often": "550 Domain frequency limited",
}


class Desk:
    """Keeps what it took. `silent`: it hangs up after taking a mail, before answering; `taken` is told each mail."""

    def __init__(self) -> None:
        self.mails: list[bytes] = []
        self.port = 0
        self.silent = False
        self.taken: Callable[[bytes], None] = lambda _raw: None
        self.protocols: list[SMTP] = []

    async def _recipient(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        name = address.partition("@")[0]
        if name in NOES and name != "spam":
            return NOES[name]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def _mail(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:
        if any(address.startswith("spam@") for address in envelope.rcpt_tos):
            return NOES["spam"]
        assert isinstance(envelope.content, bytes)
        self.mails.append(envelope.content)
        await asyncio.to_thread(self.taken, envelope.content)
        if self.silent:
            self.hang_up()
        return "250 OK"

    handle_RCPT, handle_DATA = _recipient, _mail

    def hang_up(self) -> None:
        for protocol in self.protocols:
            if isinstance(protocol.transport, asyncio.Transport):
                protocol.transport.abort()

    def protocol(self) -> SMTP:
        """One client's line."""
        made = SMTP(self, auth_require_tls=False, authenticator=self._judge, hostname="desk")
        self.protocols.append(made)
        return made

    def _judge(self, _server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: Any) -> AuthResult:
        return AuthResult(success=given.password == PASSWORD.encode(), handled=False)


@asynccontextmanager
async def desk() -> AsyncIterator[Desk]:
    """The server, listening for the length of a block."""
    here = Desk()
    server = await asyncio.get_running_loop().create_server(here.protocol, "127.0.0.1", 0)
    here.port = server.sockets[0].getsockname()[1]
    async with server:
        yield here
    here.hang_up()
