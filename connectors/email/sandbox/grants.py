"""The fake authorization server: access tokens, and a refresh token that changes with each use."""

import secrets
import time
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

CLIENT, CLIENT_SECRET = "lianshu-mail-app", "sandbox-client-secret-93b1"
SCOPE = "https://mail.example.com/.default"


class Grants:
    """One application and one mailbox owner who agreed. The newest 100 access tokens are known."""

    def __init__(self, token_s: int) -> None:
        self._token_s = token_s
        self._access: dict[str, int] = {}
        self.refresh = secrets.token_urlsafe(48)

    def good(self, token: str) -> bool:
        """Whether a token admits."""
        return self._access.get(token, 0) > time.time()

    def expire(self, *, refresh: bool = False) -> None:
        """Every access token ends; with `refresh` the owner's consent too."""
        self._access.clear()
        if refresh:
            self.refresh = secrets.token_urlsafe(48)

    def answer(self, form: Mapping[str, str], authorization: str) -> tuple[int, dict[str, Any]]:
        """Status and body of POST /token. The refresh token that was used is void at once."""
        if _client(form, authorization) != (CLIENT, CLIENT_SECRET):
            return 401, {"error": "invalid_client", "error_description": "unknown client, or its secret is wrong"}
        kind = form.get("grant_type", "")
        if kind == "client_credentials":
            return 200, self._issue()
        if kind != "refresh_token":
            return 400, {"error": "unsupported_grant_type", "error_description": kind}
        if not secrets.compare_digest(form.get("refresh_token", "").encode(), self.refresh.encode()):
            return 400, {"error": "invalid_grant", "error_description": "the refresh token is expired or revoked"}
        self.refresh = secrets.token_urlsafe(48)
        return 200, {**self._issue(), "refresh_token": self.refresh}

    def _issue(self) -> dict[str, Any]:
        token = secrets.token_urlsafe(1200)
        self._access[token] = int(time.time()) + self._token_s
        while len(self._access) > 100:
            del self._access[next(iter(self._access))]
        return {"token_type": "Bearer", "access_token": token, "expires_in": self._token_s, "scope": SCOPE}


def bearer_of(told: str) -> tuple[str, str]:
    """User and token out of an XOAUTH2 message: user=…^Aauth=Bearer …^A^A."""
    user, _, rest = told.removeprefix("user=").partition("\1")
    return user, rest.removeprefix("auth=Bearer ").rstrip("\1")


def _client(form: Mapping[str, str], authorization: str) -> tuple[str, str]:
    kind, _, sealed = authorization.partition(" ")
    if kind.lower() != "basic":
        return form.get("client_id", ""), form.get("client_secret", "")
    try:
        name, _, secret = b64decode(sealed, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return name, secret
