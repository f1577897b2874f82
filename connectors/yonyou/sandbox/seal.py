"""How the fake YonBIP seals its events and opens our replies. Written apart from the connector's client."""

import os
from base64 import b64decode, b64encode
from dataclasses import dataclass
from hashlib import sha1, sha256
from hmac import HMAC

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

FIELDS = {"sha1": "msgSignature", "sha256": "signature", "hmac": "signature"}


class BrokenSealError(Exception):
    """The text was not sealed with our keys."""


def letters(secret: str) -> str:
    """The 43 characters that a self-built app's secret stands for."""
    kept = "".join(c for c in secret if c != "-")
    return (kept + "0" * 43)[:43]


@dataclass(frozen=True, slots=True)
class Seal:
    """An app as its event subscription knows it; `characters` make the AES key."""

    app_key: str
    secret: str
    characters: str

    def stamp(self, scheme: str, when: str, nonce: str, boxed: str) -> str:
        """The signature of a sealed text by one of the three schemes."""
        if scheme == "hmac":
            mac = HMAC(self.secret.encode("utf-8"), digestmod=sha256)
            for part in sorted((when, nonce, boxed)):
                mac.update(part.encode("utf-8"))
            return b64encode(mac.digest()).decode("ascii")
        digest = sha1(usedforsecurity=False) if scheme == "sha1" else sha256()
        for part in sorted((self.secret, when, nonce, boxed)):
            digest.update(part.encode("utf-8"))
        return digest.hexdigest()

    def _cipher(self) -> Cipher[CBC]:
        key = b64decode(f"{self.characters}=")
        return Cipher(AES256(key), CBC(key[:16]))

    def close(self, text: str, salt: bytes | None = None) -> str:
        """Seal a text; `salt` is 16 bytes."""
        raw = text.encode("utf-8")
        whole = b"".join((salt or os.urandom(16), len(raw).to_bytes(4, "big"), raw, self.app_key.encode("utf-8")))
        padder, encryptor = PKCS7(256).padder(), self._cipher().encryptor()
        padded = padder.update(whole) + padder.finalize()
        return b64encode(encryptor.update(padded) + encryptor.finalize()).decode("ascii")

    def open(self, boxed: str) -> str:
        """Open a sealed text; BrokenSealError when it is not ours."""
        try:
            decryptor, unpadder = self._cipher().decryptor(), PKCS7(256).unpadder()
            padded = decryptor.update(b64decode(boxed)) + decryptor.finalize()
            whole = unpadder.update(padded) + unpadder.finalize()
            end = 20 + int.from_bytes(whole[16:20], "big")
            text, owner = whole[20:end].decode("utf-8"), whole[end:].decode("utf-8")
        except ValueError as error:
            raise BrokenSealError("not sealed with this key") from error
        if owner != self.app_key:
            raise BrokenSealError(f"owner {owner!r}")
        return text
