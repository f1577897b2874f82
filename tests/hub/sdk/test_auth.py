"""Tokens: one flight, one renewal, and two processes whose tokens kill each other."""

import asyncio
from collections.abc import Generator

import httpx
import pytest

from hub import sdk
from hub.sdk.client import make_client

URL = "https://vendor.example"


class Vendor:
    """A new token kills the one before."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/where":
            return httpx.Response(200, json={"place": URL})
        if request.url.path == "/token":
            self.asked += 1
            return httpx.Response(200, json={"token": f"token-{self.asked}"})
        good = request.headers["authorization"] == f"token-{self.asked}"
        return httpx.Response(200, json={"ok": good})


class TwoSteps(sdk.TokenAuth):
    def token_flow(self, now: float) -> Generator[httpx.Request, sdk.Json, sdk.Token]:
        where = yield httpx.Request("GET", f"{URL}/where")
        body = yield httpx.Request("POST", f"{where['place']}/token")
        return sdk.Token(body["token"], now + 7200, where["place"])

    def apply(self, request: httpx.Request, token: sdk.Token) -> None:
        request.headers["authorization"] = token.value

    def refused(self, response: httpx.Response) -> bool:
        return b'"ok":false' in response.content


def process(vendor: Vendor, memory: sdk.Memory) -> httpx.AsyncClient:
    auth = TwoSteps(sdk.AuthKit(lambda: 1000.0, lambda _: None, memory))
    return make_client(base_url=URL, auth=auth, transport=httpx.MockTransport(vendor))


async def worked(client: httpx.AsyncClient) -> bool:
    return bool((await client.get("/do")).json()["ok"])


async def test_a_hundred_calls_at_once_ask_for_one_token() -> None:
    vendor = Vendor()
    client = process(vendor, sdk.LocalMemory())

    assert all(await asyncio.gather(*(worked(client) for _ in range(100))))
    assert vendor.asked == 1


async def test_a_process_takes_the_token_another_one_fetched() -> None:
    vendor, memory = Vendor(), sdk.LocalMemory()
    first, second = process(vendor, memory), process(vendor, memory)

    assert await worked(first)
    assert await worked(second)
    assert vendor.asked == 1


async def test_processes_whose_tokens_kill_each_other_come_to_rest_on_one() -> None:
    vendor, memory = Vendor(), sdk.LocalMemory()
    first, second = process(vendor, memory), process(vendor, memory)
    assert await worked(first)
    vendor.asked += 1  # someone outside has signed in: token-1 is dead

    assert all(await asyncio.gather(*(worked(c) for c in (first, second) * 20)))
    assert vendor.asked == 3


@pytest.mark.parametrize("answer", [httpx.Response(503), httpx.Response(200, text="<html>")], ids=["503", "html"])
async def test_a_token_service_that_is_down_is_tried_again(answer: httpx.Response) -> None:
    auth = TwoSteps(sdk.AuthKit(lambda: 1000.0, lambda _: None, sdk.LocalMemory()))
    client = make_client(base_url=URL, auth=auth, transport=httpx.MockTransport(lambda _: answer))

    with pytest.raises(sdk.Transient):
        await client.get("/do")
