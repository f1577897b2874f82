"""How the fake archive seals a message: a toy cipher that archive_library.c opens, its key under RSA PKCS#1 v1.5."""

import secrets
from base64 import b64encode

from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

MASK = (1 << 64) - 1
BLANK = bytes(9)


def new_key() -> rsa.RSAPrivateKey:
    """A key pair as the administrator makes one."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def pem(key: rsa.RSAPrivateKey) -> str:
    """The private half as the administrator keeps it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def seal(key: rsa.RSAPublicKey, message: bytes) -> tuple[str, str]:
    """(encrypt_random_key, encrypt_chat_msg), both base64."""
    secret = b64encode(secrets.token_bytes(32))
    stream, total = 14695981039346656037, 2166136261
    for byte in secret:
        stream = (stream ^ byte) * 1099511628211 & MASK
    sealed = bytearray()
    for byte in message:
        total = (total ^ byte) * 16777619 & 0xFFFFFFFF
        stream ^= stream << 13 & MASK
        stream ^= stream >> 7
        stream ^= stream << 17 & MASK
        sealed.append(byte ^ stream & 0xFF)
    locked = key.encrypt(secret, padding.PKCS1v15())
    return b64encode(locked).decode(), b64encode(total.to_bytes(4) + BLANK + sealed).decode()
