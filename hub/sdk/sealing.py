"""The box in which several vendors seal what they tell us: one format, each with its own key and owner.

AES-256-CBC with the key's first 16 bytes as IV, PKCS7 to 32 bytes (1 to 32 are taken, vendor samples differ); the
plaintext is 16 random bytes, the length as 4 bytes big-endian, the text, the owner. For clients only: a sandbox
writes it apart, or a shared mistake would pass.
"""

import base64
import hmac
import struct
from dataclasses import dataclass

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

BLOCK = 32


@dataclass(frozen=True, slots=True)
class SealedBox:
    """`key43`: the key as the back office shows it, base64 without its "=". `owners`: whose boxes we take."""

    key43: str
    owners: tuple[str, ...]

    @property
    def key(self) -> bytes:
        """The 32 bytes. Lenient on purpose: real keys carry spare bits in their last character."""
        key = base64.b64decode(self.key43 + "=")
        if len(key) != BLOCK:
            raise ValueError("key length")
        return key

    def open(self, encrypted: str) -> bytes:
        """The text inside; ValueError or struct.error for wrong base64, padding, length or owner."""
        key = self.key
        step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).decryptor()
        padded = step.update(base64.b64decode(encrypted, validate=True)) + step.finalize()
        pad = padded[-1]
        if not 1 <= pad <= BLOCK or padded[-pad:] != bytes([pad]) * pad:
            raise ValueError("padding")
        plain = padded[:-pad]
        (length,) = struct.unpack(">I", plain[16:20])
        text, owner = plain[20 : 20 + length], plain[20 + length :]
        if len(text) != length or not self._is_ours(owner):
            raise ValueError("owner")
        return text

    def close(self, text: bytes, prefix: bytes) -> str:
        """The same the other way, for the first owner; `prefix` is 16 random bytes."""
        key = self.key
        plain = prefix + struct.pack(">I", len(text)) + text + self.owners[0].encode()
        pad = BLOCK - len(plain) % BLOCK
        step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
        return base64.b64encode(step.update(plain + bytes([pad]) * pad) + step.finalize()).decode()

    def _is_ours(self, owner: bytes) -> bool:
        """Every owner is compared, in constant time."""
        return sum(hmac.compare_digest(each.encode(), owner) for each in self.owners) > 0
