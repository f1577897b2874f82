"""Auth flows. A connector says how a token is asked for, read and applied; fetching it once is done here."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass

import httpx

from hub.domain.errors import Transient
from hub.domain.text import Text
from hub.sdk.exact import Json, loads
from hub.sdk.http import AnswerTooLarge


@dataclass(frozen=True, slots=True)
class Token:
    """An access token and the instant (seconds since 1970) from which it must be renewed."""

    value: str
    good_until: float


class TokenAuth(httpx.Auth, ABC):
    """A token fetched by one request, shared by all calls of a connection, renewed once when refused.

    Single flight: a hundred calls at once cause one token request. `learn` is told every new token,
    so that it is masked in what is stored.
    """

    def __init__(self, now: Callable[[], float], learn: Callable[[str], None]) -> None:
        self._now = now
        self._learn = learn
        self._token: Token | None = None
        self._lock = asyncio.Lock()

    @abstractmethod
    def token_request(self) -> httpx.Request:
        """The request that asks for a token."""

    @abstractmethod
    def read_token(self, body: Json, now: float) -> Token:
        """Read its JSON answer; raise a VendorError for a refusal."""

    @abstractmethod
    def apply(self, request: httpx.Request, token: str) -> None:
        """Put the token into a request."""

    @abstractmethod
    def refused(self, response: httpx.Response) -> bool:
        """Whether the vendor says that the token is no longer good. The body has been read."""

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Apply a token; when it is refused, get one more and send exactly once more."""
        refused: Token | None = None
        for _ in range(2):
            async with self._lock:
                token = self._token
                if token is None or token is refused or token.good_until <= self._now():
                    answer = yield self.token_request()
                    token = self._token = await self._read(answer)
            self.apply(request, token.value)
            response = yield request
            await response.aread()
            if not self.refused(response):
                return
            refused = token

    async def _read(self, answer: httpx.Response) -> Token:
        try:
            raw = await answer.aread()
        except AnswerTooLarge as error:
            raise Transient(str(error), code="token", hint=BUSY) from error
        if answer.status_code >= 500:
            raise Transient(f"token request: http {answer.status_code}", code=f"http {answer.status_code}", hint=BUSY)
        token = self.read_token(loads(raw), self._now())
        self._learn(token.value)
        return token


BUSY = Text(
    "对方暂时无法发放令牌，稍后会自动重试。", "The vendor cannot issue a token just now; it is retried by itself."
)
