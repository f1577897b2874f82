"""API-signature mode: the headers of every call, and the session the server opens behind them.

Agrees byte for byte with the official Python SDK 8.2.0 (whole seconds; the nonce equals the timestamp).
The body is signed by neither header: TLS is the only protection of what is sent.
"""

import asyncio
import base64
import binascii
import contextlib
import hashlib
import hmac
from collections.abc import AsyncGenerator
from http.cookies import SimpleCookie
from urllib.parse import quote

import httpx

from connectors.kingdee.config import Config
from connectors.kingdee.errors import session_lost
from hub import sdk

MASK = b"0054f397c6234378b09ca7d3e5debce7"
SESSION = "kdservice-sessionid"


def gateway_secret(app_id: str) -> tuple[str, str]:
    """Client id and gateway secret hidden in an app id.

    As the SDK does: without exactly one "_" both are empty; a second part that is not 32 characters of
    unpadded base64 gives an empty secret.
    """
    parts = app_id.split("_")
    if len(parts) != 2:
        return "", ""
    client_id, hidden = parts
    if len(hidden) != 32 or "=" in hidden:
        return client_id, ""
    try:
        raw = base64.b64decode(hidden, validate=True)
    except binascii.Error:
        return client_id, ""
    return client_id, base64.b64encode(bytes(a ^ b for a, b in zip(raw, MASK, strict=False))).decode()


def seal(message: str, key: str) -> str:
    """base64 of the lower-case hex HMAC-SHA256 (88 characters)."""
    digest = hmac.new(key.encode(), message.encode(), hashlib.sha256).hexdigest()
    return base64.b64encode(digest.encode()).decode()


def headers(config: Config, path: str, now: float) -> dict[str, str]:
    """The signature headers of a POST to this path (decoded, without query) at this second."""
    client_id, secret = gateway_secret(config.app_id)
    stamp = str(int(now))
    signed_path = quote(path).replace("/", "%2F")
    identity = f"{config.acct_id},{config.user_name},{config.lcid},{config.org_num}"
    return {
        "X-Api-ClientID": client_id,
        "X-Api-Auth-Version": "2.0",
        "x-api-timestamp": stamp,
        "x-api-nonce": stamp,
        "x-api-signheaders": "x-api-timestamp,x-api-nonce",
        "X-Api-Signature": seal(f"POST\n{signed_path}\n\nx-api-nonce:{stamp}\nx-api-timestamp:{stamp}\n", secret),
        "X-Kd-Appkey": config.app_id,
        "X-Kd-Appdata": base64.b64encode(identity.encode()).decode(),
        "X-Kd-Signature": seal(config.app_id + identity, config.app_secret.get_secret_value()),
    }


class ApiSignature(httpx.Auth):
    """Sign every request, keep the session's cookies, and open a new session once when the old one is lost.

    Repeating after a lost session is safe: Kingdee refused before it looked at the request. While there is
    no session requests go one at a time, so that a start does not open one session per socket.
    """

    def __init__(self, config: Config, kit: sdk.AuthKit) -> None:
        self._config = config
        self._kit = kit
        self._cookies: dict[str, str] = {}
        self._opening = asyncio.Lock()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Send; on a lost session forget it and send exactly once more."""
        for _ in range(2):
            async with contextlib.nullcontext() if self._cookies else self._opening:
                used = self._cookies
                self._apply(request, used)
                response = yield request
                lost = session_lost(await response.aread())
                if not lost:
                    self._keep(response)
                elif self._cookies is used:
                    self._cookies = {}
            if not lost:
                return

    def _apply(self, request: httpx.Request, cookies: dict[str, str]) -> None:
        for name in (SESSION, "cookie"):
            request.headers.pop(name, None)
        request.headers.update(headers(self._config, request.url.path, self._kit.now()))
        if cookies:
            request.headers[SESSION] = cookies[SESSION]
            request.headers["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items())

    def _keep(self, response: httpx.Response) -> None:
        jar: SimpleCookie = SimpleCookie()
        for line in response.headers.get_list("set-cookie"):
            jar.load(line)
        if SESSION in jar:
            self._kit.learn(jar[SESSION].value)
            self._cookies = {name: morsel.value for name, morsel in jar.items()}
