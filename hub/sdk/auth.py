"""Auth flows. A connector says how a token is asked for, read and applied; fetching it once is done here."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Generator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import ClassVar

import httpx

from hub.domain.errors import Transient, Unreadable
from hub.domain.text import Text
from hub.sdk.exact import Json, loads
from hub.sdk.http import AnswerTooLarge
from hub.sdk.memory import Memory

LONGEST_FLIGHT = timedelta(seconds=10)
TURN_S, TURNS = 0.1, 50
"""How often a process looks whether another has come back with a token, before it asks for itself."""


@dataclass(frozen=True, slots=True)
class AuthKit:
    """What an auth flow is made with: the vendor's clock in seconds, who masks a secret, what is remembered."""

    now: Callable[[], float]
    learn: Callable[[str], None]
    memory: Memory


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the instant (seconds since 1970) from which it must be renewed.

    `place`: where calls go with it, for vendors that tell that at sign-in; otherwise "".
    """

    value: str
    good_until: float
    place: str = ""


class TokenAuth(httpx.Auth, ABC):
    """A token shared by all calls of a connection, in all processes, and renewed once when it is refused.

    Single flight over all processes: a thousand calls at once cause one token request. A refused token is first
    looked up in the connection's memory: another process may have fetched a newer one, which at many vendors killed
    ours.
    Every new token is learned, so that it is masked in what is stored. `kept` is its name in the memory: a second
    sign-in of one connection takes another.
    """

    kept: ClassVar[str] = "token"

    def __init__(self, kit: AuthKit) -> None:
        self._kit = kit
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    def token_request(self) -> httpx.Request:
        """The request that asks for a token."""
        raise NotImplementedError

    def read_token(self, body: Json, now: float) -> Token:
        """Read its JSON answer; raise a VendorError for a refusal."""
        raise NotImplementedError

    def token_flow(self, now: float) -> Generator[httpx.Request, Json, Token]:
        """Yield each request that is needed, get its decoded answer, return the token. By default one request."""
        body = yield self.token_request()
        return self.read_token(body, now)

    @abstractmethod
    def apply(self, request: httpx.Request, token: Token) -> None:
        """Put the token into a request."""

    @abstractmethod
    def refused(self, response: httpx.Response) -> bool:
        """Whether the vendor says that the token is no longer good. The body has been read."""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Apply a token; when it is refused, get another one and send exactly once more."""
        refused = ""
        for _ in range(2):
            async with self._lock:
                token = await self._known(refused)
                if token is None:
                    async with self._flight():
                        token, told = await self._known(refused), None
                        flow = self.token_flow(self._kit.now())
                        while token is None:
                            try:
                                answer = yield flow.send(told)
                                told = await _read(answer)
                            except StopIteration as ended:
                                token = ended.value
                                await self._remember(token)
            self.apply(request, token)
            response = yield request
            await response.aread()
            if not self.refused(response):
                return
            refused = token.value

    @asynccontextmanager
    async def _flight(self) -> AsyncIterator[None]:
        """Alone over all processes, as far as patience goes: who holds it may have died."""
        name = f"{self.kept} flight"
        with suppress(Transient):  # who cannot see the others goes at once
            for _ in range(TURNS):
                if await self._kit.memory.claim(name, LONGEST_FLIGHT):
                    break
                await asyncio.sleep(TURN_S)
        try:
            yield
        finally:
            with suppress(Transient):  # it lapses by itself
                await self._kit.memory.forget(name)

    async def _known(self, refused: str) -> Token | None:
        if self._good(self._token, refused):
            return self._token
        kept = await self._kit.memory.recall(self.kept)
        token = Token(kept["value"], float(kept["good_until"]), kept["place"]) if kept else None
        if token is None or not self._good(token, refused):
            return None
        self._kit.learn(token.value)
        self._token = token
        return token

    def _good(self, token: Token | None, refused: str) -> bool:
        return token is not None and token.value != refused and self._kit.now() < token.good_until

    async def _remember(self, token: Token) -> None:
        self._token = token
        self._kit.learn(token.value)
        kept = {"value": token.value, "good_until": str(token.good_until), "place": token.place}
        with suppress(Transient):  # the others will ask for themselves
            await self._kit.memory.keep(self.kept, kept, timedelta(seconds=max(token.good_until - self._kit.now(), 1)))


async def _read(answer: httpx.Response) -> Json:
    try:
        raw = await answer.aread()
    except AnswerTooLarge as error:
        raise Transient(str(error), code="token", hint=BUSY) from error
    if answer.status_code >= 500:
        raise Transient(f"token request: http {answer.status_code}", code=f"http {answer.status_code}", hint=BUSY)
    try:
        return loads(raw)
    except Unreadable as error:
        raise Transient(f"token request: {error.message}", code=f"http {answer.status_code}", hint=BUSY) from error


BUSY = Text(
    "对方暂时无法发放令牌，稍后会自动重试。", "The vendor cannot issue a token just now; it is retried by itself."
)
