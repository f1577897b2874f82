"""Keys as people paste them: `whsec_`, `whsk_`, `whpk_` of Standard Webhooks, and bare Ed25519 public keys."""

import base64
import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SHORTEST, LONGEST = 24, 64
ED25519 = 32


def shared(text: str) -> bytes:
    """A `whsec_` secret's 24 to 64 bytes; ValueError for anything else."""
    key = _after(SECRET, text)
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a {SECRET} secret holds {SHORTEST} to {LONGEST} bytes")
    return key


def private(text: str) -> Ed25519PrivateKey:
    """A `whsk_` key: the seed's 32 bytes, or seed and public key (64); ValueError for anything else."""
    key = _after(PRIVATE, text)
    if len(key) not in (ED25519, 2 * ED25519):
        raise ValueError(f"a {PRIVATE} key holds {ED25519} or {2 * ED25519} bytes")
    return Ed25519PrivateKey.from_private_bytes(key[:ED25519])


def public(text: str) -> Ed25519PublicKey:
    """A public key: `whpk_`, or 32 bytes in hex or base64; ValueError for anything else."""
    if re.fullmatch(r"[0-9a-fA-F]{64}", text):
        return Ed25519PublicKey.from_public_bytes(bytes.fromhex(text))
    return Ed25519PublicKey.from_public_bytes(_bytes(text.removeprefix(PUBLIC)))


def _after(prefix: str, text: str) -> bytes:
    if not text.startswith(prefix):
        raise ValueError(f"it begins with {prefix}")
    return _bytes(text.removeprefix(prefix))


def _bytes(text: str) -> bytes:
    """Strict base64; its "=" may be left out."""
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
