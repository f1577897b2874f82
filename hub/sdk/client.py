"""The one HTTP client factory: httpx's API over aiohttp's transport.

Nothing is sent twice behind our back, and an egress guard judges the address we really dial. What else holds for every
client stands in `hub.sdk.http`.
"""

import socket
import ssl
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from hub.sdk.clock import VendorClock
from hub.sdk.http import MAX_ANSWER_BYTES, Egress, NoConnection, Untrusted, client_over

UNUSED = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Given to the bridge so that it reads no certificates for each client anew: a session uses those of aiohttp."""


def make_client(
    *,
    base_url: str = "",
    auth: httpx.Auth | None = None,
    egress: Egress | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    concurrency: int = 16,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
    clock: VendorClock | None = None,
) -> httpx.AsyncClient:
    """Return the client of one connection; close it when the connection closes.

    Args:
        base_url: https, or http to an allowed inner address.
        transport: for tests, `httpx.MockTransport(router.async_handler)`; by default aiohttp over a guarded resolver.
        concurrency: sockets open at once.
        clock: hears the date of every answer.
    """
    rules = egress or Egress()
    return client_over(
        transport or _Bridge(rules, concurrency),
        base_url=base_url,
        auth=auth,
        egress=rules,
        clock=clock or VendorClock(),
        max_answer_bytes=max_answer_bytes,
    )


class _Bridge(AiohttpTransport):
    """Says of a failure what only aiohttp knows: whether a connection came about, and whether TLS was the matter.

    httpx_aiohttp calls a refused connection and one that died after the request was written alike a ConnectTimeout,
    and passes broken HTTP on untranslated.
    """

    def __init__(self, egress: Egress, concurrency: int) -> None:
        super().__init__(verify=UNUSED, client=lambda: _session(egress, concurrency))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await super().handle_async_request(request)
        except httpx.TransportError as error:
            if isinstance(error.__cause__, aiohttp.ClientSSLError):
                raise Untrusted(str(error), request=request) from error.__cause__
            if isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
                raise NoConnection(str(error), request=request) from error.__cause__
            raise
        except aiohttp.ClientError as error:
            raise httpx.RemoteProtocolError(str(error), request=request) from error


class _GuardedResolver(AbstractResolver):
    """Resolve once, refuse if any answer is denied, dial the vetted address."""

    def __init__(self, egress: Egress) -> None:
        self._egress = egress
        self._inner = aiohttp.ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        for each in found:
            self._egress.check(each["host"])
        return found

    async def close(self) -> None:
        await self._inner.close()


class _Connector(aiohttp.TCPConnector):
    """Passes over kept connections on which something came unasked: it would be read as the next answer."""

    async def connect(self, *asked: Any, **how: Any) -> Connection:
        for _ in range(self.limit):
            found = await super().connect(*asked, **how)
            if found.protocol is None or not found.protocol.should_close:
                return found
            found.close()
        return await super().connect(*asked, **how)


def _session(egress: Egress, concurrency: int) -> aiohttp.ClientSession:
    connector = _Connector(resolver=_GuardedResolver(egress), limit=concurrency, ttl_dns_cache=0, use_dns_cache=False)
    session = aiohttp.ClientSession(
        connector=connector, auto_decompress=False, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False
    )
    session._retry_connection = False  # it would send a PUT or DELETE again by itself: that is for the ledger to decide
    return session
