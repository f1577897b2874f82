"""DingTalk calls us: prove, decrypt, and the encrypted "success" it expects.

AES-256-CBC with the key's first 16 bytes as IV, PKCS7 to 32 bytes (1 to 32 accepted, vendor samples differ);
plaintext is 16 random bytes, the length as 4 bytes big-endian, the JSON text, the owner key.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.dingtalk.config import Config
from hub import sdk

BLOCK = 32
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


def _key(config: Config) -> bytes:
    key = base64.b64decode(config.callback_aes_key.get_secret_value() + "=")
    if len(key) != BLOCK:
        raise ValueError("key length")
    return key


def _owner(config: Config) -> bytes:
    return (config.owner_key or config.app_key).encode()


def decrypt(config: Config, encrypted: str) -> bytes:
    """The JSON text inside; ValueError when padding, length or owner key are wrong."""
    key = _key(config)
    step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
    padded = step.update(base64.b64decode(encrypted, validate=True)) + step.finalize()
    pad = padded[-1]
    if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
        raise ValueError("padding")
    plain = padded[:-pad]
    (length,) = struct.unpack(">I", plain[16:20])
    text, owner = plain[20 : 20 + length], plain[20 + length :]
    if len(text) != length or not hmac.compare_digest(owner, _owner(config)):
        raise ValueError("owner key")
    return text


def encrypt(config: Config, text: bytes, prefix: bytes) -> str:
    """The same the other way; `prefix` is 16 random bytes."""
    key = _key(config)
    plain = prefix + struct.pack(">I", len(text)) + text + _owner(config)
    pad = BLOCK - len(plain) % BLOCK
    step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(step.update(plain + bytes([pad]) * pad) + step.finalize()).decode()


def _success(config: Config) -> sdk.Reply:
    timestamp, nonce = str(time.time_ns() // 1_000_000), secrets.token_urlsafe(9)
    encrypted = encrypt(config, b"success", secrets.token_bytes(16))
    signature = sign(config.callback_token.get_secret_value(), timestamp, nonce, encrypted)
    reply = {"msg_signature": signature, "encrypt": encrypted, "timeStamp": timestamp, "nonce": nonce}
    return sdk.Reply(sdk.dumps(reply).encode())
