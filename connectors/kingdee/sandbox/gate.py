"""Who may enter: the two signatures of API-signature mode, checked from the raw request."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass

XOR_KEY = "0054f397c6234378b09ca7d3e5debce7"


@dataclass(frozen=True, slots=True)
class Application:
    """A third-party application as the administration centre (第三方系统登录授权) issues it."""

    app_id: str
    secret: str
    user: str
    data_centres: tuple[str, ...]


class Forbidden(Exception):
    """The request is not let in; the text says why (for the sandbox's user, not what Kingdee says)."""


def admit(application: Application, headers: Mapping[str, str], raw_path: bytes, now: float, window_s: float) -> str:
    """Check a request's headers (lower-case names) against its raw path; return the data centre it speaks for.

    Timestamps may be seconds (Python) or milliseconds (Java). Nonces are not remembered: the official clients reuse
    them. Raises Forbidden.
    """
    if headers.get("x-kd-appkey", "") != application.app_id:
        raise Forbidden("unknown application")
    told = _plain(headers.get("x-kd-appdata", ""))
    data_centre, user = ([*told.split(","), "", ""])[:2]
    if data_centre not in application.data_centres:
        raise Forbidden("unknown data centre")
    if user != application.user:
        raise Forbidden("user is not allowed for this application")
    _same(headers.get("x-kd-signature", ""), _stamp(application.secret.encode(), application.app_id + told))
    stamp, nonce = headers.get("x-api-timestamp", ""), headers.get("x-api-nonce", "")
    path = raw_path.decode("ascii", "replace").replace("/", "%2F")
    text = "\n".join(("POST", path, "", f"x-api-nonce:{nonce}", f"x-api-timestamp:{stamp}", ""))
    _same(headers.get("x-api-signature", ""), _stamp(_gateway_key(application.app_id), text))
    _check_clock(stamp, now, window_s)
    return data_centre


def _gateway_key(app_id: str) -> bytes:
    """The key folded into an app id; empty where the official client finds none."""
    pieces = app_id.split("_")
    if len(pieces) != 2 or len(pieces[1]) != 32 or pieces[1].endswith("="):
        return b""
    folded = bytearray(base64.b64decode(pieces[1]))
    for index, mask in enumerate(XOR_KEY.encode()[: len(folded)]):
        folded[index] ^= mask
    return base64.b64encode(folded)


def _stamp(key: bytes, text: str) -> str:
    hexed = hmac.digest(key, text.encode("utf-8"), hashlib.sha256).hex()
    return base64.b64encode(hexed.encode("ascii")).decode("ascii")


def _same(given: str, expected: str) -> None:
    if not hmac.compare_digest(given.encode("utf-8"), expected.encode("ascii")):
        raise Forbidden("signature does not match")


def _check_clock(stamp: str, now: float, window_s: float) -> None:
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 16):
        raise Forbidden("no timestamp")
    seconds = int(stamp) // 1000 if len(stamp) > 11 else int(stamp)
    if abs(now - seconds) > window_s:
        raise Forbidden("timestamp outside the window")


def _plain(encoded: str) -> str:
    try:
        return base64.b64decode(encoded, validate=True).decode("utf-8")
    except ValueError as error:
        raise Forbidden("unreadable application data") from error
