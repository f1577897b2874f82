"""The server's own limits, before any app sees a request: how slowly a request's head may come."""

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S = 10.0


class HastyProtocol(HttpToolsProtocol):
    """Closes a connection whose request line and headers are not whole in time, or that never says anything."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection: the head has until then."""
        super().connection_made(transport)
        self._wait()

    def on_message_begin(self) -> None:
        """A further request on it: the same."""
        self._wait()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """The head is whole."""
        self._rest()
        super().on_headers_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is gone."""
        self._rest()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._rest()
        self._waiting = self.loop.call_later(HEAD_S, self.transport.close)

    def _rest(self) -> None:
        if self._waiting:
            self._waiting.cancel()
            self._waiting = None
