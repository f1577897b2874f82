"""The guard before everything: how large and how slow a body may be, and the headers of every answer."""

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import sdk
from hub.api.problems import problem

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = (
    (b"content-security-policy", CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
)
SMALLER = sdk.Text("减小请求体后重发。", "Send a smaller body.")
FASTER = sdk.Text("请求体来得太慢：检查网络后重发。", "The body came too slowly: check the network and send again.")


class TooLarge(Exception):
    """The body passes the limit."""


class Gone(Exception):
    """The sender left before the body was whole."""


class Guard:
    """Reads the whole body within its limits before the app sees the request; an answer's own headers win.

    413 comes at once from the content-length, else with the first chunk that passes the limit; 408 after the
    time. Both close the connection, for the rest of the body is still on its way.
    """

    def __init__(self, app: ASGIApp, max_body_bytes: int, body_timeout_s: float) -> None:
        self._app = app
        self._most = max_body_bytes
        self._timeout_s = body_timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def dress(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = {name for name, _ in message["headers"]}
                message["headers"] = [*message["headers"], *(each for each in HEADERS if each[0] not in own)]
            await send(message)

        close = {"connection": "close"}
        try:
            async with asyncio.timeout(self._timeout_s):
                body = await self._read(scope, receive)
        except TooLarge:
            large = f"a body holds {self._most} bytes at most"
            await problem(413, "too-large", large, SMALLER, headers=close)(scope, receive, dress)
        except TimeoutError:
            slow = f"the body was not whole within {self._timeout_s:g} s"
            await problem(408, "too-slow", slow, FASTER, headers=close)(scope, receive, dress)
        except Gone:
            return
        else:
            await self._app(scope, _again(body, receive), dress)

    async def _read(self, scope: Scope, receive: Receive) -> bytes:
        length = dict(scope["headers"]).get(b"content-length", b"")
        if length.isdigit() and int(length) > self._most:
            raise TooLarge
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Gone
            body += message.get("body", b"")
            if len(body) > self._most:
                raise TooLarge
            if not message.get("more_body", False):
                return bytes(body)


def _again(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    told = False

    async def replay() -> Message:
        nonlocal told
        if told:
            return await receive()
        told = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
