"""YonBIP pushes events: prove, decrypt, and the "success" it expects.

AES-256-CBC with the key's first 16 bytes as IV, PKCS#7 to 32 bytes; plaintext is 16 random bytes, the length as
4 bytes big-endian, the JSON text, the app key. Three official descriptions of the signature disagree: all are known.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.yonyou.config import Config
from hub import sdk

BLOCK = 32
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
    return decrypt(aes_key(config), config.app_key, encrypted), matching[0]


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


def aes_key(config: Config) -> bytes:
    """The 32 bytes of a subscription; ValueError when the characters do not make them."""
    told = config.encoding_aes_key.get_secret_value() or key43(config.app_secret.get_secret_value())
    key = base64.b64decode(told + "=")
    if len(key) != BLOCK:
        raise ValueError("key length")
    return key


def decrypt(key: bytes, owner: str, encrypted: str) -> bytes:
    """The text inside; ValueError when padding, length or owner are wrong."""
    step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    padded = step.update(base64.b64decode(encrypted, validate=True)) + step.finalize()
    pad = padded[-1]
    if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise ValueError("padding")
    plain = padded[:-pad]
    (length,) = struct.unpack(">I", plain[16:20])
    text, ours = plain[20 : 20 + length], plain[20 + length :]
    if len(text) != length or not hmac.compare_digest(ours, owner.encode()):
        raise ValueError("owner")
    return text


def encrypt(key: bytes, owner: str, text: bytes, prefix: bytes) -> str:
    """The same the other way; `prefix` is 16 random bytes."""
    plain = prefix + struct.pack(">I", len(text)) + text + owner.encode()
    pad = BLOCK - len(plain) % BLOCK
    step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(step.update(plain + bytes([pad]) * pad) + step.finalize()).decode()


def _sealed_success(config: Config, scheme: str) -> sdk.Reply:
    """The word success, sealed and signed as the event was."""
    when, nonce = time.time_ns() // 1_000_000, secrets.token_urlsafe(12)
    encrypted = encrypt(aes_key(config), config.app_key, b"success", secrets.token_bytes(16))
    signature = signatures(config.app_secret.get_secret_value(), str(when), nonce, encrypted)[scheme]
    field = "msgSignature" if scheme == "sha1" else "signature"
    return sdk.Reply(sdk.dumps({field: signature, "timestamp": when, "nonce": nonce, "encrypt": encrypted}).encode())
