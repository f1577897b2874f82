"""How the fake DingTalk seals its callbacks and opens our replies. Written apart from the connector's client."""

import base64
import os
from dataclasses import dataclass
from hashlib import sha1

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7


class BrokenSealError(Exception):
    """The text was not sealed with our keys."""


@dataclass(frozen=True, slots=True)
class Seal:
    """Token, AES key (43 characters) and owner key of a subscription."""

    token: str
    aes_key: str
    owner: str

    def stamp(self, when: str, nonce: str, boxed: str) -> str:
        """The signature of a sealed text."""
        parts = [self.token, when, nonce, boxed]
        parts.sort()
        digest = sha1(usedforsecurity=False)
        for part in parts:
            digest.update(part.encode("utf-8"))
        return digest.hexdigest()

    def _cipher(self) -> Cipher[CBC]:
        key = base64.b64decode(self.aes_key + "=")
        return Cipher(AES256(key), CBC(key[:16]))

    def close(self, text: str, salt: bytes | None = None) -> str:
        """Seal a text."""
        raw = text.encode("utf-8")
        whole = (salt or os.urandom(16)) + len(raw).to_bytes(4, "big") + raw + self.owner.encode("utf-8")
        padder = PKCS7(256).padder()
        encryptor = self._cipher().encryptor()
        return base64.b64encode(
            encryptor.update(padder.update(whole) + padder.finalize()) + encryptor.finalize()
        ).decode()

    def open(self, boxed: str) -> str:
        """Open a sealed text; BrokenSealError when it is not ours."""
        try:
            decryptor = self._cipher().decryptor()
            padded = decryptor.update(base64.b64decode(boxed)) + decryptor.finalize()
            unpadder = PKCS7(256).unpadder()
            whole = unpadder.update(padded) + unpadder.finalize()
            size = int.from_bytes(whole[16:20], "big")
            text, owner = whole[20 : 20 + size].decode("utf-8"), whole[20 + size :].decode("utf-8")
        except ValueError as error:
            raise BrokenSealError("not sealed with this key") from error
        if owner != self.owner:
            raise BrokenSealError(f"owner key {owner!r}")
        return text
