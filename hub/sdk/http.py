"""What holds for every HTTP client: where it may dial, what a failure means, how much of an answer is read.

Total deadline (per call, see `Context.call`), byte cap, no redirects, no proxies from the environment, no cookies, no
request inside a transaction. `hub.sdk.client` makes those that really dial.
"""

import asyncio
import ipaddress
import socket
import zlib
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol

import httpx

from hub.failpoints import armed, halves
from hub.sdk.clock import VendorClock

MAX_ANSWER_BYTES = 5 * 1024 * 1024
USER_AGENT = "Lianshu/0.1"
PLAIN, PACKED = ("", "identity"), ("gzip", "x-gzip")
BEGUN = "begun"
MOST_KNOWN = 200
"""So many paths and hosts of one connection are remembered; more are ids, and seldom come again."""

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


class NoConnection(httpx.ConnectError):
    """No connection came about: refused, unknown name, no answer in time. Nothing was sent."""


class Untrusted(httpx.ConnectError):
    """TLS failed. Nothing was sent."""


def was_not_sent(error: httpx.TransportError) -> bool:
    """Whether the error arose before the first request byte left us: refused, unknown name, TLS, egress denied."""
    return isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol)


def was_begun(request: httpx.Request) -> bool:
    """Whether this request was ever handed to the network; False while its sign-in still asks for a token."""
    return BEGUN in request.extensions


def is_certificate_error(error: httpx.TransportError) -> bool:
    """Whether TLS failed: a matter of the connection, not of one delivery."""
    return isinstance(error, Untrusted)


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


async def _whole(stream: httpx.AsyncByteStream, cap: int, packed: bool) -> bytes:
    """An answer's body, unpacked. What passes the cap is neither read nor unpacked: a bomb stays packed."""
    gzip = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    body = bytearray()
    came = False
    try:
        async for chunk in stream:
            came = True
            body += gzip.decompress(chunk, cap - len(body) + 1) if gzip else chunk
            if len(body) > cap:
                raise AnswerTooLarge(f"the answer is larger than {cap} bytes")
    except zlib.error as error:
        raise httpx.ReadError(f"the answer cannot be unpacked: {error}") from error
    finally:
        await stream.aclose()
    if came and gzip and not gzip.eof:
        raise httpx.ReadError("the packed answer is not whole")
    return bytes(body)


class _Guard(httpx.AsyncBaseTransport):
    """Refuse odd schemes and denied IP literals (aiohttp does not resolve those), cap, date and read answers whole."""

    def __init__(self, inner: httpx.AsyncBaseTransport, egress: Egress, cap: int, clock: VendorClock) -> None:
        self._inner = inner
        self._egress = egress
        self._cap = cap
        self._clock = clock
        self._judged: set[str] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _refuse_in_transaction(f"{request.method} {request.url.host}")
        if request.url.scheme not in ("http", "https"):
            raise EgressDenied(f"scheme {request.url.scheme!r} is not http or https", request=request)
        if request.url.host not in self._judged:
            self._judge(request.url.host)
        request.extensions[BEGUN] = True
        if armed() and request.method == "POST":
            request = _in_halves(request)
        response = await self._inner.handle_async_request(request)
        self._clock.hear(response.headers.get("date", ""))
        packing = response.headers.pop("content-encoding", "").strip().lower()
        if packing not in PLAIN + PACKED:
            await response.aclose()
            raise httpx.RemoteProtocolError(f"an answer packed as {packing!r} was not asked for", request=request)
        if not isinstance(response.stream, httpx.AsyncByteStream):
            raise TypeError(f"an answer that cannot be awaited: {type(response.stream).__name__}")
        body = await _whole(response.stream, self._cap, packing in PACKED)
        return httpx.Response(
            response.status_code, headers=response.headers, content=body, extensions=response.extensions
        )

    def _judge(self, host: str) -> None:
        """A name is judged when it is resolved, again and again; a literal address once."""
        try:
            ipaddress.ip_address(host)
        except ValueError:
            pass
        else:
            self._egress.check(host)
        if len(self._judged) < MOST_KNOWN:
            self._judged.add(host)

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


class _NoCookies(httpx.Cookies):
    """What a vendor would have us remember between calls is not kept."""

    def extract_cookies(self, response: httpx.Response) -> None:
        """Take none."""


class _Client(httpx.AsyncClient):
    """Keeps no cookies, and joins each path to the base address once."""

    def __init__(self, **how: Any) -> None:
        self._none, self._joined = _NoCookies(), dict[str, httpx.URL]()
        super().__init__(**how)

    @property
    def cookies(self) -> httpx.Cookies:
        """None, ever."""
        return self._none

    @cookies.setter
    def cookies(self, cookies: Any) -> None:
        """Refused."""
        raise TypeError("this client keeps no cookies")

    def build_request(self, method: str, url: httpx.URL | str, **how: Any) -> httpx.Request:
        """As httpx does, with the address of a path from the last time."""
        if not isinstance(url, str):
            return super().build_request(method, url, **how)
        known = self._joined.get(url)
        made = super().build_request(method, known or url, **how)
        if known is None and not how.get("params") and len(self._joined) < MOST_KNOWN:
            self._joined[url] = made.url
        return made


class MakeClient(Protocol):
    """Makes the client of one connection: `hub.sdk.client.make_client`, or `no_client`."""

    def __call__(
        self, *, base_url: str, auth: httpx.Auth | None, egress: Egress, concurrency: int, clock: VendorClock
    ) -> httpx.AsyncClient:
        """See `make_client`."""


def client_over(
    transport: httpx.AsyncBaseTransport,
    *,
    base_url: str,
    auth: httpx.Auth | None,
    egress: Egress,
    clock: VendorClock,
    max_answer_bytes: int = MAX_ANSWER_BYTES,
) -> httpx.AsyncClient:
    """A guarded client over some transport."""
    return _Client(
        base_url=base_url,
        auth=auth,
        transport=_Guard(transport, egress, max_answer_bytes, clock),
        follow_redirects=False,
        trust_env=False,
        timeout=httpx.Timeout(30.0, connect=5.0),
        headers={"user-agent": USER_AGENT, "accept-encoding": "gzip"},
    )


class _Nowhere(httpx.AsyncBaseTransport):
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        raise RuntimeError(f"this process calls nobody: {request.method} {request.url.host}")


def no_client(
    *, base_url: str, auth: httpx.Auth | None, egress: Egress, concurrency: int, clock: VendorClock
) -> httpx.AsyncClient:
    """The client of a process that calls no vendor, such as the API: a request is a bug and raises RuntimeError."""
    return client_over(_Nowhere(), base_url=base_url, auth=auth, egress=egress, clock=clock)
