"""DingTalk calls us: prove, decrypt, and the encrypted "success" it expects.

The box is `sdk.SealedBox`; its owner is the app key of an event subscription, and the text is JSON.
"""

import hashlib
import hmac
import secrets
import struct
import time

from connectors.dingtalk.config import Config
from hub import sdk

REFUSED = "the callback is not from this DingTalk app"


def verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    """Check and decrypt a callback; BadSignature, always in the same words, for whatever is wrong with it."""
    try:
        return _verify(config, callback)
    except (ValueError, LookupError, TypeError, AttributeError, sdk.Unreadable, struct.error) as error:
        raise sdk.BadSignature(REFUSED) from error


def _verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    query = callback.query
    told = query.get("signature") or query["msg_signature"]
    timestamp = query.get("timestamp") or query["timeStamp"]
    encrypted = sdk.loads(callback.body)["encrypt"]
    good = sign(config.callback_token.get_secret_value(), timestamp, query["nonce"], encrypted)
    if not hmac.compare_digest(good.encode(), told.encode()):
        raise ValueError("signature")
    return sdk.Verified(decrypt(config, encrypted), _success(config))


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Lower-case SHA-1 of the four texts, sorted and joined."""
    return hashlib.sha1(
        "".join(sorted((token, timestamp, nonce, encrypted))).encode(), usedforsecurity=False
    ).hexdigest()


def _box(config: Config) -> sdk.SealedBox:
    return sdk.SealedBox(config.callback_aes_key.get_secret_value(), (config.owner_key or config.app_key,))


def decrypt(config: Config, encrypted: str) -> bytes:
    """The JSON text inside; ValueError when padding, length or owner key are wrong."""
    return _box(config).open(encrypted)


def encrypt(config: Config, text: bytes, prefix: bytes) -> str:
    """The same the other way; `prefix` is 16 random bytes."""
    return _box(config).close(text, prefix)


def _success(config: Config) -> sdk.Reply:
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_urlsafe(9)
    encrypted = encrypt(config, b"success", secrets.token_bytes(16))
    signature = sign(config.callback_token.get_secret_value(), timestamp, nonce, encrypted)
    reply = {"msg_signature": signature, "encrypt": encrypted, "timeStamp": timestamp, "nonce": nonce}
    return sdk.Reply(sdk.dumps(reply).encode())
