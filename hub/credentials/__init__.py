"""Connection secrets at rest: AES-256-GCM, bound to tenant, connection and field; a copied row opens nowhere."""

import base64
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from hub.domain.errors import ConfigError
from hub.domain.text import Text

KEY_HINT = Text(
    "设置 HUB_SECRET_KEY：32 字节的 base64，可用 hub secret-key 生成。",
    "Set HUB_SECRET_KEY: 32 bytes in base64; `hub secret-key` makes one.",
)


class Vault:
    """Seals and opens secrets with one key. Raises ConfigError at start for a missing or short key."""

    def __init__(self, key: str) -> None:
        try:
            raw = base64.b64decode(key, validate=True)
        except ValueError as error:
            raise ConfigError("HUB_SECRET_KEY is not base64", hint=KEY_HINT) from error
        if len(raw) != 32:
            raise ConfigError(f"HUB_SECRET_KEY holds {len(raw)} bytes, not 32", hint=KEY_HINT)
        self._cipher = AESGCM(raw)

    @staticmethod
    def new_key() -> str:
        """A fresh key, as HUB_SECRET_KEY wants it."""
        return base64.b64encode(secrets.token_bytes(32)).decode()

    def seal(self, secret: str, tenant: str, connection: str, field: str) -> str:
        """Encrypt; every call gives another text."""
        nonce = secrets.token_bytes(12)
        sealed = self._cipher.encrypt(nonce, secret.encode(), _place(tenant, connection, field))
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, tenant: str, connection: str, field: str) -> str:
        """Decrypt; ConfigError when the key is another or the text stood in another place."""
        raw = base64.b64decode(sealed)
        try:
            return self._cipher.decrypt(raw[:12], raw[12:], _place(tenant, connection, field)).decode()
        except InvalidTag as error:
            raise ConfigError(
                f"the secret {field!r} of connection {connection!r} does not open", hint=KEY_HINT
            ) from error


def _place(tenant: str, connection: str, field: str) -> bytes:
    return "|".join((tenant, connection, field, "1")).encode()
