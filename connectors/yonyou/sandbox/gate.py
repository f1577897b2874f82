"""Who may enter: the token service of one tenant and its one self-built app."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import uuid4

TENANT = "sandboxtenant"
APP_KEY = "41832a3d2df94989b500da6a22268747"
APP_SECRET = "b7c1f0a2-5d3e-4c88-9a61-0e2f4b6d8c90"
WINDOW_S = 600


class RefusedError(Exception):
    """A refusal inside a JSON answer: code, message, HTTP status, and data if there is any."""

    def __init__(self, code: str, message: str, status: int = 200, data: object = None) -> None:
        super().__init__(message)
        self.code, self.message, self.status, self.data = code, message, status, data


def stamp(secret: str, pairs: Mapping[str, str]) -> str:
    """The signature that a token request must carry, before URL-encoding."""
    mac = hmac.new(secret.encode("utf-8"), digestmod=hashlib.sha256)
    for name, value in sorted(pairs.items()):
        mac.update(name.encode("utf-8"))
        mac.update(value.encode("utf-8"))
    return base64.standard_b64encode(mac.digest()).decode("ascii")


@dataclass(slots=True)
class Gate:
    """Issues tokens and knows which are good.

    Attributes:
        exclusive: a new token ends the one before: not known of the real one, but the harsher case.
        per_second: timestamps by which a second counts: 1000 for milliseconds.
    """

    token_s: int = 7200
    exclusive: bool = True
    per_second: int = 1000
    tokens: dict[str, int] = field(default_factory=dict)

    def issue(self, query: Mapping[str, str]) -> str:
        """A token for a well-signed request. RefusedError otherwise; only 10018 is a documented code."""
        pairs = {name: value for name, value in query.items() if name != "signature"}
        if pairs.get("appKey") != APP_KEY:
            raise RefusedError("10018", "应用不存在或appKey已停用")
        if not hmac.compare_digest(stamp(APP_SECRET, pairs).encode(), query.get("signature", "").encode()):
            raise RefusedError("50000", "签名错误")
        when = pairs.get("timestamp", "")
        if not when.isdigit() or abs(int(when) // self.per_second - int(time.time())) > WINDOW_S:
            raise RefusedError("50000", "时间戳已过期")
        if self.exclusive:
            self.tokens.clear()
        token = f"sb+{uuid4().hex}/{uuid4().hex}=="
        self.tokens[token] = int(time.time()) + self.token_s
        return token

    def admit(self, token: str | None) -> None:
        """Let a call with a good token pass."""
        if not token:
            raise RefusedError("310001", "access_token不能为空")
        if self.tokens.get(token, 0) <= time.time():
            raise RefusedError("310036", "非法token")
