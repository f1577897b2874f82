"""The IMAP door: who is connected, and what the provider does to all of them."""

import asyncio
import contextlib
import ssl

from connectors.email.sandbox.imap.line import LONGEST, Line
from connectors.email.sandbox.imap.session import Session
from connectors.email.sandbox.office import CONNECTIONS, Office


class ImapDoor:
    """Listens, and knows every session."""

    def __init__(self, office: Office, context: ssl.SSLContext | None) -> None:
        self._office = office
        self._context = context
        self._sessions: set[Session] = set()
        self._big = asyncio.Semaphore(4)
        self._socket = office.kit.listen()
        self.port = str(self._socket.getsockname()[1])

    async def open(self) -> asyncio.Server:
        """Start to answer."""
        outer = self._context if self._office.security == "tls" else None
        return await asyncio.start_server(self._serve, sock=self._socket, ssl=outer, limit=LONGEST)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = Line(reader, writer, self._big)
        starttls = self._context if self._office.security == "starttls" else None
        session = Session(self._office, line, secure=starttls is None, context=starttls)
        if len(self._sessions) >= CONNECTIONS:
            session.bye("Too many connections")
            return
        self._sessions.add(session)
        try:
            with contextlib.suppress(asyncio.CancelledError):
                await session.run()
        finally:
            self._sessions.discard(session)
            session.cut()

    def kill_idle(self) -> int:
        """Every waiting connection breaks; how many there were."""
        idling = [session for session in self._sessions if session.idling]
        for session in idling:
            session.cut()
        return len(idling)

    def end_token_sessions(self) -> None:
        """Whoever signed in with an access token is sent away, as it has expired."""
        for session in [*self._sessions]:
            if session.token:
                session.bye("Session invalidated - AccessTokenExpired")

    def renumber(self, name: str) -> int:
        """A folder's UIDs become void; its readers are sent away. The new UIDVALIDITY."""
        folder = self._office.account.folders[name]
        folder.renumber()
        for session in [*self._sessions]:
            if session.boxes.folder is folder:
                session.bye("UIDVALIDITY changed")
        return folder.validity

    def close(self) -> None:
        """Break every connection."""
        for session in [*self._sessions]:
            session.cut()
