"""What an action may reach for: its config, the one client, the idempotency key, now. Nothing else."""

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any, Generic, TypeVar

import httpx
import structlog
import tenacity
from pydantic import BaseModel

from hub.domain.errors import Ambiguous, HubError, NeedsReauth, NotReady, Throttled, Transient, Unreadable, VendorError
from hub.domain.text import Text
from hub.failpoints import point
from hub.sdk.answers import Answer, ErrorTable, Refusal
from hub.sdk.clock import VendorClock
from hub.sdk.exact import Json, dumps, loads
from hub.sdk.http import Egress, dial, is_certificate_error, was_begun, was_not_sent
from hub.sdk.memory import LocalMemory, Memory
from hub.sdk.redaction import Redactor

C = TypeVar("C", bound=BaseModel)

KEPT_CHARACTERS = 50_000
DEFAULT_WAIT, SHORTEST_WAIT, LONGEST_WAIT = timedelta(seconds=5), timedelta(seconds=1), timedelta(hours=24)
CHARSETS = ("utf-8", "gb18030")

UNREACHABLE = Text(
    "连不上对方：检查连接里的地址与网络；会自动重试。",
    "Unreachable: check the connection's address and the network; it is retried.",
)
SILENT = Text(
    "对方没有回答，可能已经生效：会先查后发。", "No answer came and it may have happened: we look before sending again."
)
ODD = Text(
    "对方的回答不是约定的形状：打开这次尝试看原文。", "The answer has an unknown shape: open the attempt and read it."
)
MOVED = Text(
    "对方要求跳转：在连接里填写最终的服务器地址。",
    "The vendor redirects: enter the final server address in the connection.",
)
CERTIFICATE = Text(
    "对方的证书不被信任：更换证书或改正地址。",
    "The vendor's certificate is not trusted: renew it or correct the address.",
)


log = structlog.get_logger("hub.sdk")
BY_ITS = "the vendor's clock is off from ours; sent once more by its own"
LAPSED = Text(
    "处理得太久，已由别的工作进程接手：不用管。",
    "It took too long and another worker has it now: nothing to do.",
)


async def at_once() -> None:
    """The pace of an account whose rate nobody counts."""


