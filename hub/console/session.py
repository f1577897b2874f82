"""Who sits at the console: the API key that was pasted, sealed in a cookie; and whether a form is our own."""

import base64
import time
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from fastapi import Request, Response

COOKIE = "hub_session"
LASTS_S = 12 * 3600
PLACE = "/console"


class Sessions:
    """Seals an API key into a cookie with a key of its own, derived from HUB_SECRET_KEY; it opens for 12 hours.

    The key itself is checked against the ledger on every page, so revoking it ends the session.
    """

    def __init__(self, secret_key: str) -> None:
        derive = HKDF(SHA256(), 32, salt=None, info=b"lianshu console session 1")
        self._cipher = AESGCM(derive.derive(base64.b64decode(secret_key)))

    def seal(self, api_key: str, nonce: bytes, now: float) -> str:
        """The cookie's value; `nonce` is 12 fresh random bytes."""
        until = int(now) + LASTS_S
        sealed = self._cipher.encrypt(nonce, f"{until} {api_key}".encode(), None)
        return base64.urlsafe_b64encode(nonce + sealed).decode()

    def open(self, cookie: str, now: float) -> str:
        """The API key; "" for a cookie that is not ours, was changed, or is too old."""
        try:
            raw = base64.b64decode(cookie, altchars=b"-_", validate=True)
            until, _, api_key = self._cipher.decrypt(raw[:12], raw[12:], None).decode().partition(" ")
        except (ValueError, InvalidTag):
            return ""
        return api_key if int(until) > now else ""

    def of(self, request: Request) -> str:
        """The API key behind a request; "" when nobody is signed in."""
        return self.open(request.cookies.get(COOKIE, ""), time.time())


def keep(response: Response, request: Request, name: str, value: str, lasts_s: int) -> None:
    """Set a cookie of the console: out of reach of scripts, not sent along from other sites' forms."""
    secure = request.url.scheme == "https"
    response.set_cookie(name, value, max_age=lasts_s, path=PLACE, secure=secure, httponly=True, samesite="lax")


def is_own_form(request: Request) -> bool:
    """Whether a POST comes from a page of this host. Browsers say so; what says nothing is refused."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    host = request.headers.get("host", "")
    return bool(host) and urlsplit(request.headers.get("origin", "")).netloc == host
