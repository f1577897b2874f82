"""Vendors call us: the raw request, what it says once verified, and the answer that vendor expects."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Callback:
    """One inbound request as it came off the wire. Header names are lower case; `body` is untouched bytes."""

    method: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Reply:
    """The answer a vendor expects after we have kept its message. Sent only after the commit."""

    body: bytes = b'{"ok":true}'
    status: int = 200
    content_type: str = "application/json"


@dataclass(frozen=True, slots=True)
class Verified:
    """A request proven to come from the vendor: its plaintext, and the reply it expects.

    With `handshake` (a vendor checks our address) the reply is all there is to it: nothing is kept.
    """

    plaintext: bytes
    reply: Reply = field(default_factory=Reply)
    handshake: bool = False
