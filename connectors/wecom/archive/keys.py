"""The private keys of the archive, by version. They stay in our process: the vendor's closed library never sees them.

`encrypt_random_key` is RSA PKCS#1 v1.5 under the public key whose version the message names; an administrator may
change keys at any time, and messages already there keep their old version.
"""

import re
from base64 import b64decode
from hashlib import sha256

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from connectors.wecom.archive.refusals import NO_KEY
from hub import sdk

BLOCK = re.compile(r"version\s*[:：]\s*(\d+)\s*-----BEGIN ([A-Z ]*PRIVATE KEY)-----(.*?)-----END \2-----", re.S | re.I)


class Keys:
    """The keys of one connection; parsed when first used."""

    def __init__(self, text: str) -> None:
        """`text`: PEM blocks, each after a line `version: N`; line ends may have become blanks on the way."""
        found = BLOCK.findall(text.replace("\\n", "\n"))
        self._pem = {int(version): _pem(label, body) for version, label, body in found}
        self._keys: dict[int, RSAPrivateKey] = {}

    def fingerprint(self, version: int) -> str:
        """Names the key we hold for a version: another key gives another name."""
        return f"{version}:{sha256(self._pem[version]).hexdigest()[:16]}"

    def find(self, version: int) -> RSAPrivateKey:
        """The key of a version; NeedsReauth when it is not there or not an RSA key."""
        if version not in self._pem:
            raise sdk.NeedsReauth(f"no private key of version {version}", code=f"key {version}", hint=NO_KEY)
        if version not in self._keys:
            self._keys[version] = _load(version, self._pem[version])
        return self._keys[version]


def unlock(key: RSAPrivateKey, encrypted: str) -> str | None:
    """The message key inside; None when it does not open: another key's, or damaged.

    OpenSSL gives random bytes instead of an error for bad padding, so a result that is no ASCII text is a no too.
    """
    try:
        text = key.decrypt(b64decode(encrypted), PKCS1v15()).decode("ascii")
    except ValueError:
        return None
    return text if text and text.isprintable() else None


def misfit(version: int) -> sdk.NeedsReauth:
    """A key that never opened anything."""
    words = f"the private key of version {version} opens no message of that version"
    return sdk.NeedsReauth(words, code=f"key {version}", hint=NO_KEY)


def _pem(label: str, body: str) -> bytes:
    lines = "\n".join(body.split())
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n".encode()


def _load(version: int, pem: bytes) -> RSAPrivateKey:
    try:
        key = load_pem_private_key(pem, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise sdk.NeedsReauth(f"key {version} is no PEM: {error}", code=f"key {version}", hint=NO_KEY) from error
    if not isinstance(key, RSAPrivateKey):
        raise sdk.NeedsReauth(f"key {version} is no RSA key", code=f"key {version}", hint=NO_KEY)
    return key
