"""A file that came with a fact: kept once per content, named by its digest, and told in the fact by `about`."""

from dataclasses import dataclass
from hashlib import sha256

from hub.sdk.exact import Json


@dataclass(frozen=True, slots=True)
class File:
    """Bytes as they came. `name` is the sender's and not to be trusted; `content_type` is what the sender says."""

    content: bytes
    name: str
    content_type: str = "application/octet-stream"

    @property
    def digest(self) -> str:
        """SHA-256 of the content, hex: the file's name in the ledger."""
        return sha256(self.content).hexdigest()

    @property
    def about(self) -> dict[str, Json]:
        """What the fact says of it: name, content_type, size in bytes, digest."""
        return {
            "name": self.name,
            "content_type": self.content_type,
            "size": len(self.content),
            "digest": self.digest,
        }
