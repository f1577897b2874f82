"""YonBIP pushes events: prove, decrypt, and the "success" it expects.

The box is `sdk.SealedBox`; its owner is the app key, and the text is JSON. Three official descriptions of the
signature disagree: all are known.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time

from connectors.yonyou.config import Config
from hub import sdk

KEY_LENGTH = 43
PLAIN_SUCCESS = sdk.Reply(b"success", content_type="text/plain; charset=utf-8")
REFUSED = "the event is not from this Yonyou app"


def verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    """Check and decrypt an event; BadSignature, always in the same words, for whatever is wrong with it."""
    try:
        text, scheme = _open(config, callback.body)
    except (ValueError, LookupError, TypeError, AttributeError, sdk.Unreadable, struct.error) as error:
        raise sdk.BadSignature(REFUSED) from error
    reply = PLAIN_SUCCESS if config.event_reply == "plain" else _sealed_success(config, scheme)
    return sdk.Verified(text, reply, handshake=_is_check(text))


def _open(config: Config, body: bytes) -> tuple[bytes, str]:
    """The plaintext, and the name of the scheme it was signed by."""
    told = sdk.loads(body)
    when, nonce, encrypted = _digits(told["timestamp"]), told["nonce"], told["encrypt"]
    signature = (told.get("msgSignature") or told["signature"]).encode()
    wanted = signatures(config.app_secret.get_secret_value(), when, nonce, encrypted)
    allowed = wanted if config.event_signature == "any" else {config.event_signature: wanted[config.event_signature]}
    matching = [name for name, good in allowed.items() if hmac.compare_digest(good.encode(), signature)]
    if not matching:
        raise ValueError("signature")
    return box(config).open(encrypted), matching[0]


def _digits(timestamp: sdk.Json) -> str:
    """The milliseconds as they were signed; they come as a number or as text."""
    if isinstance(timestamp, bool) or not isinstance(timestamp, int | str):
        raise TypeError("timestamp")
    return str(timestamp)


def _is_check(text: bytes) -> bool:
    try:
        message = sdk.loads(text)
    except sdk.Unreadable:
        return False
    return isinstance(message, dict) and message.get("type") == "CHECK_URL"


def signatures(secret: str, timestamp: str, nonce: str, encrypted: str) -> dict[str, str]:
    """All three: SHA-1 hex and SHA-256 hex over four sorted texts, base64 HMAC-SHA256 over three."""
    three = [timestamp, nonce, encrypted]
    four = "".join(sorted([secret, *three])).encode()
    keyed = hmac.digest(secret.encode(), "".join(sorted(three)).encode(), "sha256")
    return {
        "sha1": hashlib.sha1(four, usedforsecurity=False).hexdigest(),
        "sha256": hashlib.sha256(four).hexdigest(),
        "hmac": base64.b64encode(keyed).decode(),
    }


def key43(app_secret: str) -> str:
    """A self-built app has no key of its own: the secret without dashes, cut or filled with 0 to 43 characters."""
    return app_secret.replace("-", "")[:KEY_LENGTH].ljust(KEY_LENGTH, "0")


def box(config: Config) -> sdk.SealedBox:
    """A subscription's box."""
    told = config.encoding_aes_key.get_secret_value() or key43(config.app_secret.get_secret_value())
    return sdk.SealedBox(told, (config.app_key,))


def _sealed_success(config: Config, scheme: str) -> sdk.Reply:
    """The word success, sealed and signed as the event was."""
    when, nonce = time.time_ns() // 1_000_000, secrets.token_urlsafe(12)
    encrypted = box(config).close(b"success", secrets.token_bytes(16))
    signature = signatures(config.app_secret.get_secret_value(), str(when), nonce, encrypted)[scheme]
    field = "msgSignature" if scheme == "sha1" else "signature"
    return sdk.Reply(sdk.dumps({field: signature, "timestamp": when, "nonce": nonce, "encrypt": encrypted}).encode())
