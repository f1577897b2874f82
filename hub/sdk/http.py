"""The one HTTP client factory: httpx's API over aiohttp's transport.

Total deadline (per call, see `Context.call`), byte cap, no redirects, no proxies from the environment, nothing sent
twice behind our back, and an egress guard that judges the address we really dial.
"""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import AsyncIterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from hub.failpoints import armed, halves
from hub.sdk.clock import VendorClock

MAX_ANSWER_BYTES = 5 * 1024 * 1024
USER_AGENT = "Lianshu/0.1"
PLAIN, PACKED = ("", "identity"), ("gzip", "x-gzip")
BEGUN = "begun"

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# `ipaddress.is_global` of Python 3.11 lets eleven inner prefixes through, so the table is our own.
DENIED: tuple[Network, ...] = tuple(
    ipaddress.ip_network(text)
    for line in (
        "0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24",
        "192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/4 240.0.0.0/4",
        "::/8 64:ff9b::/96 64:ff9b:1::/48 100::/64 2001::/23 2001:db8::/32 2002::/16 5f00::/16 fc00::/7 fe80::/10",
        "fec0::/10 ff00::/8",
    )
    for text in line.split()
)


in_transaction: ContextVar[bool] = ContextVar("in_transaction", default=False)
"""True while a database transaction is open in this task: then no request may leave (see `_Guard`)."""


class EgressDenied(httpx.ConnectError):
    """The address is not one the hub may dial. Nothing was sent."""


class AnswerTooLarge(httpx.ReadError):
    """The answer passed the byte cap; the rest was not read."""


def was_not_sent(error: httpx.TransportError) -> bool:
    """Whether the error arose before the first request byte left us: refused, unknown name, TLS, egress denied.

    The aiohttp bridge calls a refused connection and one that died after the request was written alike a
    ConnectTimeout, so only the cause tells the two apart.
    """
    if error.__cause__ is not None:
        return isinstance(error.__cause__, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError)
    return isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)


def was_begun(request: httpx.Request) -> bool:
    """Whether this request was ever handed to the network; False while its sign-in still asks for a token."""
    return BEGUN in request.extensions


def is_certificate_error(error: httpx.TransportError) -> bool:
    """Whether TLS failed: a matter of the connection, not of one delivery."""
    return isinstance(error.__cause__, aiohttp.ClientSSLError)


@dataclass(frozen=True, slots=True)
class Egress:
    """Where the hub may connect to: everywhere public, and the networks an administrator allowed."""

    allowed: tuple[Network, ...] = ()

    @classmethod
    def parse(cls, networks: Sequence[str]) -> "Egress":
        """Read CIDR texts such as "192.168.10.0/24"; ValueError names the one that is none."""
        return cls(tuple(ipaddress.ip_network(text) for text in networks))

    def check(self, address: str) -> None:
        """Raise EgressDenied when this IP address may not be dialled."""
        ip = ipaddress.ip_address(address.split("%")[0])
        if any(ip in network for network in self.allowed if network.version == ip.version):
            return
        if any(ip in network for network in DENIED if network.version == ip.version):
            raise EgressDenied(f"{ip} is an inner address; an administrator can allow it with HUB_EGRESS_ALLOW")


LOOPBACK = Egress.parse(["127.0.0.0/8"])
"""Public addresses and this machine's own: for sandboxes and tests."""


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


class _CappedStream(httpx.AsyncByteStream):
    """An answer's body, unpacked. What passes the cap is neither read nor unpacked: a bomb stays packed."""

    def __init__(self, inner: httpx.AsyncByteStream, cap: int, packed: bool) -> None:
        self._inner = inner
        self._cap = cap
        self._left = cap
        self._gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        came = False
        async for chunk in self._inner:
            came = True
            plain = self._unpacked(chunk)
            self._left -= len(plain)
            if self._left < 0:
                raise AnswerTooLarge(f"the answer is larger than {self._cap} bytes")
            yield plain
        if came and self._gzip and not self._gzip.eof:
            raise httpx.ReadError("the packed answer is not whole")

    def _unpacked(self, chunk: bytes) -> bytes:
        if self._gzip is None:
            return chunk
        try:
            return self._gzip.decompress(chunk, self._left + 1)
        except zlib.error as error:
            raise httpx.ReadError(f"the answer cannot be unpacked: {error}") from error

    async def aclose(self) -> None:
        await self._inner.aclose()


class _Guard(httpx.AsyncBaseTransport):
    """Refuse odd schemes and denied IP literals (aiohttp does not resolve those), cap and date answers."""

    def __init__(self, inner: httpx.AsyncBaseTransport, egress: Egress, cap: int, clock: VendorClock) -> None:
        self._inner = inner
        self._egress = egress
        self._cap = cap
        self._clock = clock

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _refuse_in_transaction(f"{request.method} {request.url.host}")
        if request.url.scheme not in ("http", "https"):
            raise EgressDenied(f"scheme {request.url.scheme!r} is not http or https", request=request)
        try:
            ipaddress.ip_address(request.url.host)
        except ValueError:
            pass
        else:
            self._egress.check(request.url.host)
        request.extensions[BEGUN] = True
        if armed() and request.method == "POST":
            request = _in_halves(request)
        try:
            response = await self._inner.handle_async_request(request)
        except aiohttp.ClientError as error:  # what the bridge does not translate: broken HTTP
            raise httpx.RemoteProtocolError(str(error), request=request) from error
        self._clock.hear(response.headers.get("date", ""))
        packing = response.headers.pop("content-encoding", "").strip().lower()
        if packing not in PLAIN + PACKED:
            await response.aclose()
            raise httpx.RemoteProtocolError(f"an answer packed as {packing!r} was not asked for", request=request)
        if isinstance(response.stream, httpx.AsyncByteStream):
            response.stream = _CappedStream(response.stream, self._cap, packing in PACKED)
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()


def _in_halves(request: httpx.Request) -> httpx.Request:
    """The same request with failpoints in the middle of its body and behind it."""
    body = halves(request.content)
    return httpx.Request(
        request.method, request.url, headers=request.headers, content=body, extensions=request.extensions
    )


def _refuse_in_transaction(what: str) -> None:
    if in_transaction.get():
        raise RuntimeError(f"a network call inside a transaction: {what}")


async def dial(egress: Egress, host: str, port: int, patience_s: float = 5.0) -> socket.socket:
    """A connected blocking TCP socket to a vetted address of this host; refuses if any of its addresses is denied.

    Raises OSError or EgressDenied. The caller sets time-outs, adds TLS (with `host` as server name) and closes it.
    """
    _refuse_in_transaction(f"dial {host}:{port}")

    def connect() -> socket.socket:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        for *_, address in found:
            egress.check(str(address[0]))
        vetted = str(found[0][4][0])
        return socket.create_connection((vetted, port), patience_s)

    return await asyncio.to_thread(connect)


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
    inner = transport or AiohttpTransport(client=lambda: _session(rules, concurrency))
    return httpx.AsyncClient(
        base_url=base_url,
        auth=auth,
        transport=_Guard(inner, rules, max_answer_bytes, clock or VendorClock()),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(30.0, connect=5.0),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip"},
    )


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
