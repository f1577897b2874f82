"""How the fake WeCom seals its callbacks. Written apart from the connector's client."""

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
    """Token, EncodingAESKey (43 characters) and receive id of a callback address."""

    token: str
    aes_key: str
    receiver: str

    def stamp(self, when: str, nonce: str, boxed: str) -> str:
        """The signature of a sealed text."""
        digest = sha1(usedforsecurity=False)
        for part in sorted([self.token, when, nonce, boxed]):
            digest.update(part.encode("utf-8"))
        return digest.hexdigest()

    def _cipher(self) -> Cipher[CBC]:
        key = base64.b64decode(self.aes_key + "=")
        return Cipher(AES256(key), CBC(key[:16]))

    def close(self, text: str, salt: bytes | None = None) -> str:
        """Seal a text."""
        raw = text.encode("utf-8")
        whole = (salt or os.urandom(16)) + len(raw).to_bytes(4, "big") + raw + self.receiver.encode("utf-8")
        padder, encryptor = PKCS7(256).padder(), self._cipher().encryptor()
        sealed = encryptor.update(padder.update(whole) + padder.finalize()) + encryptor.finalize()
        return base64.b64encode(sealed).decode("ascii")

    def open(self, boxed: str) -> str:
        """Open a sealed text; BrokenSealError when it is not ours."""
        try:
            decryptor, unpadder = self._cipher().decryptor(), PKCS7(256).unpadder()
            padded = decryptor.update(base64.b64decode(boxed, validate=True)) + decryptor.finalize()
            whole = unpadder.update(padded) + unpadder.finalize()
            size = int.from_bytes(whole[16:20], "big")
            text, receiver = whole[20 : 20 + size].decode("utf-8"), whole[20 + size :].decode("utf-8")
        except ValueError as error:
            raise BrokenSealError("not sealed with this key") from error
        if receiver != self.receiver:
            raise BrokenSealError(f"receive id {receiver!r}")
        return text
