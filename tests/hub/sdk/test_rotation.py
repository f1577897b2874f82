"""A refresh token that changes with each use: kept before anything else, and its loss ends with a person."""

from datetime import timedelta

import httpx
import pytest

from connectors.email.tokens import access_token
from hub import sdk
from tests.connectors.email.test_tokens import Endpoint


class DiedError(BaseException):
    """The end of a process."""


class Noting(sdk.LocalMemory):
    """Notes what is kept, and may die at it."""

    def __init__(self, dies: bool) -> None:
        super().__init__()
        self.kept: list[str] = []
        self.dies = dies

    async def keep(self, name: str, value: sdk.Json, lasts: timedelta | None = None) -> None:
        if "token" in name and self.dies:
            raise DiedError
        self.kept.append(name)
        await super().keep(name, value, lasts)


class Rotating(Endpoint):
    """Takes each refresh token once."""

    def __init__(self, dies: bool) -> None:
        super().__init__()
        self.memory: Noting = Noting(dies)
        self.spent: set[str] = set()

    async def serve(self, request: httpx.Request) -> httpx.Response:
        answer = await super().serve(request)
        token = self.asked[-1]["refresh_token"]
        if token in self.spent:
            return httpx.Response(400, json={"error": "invalid_grant"})
        self.spent.add(token)
        return answer


async def test_the_rotated_refresh_token_is_kept_before_the_access_token_is_used() -> None:
    endpoint = Rotating(dies=False)
    first = await access_token(endpoint.context())
    assert [name for name in endpoint.memory.kept if "token" in name] == ["refresh token", "token"]
    assert await access_token(endpoint.context(), refused=first) == "access-token-2"


async def test_a_refresh_token_lost_with_its_process_needs_a_person_after_one_refusal() -> None:
    endpoint = Rotating(dies=True)
    with pytest.raises(DiedError):
        await access_token(endpoint.context())
    endpoint.memory.dies = False
    with pytest.raises(sdk.NeedsReauth):
        await access_token(endpoint.context())
    assert len(endpoint.asked) == 2
