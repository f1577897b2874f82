"""Events out, as Standard Webhooks 1.0 says: one POST, signed by every active secret, success is any 2xx."""

import base64
import hmac
import re
from collections.abc import Generator, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Annotated

import httpx
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from connectors.webhook import keys
from connectors.webhook.config import Config
from connectors.webhook.errors import LATER, NOWHERE
from hub import sdk

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY_S = 86_400
SHORTEST, LONGEST = timedelta(seconds=1), timedelta(seconds=DAY_S)


class Event(BaseModel):
    """What is told.

    Attributes:
        data: JSON; money stays exact.
        id: instead of the delivery's key, where the event has an id of its own; unique for each event.
        timestamp: when it happened; by default when the delivery came to be owed.
    """

    model_config = ConfigDict(extra="forbid")

    type: str = Field(pattern=r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", max_length=200)
    data: dict[str, sdk.Json]
    id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_:-]*$", max_length=200)] = ""
    timestamp: AwareDatetime | None = None


async def send_event(ctx: sdk.Context[Config], event: Event) -> sdk.Made:
    """Send one event; what was made is its webhook-id.

    Safe to repeat (class A): the same id and the same body; only timestamp and signatures are those of the attempt.

    Raises:
        NeedsReauth: 410, a redirect, or no address: a person must decide.
        Rejected: 400 or 422. Transient: any other 4xx. Ambiguous: 5xx or silence.
        Throttled: 429, or a 5xx that says Retry-After.
    """
    if not ctx.config.out_url:
        raise sdk.NeedsReauth("this connection sends nothing", code="no address", hint=NOWHERE)
    ident, at = event.id or ctx.key, event.timestamp or owed_at(ctx.key) or ctx.now
    body = {"type": event.type, "timestamp": _iso(at), "data": event.data}
    signing = Signing(ctx.config, ident, ctx.now)
    try:
        await ctx.call("POST", ctx.config.out_url, json=body, auth=signing)
    except (sdk.Throttled, sdk.Ambiguous) as error:
        wait = error.retry_after or signing.wait
        if wait is None:
            raise
        raise sdk.Throttled(
            error.message, code=error.code, hint=LATER, retry_after=wait, answer=error.answer
        ) from error
    return sdk.Made(id=ident)


def owed_at(key: str) -> datetime | None:
    """The instant inside a delivery's id (see `sdk.new_id`): the same at every attempt, so the body is too."""
    told = re.fullmatch(r"dlv_([0-9a-f]{12})[0-9a-f]{16}", key)
    return EPOCH + timedelta(milliseconds=int(told[1], 16)) if told else None


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Signing(httpx.Auth):
    """Signs the very bytes that leave; afterwards `wait` is what the answer's Retry-After asks for, if it does."""

    requires_request_body = True

    def __init__(self, config: Config, ident: str, now: datetime) -> None:
        self._config = config
        self._ident = ident
        self._now = now
        self.wait: timedelta | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Add the three headers."""
        when = str((self._now - EPOCH) // timedelta(seconds=1))
        request.headers["webhook-id"] = self._ident
        request.headers["webhook-timestamp"] = when
        told = f"{self._ident}.{when}.".encode() + request.content
        request.headers["webhook-signature"] = " ".join(signatures(self._config, told))
        answer = yield request
        self.wait = retry_after(answer.headers.get("retry-after", ""), self._now)


def signatures(config: Config, told: bytes) -> Iterator[str]:
    """One for each active secret, the newest first, then the key's. `told` is id, seconds and body, joined by dots."""
    for secret in (config.out_secret, config.out_secret_old, config.out_secret_older):
        if text := secret.get_secret_value():
            yield _written("v1", hmac.digest(keys.shared(text), told, "sha256"))
    if text := config.out_key.get_secret_value():
        yield _written("v1a", keys.private(text).sign(told))


def _written(version: str, signature: bytes) -> str:
    return f"{version},{base64.b64encode(signature).decode()}"


def retry_after(text: str, now: datetime) -> timedelta | None:
    """Seconds or an HTTP date, between 1 s and 24 h; None when it says neither."""
    try:
        if re.fullmatch(r"-?[0-9]+", text):
            wait = timedelta(seconds=min(int(text), DAY_S))
        else:
            wait = parsedate_to_datetime(text) - now
    except (ValueError, TypeError, OverflowError):
        return None
    return min(max(wait, SHORTEST), LONGEST)
