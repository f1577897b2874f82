"""The guard: 413 before the whole body, 408 after the time, headers on every answer."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Message, Receive, Scope, Send

from hub.api.limits import CSP, Guard

MOST = 1000


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    body = await Request(scope, receive).body()
    answer: Response = PlainTextResponse(str(len(body)), headers={"cache-control": "public"})
    await answer(scope, receive, send)


guard = Guard(echo, MOST, 0.2)


@pytest.fixture
def client() -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(guard), base_url="http://hub")


async def chunks(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 100):
        yield b"x" * 100


async def test_a_body_within_the_limit_arrives_whole(client: httpx.AsyncClient) -> None:
    assert (await client.post("/", content=b"x" * MOST)).text == "1000"
    assert (await client.post("/", content=chunks(MOST))).text == "1000"


async def test_a_chunked_body_over_the_limit_is_refused(client: httpx.AsyncClient) -> None:
    answer = await client.post("/", content=chunks(MOST + 100))
    assert (answer.status_code, answer.json()["code"], answer.headers["connection"]) == (413, "too-large", "close")


async def drive(length: str, receive: Receive) -> list[Message]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-length", length.encode())] if length else []
    await guard({"type": "http", "method": "POST", "path": "/", "headers": headers}, receive, send)
    return sent


async def test_a_length_over_the_limit_is_refused_without_reading() -> None:
    async def never() -> Message:
        raise AssertionError("the body was read")

    assert (await drive("1001", never))[0]["status"] == 413
    with pytest.raises(AssertionError, match="was read"):
        await drive("1000", never)


async def test_a_slow_body_is_given_up() -> None:
    async def trickle() -> Message:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    assert (await drive("", trickle))[0]["status"] == 408


async def test_a_sender_that_leaves_gets_no_answer_and_the_app_is_not_called() -> None:
    async def leave() -> Message:
        return {"type": "http.disconnect"}

    assert await drive("", leave) == []


async def test_every_answer_is_dressed_and_its_own_headers_win(client: httpx.AsyncClient) -> None:
    good, bad = await client.get("/"), await client.post("/", content=b"x" * 1001)
    for answer, cache in ((good, "public"), (bad, "no-store")):
        dressed = {
            name: answer.headers[name] for name in ("content-security-policy", "referrer-policy", "cache-control")
        }
        assert dressed == {"content-security-policy": CSP, "referrer-policy": "no-referrer", "cache-control": cache}
        assert answer.headers["x-content-type-options"] == "nosniff"
