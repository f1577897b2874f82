"""Access tokens: asked for once, the rotated refresh token kept first, and who must act when the grant is dead."""

import asyncio
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest

from connectors.email import connector
from connectors.email.tokens import access_token
from hub import sdk
from hub.sdk import testing
from tests.connectors.email.talks import HOME

GRANT = {
    "token_url": "https://login.example.com/token",
    "client_id": "app-1",
    "client_secret": "app-secret-1",
    "refresh_token": "refresh-token-0",
    "scope": "mail offline_access",
}
Answer = Callable[[dict[str, str]], httpx.Response]


class Endpoint:
    """A token endpoint: numbers its tokens, rotates the refresh token, or answers as told."""

    def __init__(self, answer: Answer | None = None) -> None:
        self.asked: list[dict[str, str]] = []
        self.answer = answer
        self.memory = sdk.LocalMemory()

    async def serve(self, request: httpx.Request) -> httpx.Response:
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        self.asked.append(form)
        await asyncio.sleep(0)
        if self.answer:
            return self.answer(form)
        number = len(self.asked)
        told = {
            "access_token": f"access-token-{number}",
            "refresh_token": f"refresh-token-{number}",
            "expires_in": 3600,
        }
        return httpx.Response(200, json=told)

    def context(self, **changes: Any) -> sdk.Context[Any]:
        values = {**HOME, **GRANT, **changes}
        return testing.open_context(connector, values, transport=httpx.MockTransport(self.serve), memory=self.memory)


async def test_a_token_is_asked_for_once_and_the_newest_refresh_token_next() -> None:
    endpoint = Endpoint()
    first = await access_token(endpoint.context())
    assert (first, await access_token(endpoint.context())) == ("access-token-1", "access-token-1")
    assert await access_token(endpoint.context(), refused=first) == "access-token-2"

    assert endpoint.asked[0] == {
        "grant_type": "refresh_token",
        "scope": "mail offline_access",
        "refresh_token": "refresh-token-0",
        "client_id": "app-1",
        "client_secret": "app-secret-1",
    }
    assert [each["refresh_token"] for each in endpoint.asked] == ["refresh-token-0", "refresh-token-1"]


async def test_of_two_processes_one_asks_and_the_other_waits() -> None:
    endpoint = Endpoint()
    both = [access_token(endpoint.context()), access_token(endpoint.context())]
    one, other = await asyncio.gather(*both, return_exceptions=True)

    assert one == "access-token-1"
    assert isinstance(other, sdk.NotReady)
    assert other.retry_after
    assert await access_token(endpoint.context()) == "access-token-1"
    assert len(endpoint.asked) == 1


async def test_a_newly_entered_grant_is_used_instead_of_what_the_old_one_gave() -> None:
    endpoint = Endpoint()
    await access_token(endpoint.context())
    assert await access_token(endpoint.context(refresh_token="refresh-token-new")) == "access-token-2"
    assert endpoint.asked[1]["refresh_token"] == "refresh-token-new"


async def test_an_app_without_a_refresh_token_asks_for_itself() -> None:
    endpoint = Endpoint(lambda _form: httpx.Response(200, json={"access_token": "app-token", "expires_in": "odd"}))
    assert await access_token(endpoint.context(refresh_token="")) == "app-token"
    assert endpoint.asked[0]["grant_type"] == "client_credentials"
    assert "refresh_token" not in endpoint.asked[0]


@pytest.mark.parametrize(
    ("status", "body", "error", "code"),
    [
        (400, {"error": "invalid_grant", "error_description": "expired"}, sdk.NeedsReauth, "invalid_grant"),
        (401, {"error": "invalid_client"}, sdk.NeedsReauth, "invalid_client"),
        (503, {"error": "temporarily_unavailable"}, sdk.Transient, "temporarily_unavailable"),
        (429, {"error": "slow"}, sdk.Transient, "http 429"),
        (200, {"token_type": "Bearer"}, sdk.Transient, "http 200"),
        (200, {"access_token": None}, sdk.Transient, "http 200"),
        (200, ["access_token"], sdk.Transient, "http 200"),
        (302, None, sdk.Transient, "http 302"),
    ],
)
async def test_each_no_says_what_comes_next(status: int, body: Any, error: type[sdk.VendorError], code: str) -> None:
    endpoint = Endpoint(lambda _form: httpx.Response(status, json=body) if body else httpx.Response(status))
    with pytest.raises(error, match="token_url") as caught:
        await access_token(endpoint.context())
    assert caught.value.code == code
    assert caught.value.hint.zh
    with pytest.raises(error):
        await access_token(endpoint.context())
    assert len(endpoint.asked) == 2


async def test_no_token_and_no_secret_is_kept_in_words() -> None:
    endpoint = Endpoint()
    ctx = endpoint.context()
    await access_token(ctx)
    (kept,) = ctx.exchanges
    assert (kept.request, kept.answer, kept.status) == ("grant_type=refresh_token", '{"expires_in":3600}', 200)
    assert ctx.redact("access-token-1 refresh-token-1") == "•••• ••••"
