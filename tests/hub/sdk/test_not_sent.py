"""What surely never left us is tried again without a doubt; a certificate nobody trusts is the connection's matter."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp.connector
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hub import sdk
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.hub.sdk.vendors import TABLE, Config, answer, facing, heard

DAY = timedelta(days=1)


def context(url: str, **client: Any) -> sdk.Context[Config]:
    http = make_client(base_url=url, egress=LOOPBACK, **client)
    return sdk.Context(Config(), http, TABLE, deadline=timedelta(seconds=5))


async def ended(ctx: sdk.Context[Config]) -> sdk.VendorError:
    with pytest.raises(sdk.VendorError) as caught:
        await ctx.call("POST", "/save", json={})
    await ctx.http.aclose()
    return caught.value


@pytest.mark.parametrize(
    "code", [socket.EAI_NONAME, socket.EAI_AGAIN, socket.EAI_FAIL], ids=["NXDOMAIN", "again", "fail"]
)
async def test_a_name_that_does_not_resolve_sent_nothing(code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_asked: Any, **_how: Any) -> Any:
        raise socket.gaierror(code, "no such name")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
    assert type(await ended(context("http://vendor.example"))) is sdk.Transient


async def test_an_address_that_may_not_be_dialled_sent_nothing() -> None:
    ctx = sdk.Context(Config(), make_client(base_url="http://127.0.0.1:9"), TABLE)
    error = await ended(ctx)
    assert (type(error), error.code) == (sdk.Transient, "EgressDenied")


async def test_a_host_that_does_not_answer_the_handshake_sent_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        fillers = [socket.socket() for _ in range(4)]
        for each in fillers:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        ctx = context(f"http://127.0.0.1:{full.getsockname()[1]}")
        ctx.http.timeout = httpx.Timeout(5.0, connect=0.2)
        assert type(await ended(ctx)) is sdk.Transient
        for each in fillers:
            each.close()


class SignIn(httpx.Auth):
    """Asks for a token elsewhere before each call."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def async_auth_flow(self, request: httpx.Request) -> Any:
        """Two requests."""
        await (yield httpx.Request("POST", self._url)).aread()
        yield request


async def test_a_sign_in_that_falls_silent_leaves_no_doubt_about_the_write() -> None:
    written: list[bytes] = []

    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await heard(reader)
        if b"/token" not in head:
            written.append(head)
        if b"/token/slow" in head:
            await reader.read()

    async with facing(manners, deadline_s=0.3) as ctx:
        for path in ("/token", "/token/slow"):
            ctx.http.auth = SignIn(str(ctx.http.base_url.join(path)))
            with pytest.raises(sdk.Transient):
                await ctx.call("POST", "/save", json={})
        assert written == []
        ctx.http.auth = httpx.Auth()
        with pytest.raises(sdk.Ambiguous):
            await ctx.call("POST", "/save", json={})


class Authority:
    """Issues certificates for a test."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "test authority")])
        self.certificate = self._sign(self._name, self._key.public_key(), 1, x509.BasicConstraints(True, None))

    def _sign(self, name: x509.Name, key: Any, days: int, extension: x509.ExtensionType) -> x509.Certificate:
        ends = datetime.now(UTC) + days * DAY
        made = x509.CertificateBuilder().subject_name(name).issuer_name(self._name).public_key(key)
        made = made.serial_number(x509.random_serial_number()).not_valid_before(ends - 9 * DAY).not_valid_after(ends)
        return made.add_extension(extension, critical=True).sign(self._key, hashes.SHA256())

    def context(self, host: str, days: int) -> ssl.SSLContext:
        """A server's side, for a host, good for so many days from now."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
        made = self._sign(name, key.public_key(), days, x509.SubjectAlternativeName([x509.DNSName(host)]))
        pem = serialization.Encoding.PEM
        plain = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        file = self._folder / f"{host}{days}.pem"
        file.write_bytes(plain + made.public_bytes(pem))
        side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        side.load_cert_chain(file)
        return side


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    """One that our client trusts."""
    made = Authority(tmp_path)
    trusting = ssl.create_default_context(cadata=made.certificate.public_bytes(serialization.Encoding.DER))
    monkeypatch.setattr(aiohttp.connector, "_SSL_CONTEXT_VERIFIED", trusting)
    return made


@asynccontextmanager
async def secured(side: ssl.SSLContext | None, asked: list[bytes]) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if side is None:
                await reader.read(1)
            else:
                asked.append(await heard(reader))
            writer.write(answer())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=side)
    yield f"https://localhost:{server.sockets[0].getsockname()[1]}"
    server.close()


async def test_a_good_certificate_is_taken(authority: Authority) -> None:
    async with secured(authority.context("localhost", 5), []) as url:
        ctx = context(url)
        assert await ctx.call("POST", "/save", json={}) == {"ok": True}
        await ctx.http.aclose()


@pytest.mark.parametrize(
    "side",
    [
        lambda ours, _: ours.context("localhost", -1),
        lambda ours, _: ours.context("elsewhere.example", 5),
        lambda _, folder: Authority(folder).context("localhost", 5),
        lambda *_: None,
    ],
    ids=["expired", "another host", "unknown issuer", "no TLS"],
)
async def test_a_certificate_nobody_trusts_holds_the_connection_and_sends_nothing(
    side: Callable[[Authority, Path], ssl.SSLContext | None], authority: Authority, tmp_path: Path
) -> None:
    asked: list[bytes] = []
    async with secured(side(authority, tmp_path), asked) as url:
        error = await ended(context(url))
    assert (type(error), error.code) == (sdk.NeedsReauth, "certificate")
    assert asked == []


async def test_who_woke_after_its_lease_writes_nothing_but_may_still_read() -> None:
    asked: list[bytes] = []

    async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await heard(reader))
        writer.write(answer(b'{"ok":true}', "Connection: close"))
        await writer.drain()

    async with facing(polite) as ctx:
        late = sdk.Context(ctx.config, ctx.http, TABLE, alive=lambda: False)
        with pytest.raises(sdk.NotReady) as caught:
            await late.call("POST", "/save", json={})
        assert (caught.value.code, late.exchanges) == ("lease", [])
        with pytest.raises(sdk.NotReady):
            await late.dial("127.0.0.1", 9)
        assert asked == []
        assert await late.call("GET", "/read") == {"ok": True}
