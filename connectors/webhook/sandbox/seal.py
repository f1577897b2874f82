"""Signatures, written apart from the client: each kind signs a request's id, seconds and body into headers."""

import base64
import hashlib
import hmac
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

Headers = dict[str, str]


def b64(raw: bytes) -> str:
    """Base64 as text."""
    return base64.standard_b64encode(raw).decode("ascii")


@dataclass(frozen=True, slots=True)
class Seal:
    """Standard Webhooks with a shared secret."""

    key: bytes

    @property
    def secret(self) -> str:
        """As people paste it."""
        return f"whsec_{b64(self.key)}"

    def stamp(self, ident: str, when: str, body: bytes) -> str:
        """One signature of the list."""
        mac = hmac.new(self.key, digestmod=hashlib.sha256)
        for part in (ident.encode("utf-8"), b".", when.encode("ascii"), b".", body):
            mac.update(part)
        return f"v1,{b64(mac.digest())}"

    def headers(self, ident: str, when: str, body: bytes) -> Headers:
        """What a sender adds."""
        return {"webhook-id": ident, "webhook-timestamp": when, "webhook-signature": self.stamp(ident, when, body)}


@dataclass(frozen=True, slots=True)
class Pair:
    """An Ed25519 key pair; `bare` signs as Discord-like senders do: hex over seconds and body, no id."""

    seed: bytes
    bare: bool = False

    @property
    def _key(self) -> Ed25519PrivateKey:
        return Ed25519PrivateKey.from_private_bytes(self.seed)

    @property
    def private(self) -> str:
        """As its owner pastes it."""
        return f"whsk_{b64(self.seed)}"

    @property
    def secret(self) -> str:
        """The public key, as the other side pastes it."""
        raw = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        return raw.hex() if self.bare else f"whpk_{b64(raw)}"

    def stamp(self, ident: str, when: str, body: bytes) -> str:
        """One signature of the list."""
        return f"v1a,{b64(self._key.sign(b'.'.join((ident.encode(), when.encode(), body))))}"

    def has_stamped(self, stamp: str, ident: str, when: str, body: bytes) -> bool:
        """Whether a signature of the list is this pair's."""
        try:
            signature = base64.b64decode(stamp.partition(",")[2])
            self._key.public_key().verify(signature, b".".join((ident.encode(), when.encode(), body)))
        except (InvalidSignature, ValueError):
            return False
        return True

    def headers(self, ident: str, when: str, body: bytes) -> Headers:
        """What a sender adds."""
        if not self.bare:
            stamp = self.stamp(ident, when, body)
            return {"webhook-id": ident, "webhook-timestamp": when, "webhook-signature": stamp}
        return {"x-signature-ed25519": self._key.sign(when.encode() + body).hex(), "x-signature-timestamp": when}


@dataclass(frozen=True, slots=True)
class Mac:
    """HMAC-SHA256 in a header of its own: hex over seconds and body, or, `bare`, base64 over the body alone."""

    secret: str
    bare: bool = False

    def headers(self, _ident: str, when: str, body: bytes) -> Headers:
        """What a sender adds."""
        mac = hmac.new(self.secret.encode(), body if self.bare else when.encode() + b"." + body, hashlib.sha256)
        if self.bare:
            return {"x-partner-hmac-sha256": b64(mac.digest())}
        return {"x-partner-signature": f"sha256={mac.hexdigest()}", "x-partner-timestamp": when}


@dataclass(frozen=True, slots=True)
class Word:
    """A token and nothing else."""

    secret: str

    def headers(self, _ident: str, _when: str, _body: bytes) -> Headers:
        """What a sender adds."""
        return {"authorization": f"Bearer {self.secret}"}