def always() -> bool:
    """The lease of what nobody else can take over."""
    return True


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and its answer, redacted and capped, as an attempt keeps it."""

    method: str
    url: str
    request: str
    status: int
    answer: str
    ms: int


@dataclass(slots=True)
class Context(Generic[C]):
    """Handed to every action, poll and probe.

    Attributes:
        config: the connection's validated config.
        key: idempotency key of the delivery, stable over attempts and replays; "" in polls and probes.
        now: aware UTC instant of this attempt.
        memory: what this connection remembers, shared by all processes.
        pace: waits until the account's rate allows one more call.
        alive: whether this attempt is still ours; asked right before anything is written.
        vendor_clock: the clock this connection's signatures are stamped by.
        exchanges: filled by `call` and `note`; the attempt keeps them.
    """

    config: C
    http: httpx.AsyncClient
    errors: ErrorTable
    key: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))
    redact: Redactor = field(default_factory=Redactor)
    memory: Memory = field(default_factory=LocalMemory)
    egress: Egress = field(default_factory=Egress)
    deadline: timedelta = timedelta(seconds=30)
    pace: Callable[[], Awaitable[None]] = at_once
    alive: Callable[[], bool] = always
    vendor_clock: VendorClock = field(default_factory=VendorClock)
    clock: Callable[[], float] = field(default_factory=lambda: asyncio.get_running_loop().time)
    exchanges: list[Exchange] = field(default_factory=list)

    async def call(
        self,
        method: str,
        path: str,
        *,
        json: Json = None,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        reads: bool | None = None,
        auth: httpx.Auth | None = None,
    ) -> Json:
        """Call the vendor once and return the decoded answer when the error table calls it a success.

        Args:
            path: joined to the base URL as it stands.
            json: sent as exact JSON (Decimals as numbers), key order kept.
            reads: the call changes nothing there; default: method is GET. Reads are tried three times within 2 s.
            auth: another sign-in than the connection's, for vendors with one secret per product.

        Raises:
            Transient: nothing was sent, or a read got no answer.
            Throttled: HTTP 429 (Retry-After honoured, 1 s to 24 h).
            Ambiguous: a write got no answer, a 5xx, or a shape we do not know.
            NeedsReauth: a redirect or a bad certificate: a person must correct the connection. A refusal is sent
                once more by the vendor's clock where that differs from ours.
            Other VendorErrors as the error table says.
        """
        harmless = method == "GET" if reads is None else reads
        request = self._request(method, path, json, params, headers)
        if not harmless:
            return await self._once(request, harmless, auth)
        async for attempt in tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(3) | tenacity.stop_after_delay(2),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=0.6),
            retry=tenacity.retry_if_exception_type(Transient),
            reraise=True,
        ):
            with attempt:
                return await self._once(request, harmless, auth)
        raise AssertionError("unreachable: the last attempt re-raises")

    async def dial(self, host: str, port: int) -> socket.socket:
        """A connected, blocking TCP socket for vendors that speak no HTTP; the only other way out.

        Raises Transient when the address cannot be reached or may not be dialled: nothing was sent.
        """
        await self.pace()
        self._hold_fast()
        try:
            return await dial(self.egress, host, port)
        except (OSError, httpx.ConnectError) as error:
            raise Transient(f"{host}:{port}: {error}", code="connect", hint=UNREACHABLE) from error

    def _hold_fast(self) -> None:
        if not self.alive():
            raise NotReady("the lease lapsed before anything was sent", code="lease", hint=LAPSED)

    def note(self, method: str, url: str, request: str = "", status: int = 0, answer: str = "", ms: int = 0) -> None:
        """Keep an exchange that was not HTTP, redacted and capped like the others."""
        said, heard = self.redact(request)[:KEPT_CHARACTERS], self.redact(answer)[:KEPT_CHARACTERS]
        self.exchanges.append(Exchange(method, self.redact(url), said, status, heard, ms))

    def _request(
        self, method: str, path: str, json: Json, params: Mapping[str, str] | None, headers: Mapping[str, str] | None
    ) -> httpx.Request:
        content = None if json is None else dumps(json).encode()
        kind = {} if content is None else {"content-type": "application/json; charset=utf-8"}
        return self.http.build_request(
            method, path, content=content, params=params, headers={**kind, **(headers or {})}
        )

    async def _once(self, request: httpx.Request, harmless: bool, auth: httpx.Auth | None) -> Json:
        """Send it; what the vendor does not let in while its clock is another is sent once more by that clock."""
        skew_s = self.vendor_clock.skew_s
        try:
            return await self._send(request, harmless, auth)
        except NeedsReauth:
            if not self.vendor_clock.corrected(skew_s):
                raise
        right_s = self.vendor_clock.skew_s
        log.warning("the vendor's clock is not ours", host=request.url.host, skew_s=round(right_s))
        self.note(
            "CLOCK", str(request.url), answer=f"对方的时钟与本机相差 {right_s:+.0f} s，按对方的时钟再发一次 / {BY_ITS}"
        )
        try:
            return await self._send(request, harmless, auth)
        except NeedsReauth:
            self.vendor_clock.skew_s = skew_s
            raise

    async def _send(self, request: httpx.Request, harmless: bool, auth: httpx.Auth | None) -> Json:
        await self.pace()
        if not harmless:
            self._hold_fast()
        began = self.clock()
        try:
            async with asyncio.timeout(self.deadline.total_seconds()):
                point("worker.before_send")
                response = await self.http.send(request, auth=auth or httpx.USE_CLIENT_DEFAULT)
        except httpx.TransportError as error:
            self._keep(request, 0, f"{type(error).__name__}: {error}", began)
            raise _transport_error(error, harmless or not was_begun(request)) from error
        except TimeoutError as error:
            self._keep(request, 0, f"no answer within {self.deadline.total_seconds():g} s", began)
            idle = harmless or not was_begun(request)
            raise _doubt(idle, "no answer in time", code="timeout", hint=SILENT) from error
        except VendorError as error:
            self._keep(request, 0, str(error), began)
            raise
        answer = read_answer(response)
        self._keep(request, answer.status, answer.text, began)
        return self._judge(answer, harmless)

    def _judge(self, answer: Answer, harmless: bool) -> Json:
        status = f"http {answer.status}"
        if 300 <= answer.status < 400:
            where = answer.headers.get("location", "?")
            raise NeedsReauth(f"redirected to {where}", code=status, hint=MOVED, answer=answer.text)
        if answer.status == 429:
            raise Throttled("too many requests", code=status, retry_after=_wait(answer), answer=answer.text)
        if answer.status >= 500 and not isinstance(answer.body, dict):
            raise _doubt(harmless, "the vendor failed", code=status, hint=SILENT, answer=answer.text)
        try:
            refusal = self.errors.read(answer)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise _doubt(harmless, "unknown answer shape", code=status, hint=ODD, answer=answer.text) from error
        if refusal is None:
            return answer.body
        raise self.errors.error(
            Refusal(refusal.code, self.redact(refusal.message), refusal.request_id, refusal.retry_after), answer
        )

    def _keep(self, request: httpx.Request, status: int, answer: str, began: float) -> None:
        sent = request.content.decode("utf-8", "replace")
        self.note(request.method, str(request.url), sent, status, answer, round((self.clock() - began) * 1000))


def read_answer(response: httpx.Response) -> Answer:
    """Decode an answer that was read whole: exact UTF-8 JSON or None; as text for people also GBK, with every fault."""
    try:
        body: Any = loads(response.content)
    except Unreadable:
        body = None
    return Answer(response.status_code, response.headers, body, _text(response.content).replace("\x00", "�"))


def _text(raw: bytes) -> str:
    for charset in CHARSETS:
        with suppress(UnicodeDecodeError):
            return raw.decode(charset)[:KEPT_CHARACTERS]
    return raw[: KEPT_CHARACTERS * 4].decode("utf-8", "replace")[:KEPT_CHARACTERS]


def _transport_error(error: httpx.TransportError, harmless: bool) -> HubError:
    words = str(error) or type(error).__name__
    if is_certificate_error(error):
        return NeedsReauth(words, code="certificate", hint=CERTIFICATE)
    if was_not_sent(error):
        return Transient(words, code=type(error).__name__, hint=UNREACHABLE)
    return _doubt(harmless, words, code=type(error).__name__, hint=SILENT)


def _doubt(harmless: bool, message: str, *, code: str, hint: Text, answer: str = "") -> VendorError:
    kind = Transient if harmless else Ambiguous
    return kind(message, code=code, hint=hint, answer=answer)


def _wait(answer: Answer) -> timedelta:
    """Retry-After as seconds or an HTTP date, clamped to 1 s … 24 h; 5 s when there is none or it is garbage."""
    text = answer.headers.get("retry-after", "").strip()
    try:
        if re.fullmatch(r"-?[0-9]+", text):
            wait = timedelta(seconds=min(int(text), LONGEST_WAIT.total_seconds()))
        else:
            wait = parsedate_to_datetime(text) - _their_now(answer)
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_WAIT
    return min(max(wait, SHORTEST_WAIT), LONGEST_WAIT)


def _their_now(answer: Answer) -> datetime:
    """The time by the clock that a date in this answer was written by: one of us may be wrong."""
    try:
        return parsedate_to_datetime(answer.headers.get("date", ""))
    except ValueError:
        return datetime.now(UTC)
