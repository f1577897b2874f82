"""Events in: who sent them. Every doubt, and every error on the way, is a BadSignature in the same words.

Signatures are compared as they are written, not as they decode: two texts of one signature are one too many.
"""

import base64
import hmac
import re
import time
from collections.abc import Callable, Iterable, Mapping

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from connectors.webhook import keys
from connectors.webhook.config import SLOTS, Config
from connectors.webhook.events import labelled
from hub import sdk

REFUSED = "the event is not from this sender"
ODD = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, InvalidSignature, UnsupportedAlgorithm)
MOST = 16
MILLISECONDS = 13

WRITE: Mapping[str, Callable[[bytes], str]] = {
    "hex": lambda raw: raw.hex(),
    "HEX": lambda raw: raw.hex().upper(),
    "base64": lambda raw: base64.b64encode(raw).decode(),
    "base64_of_hex": lambda raw: base64.b64encode(raw.hex().encode()).decode(),
}
READ: Mapping[str, Callable[[str], bytes]] = {
    "hex": bytes.fromhex,
    "base64": lambda text: base64.b64decode(text, validate=True),
}


def verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    """Prove who sent it; BadSignature otherwise. The plaintext is the body behind a label (see `events`)."""
    try:
        signed_at = prove(config, callback, int(time.time()))
    except ODD as error:
        raise sdk.BadSignature(REFUSED) from error
    kind = "application/json" if config.in_reply.startswith(("{", "[")) else "text/plain; charset=utf-8"
    return sdk.Verified(labelled(config, callback, signed_at), sdk.Reply(config.in_reply.encode(), content_type=kind))


def prove(config: Config, callback: sdk.Callback, now: int) -> int:
    """Seconds since 1970 that were signed, `now` where the scheme signs none; one of ODD when it proves nothing."""
    match config.in_scheme:
        case "standard":
            return _standard(config, callback, now)
        case "hmac" | "ed25519":
            return _signed(config, callback, now)
        case "token":
            return _token(config, callback, now)
    raise ValueError("nothing is taken here")


def _standard(config: Config, callback: sdk.Callback, now: int) -> int:
    ident, when = callback.headers["webhook-id"], callback.headers["webhook-timestamp"]
    if not ident or "." in ident:  # a dot could move what is id into what is time
        raise ValueError("id")
    at = _fresh(when, now, config.in_tolerance_s)
    told = f"{ident}.{when}.".encode("latin-1") + callback.body
    given = _few(callback.headers["webhook-signature"].split(" "))
    _demand(_is_standard(secret, told, given) for secret in _secrets(config))
    return at


def _is_standard(secret: str, told: bytes, given: list[str]) -> bool:
    if secret.startswith(keys.PUBLIC):
        return _is_ed25519(secret, told, [each[4:] for each in given if each.startswith("v1a,")], "base64")
    return _is_among("v1," + WRITE["base64"](hmac.digest(keys.shared(secret), told, "sha256")), given)


def _signed(config: Config, callback: sdk.Callback, now: int) -> int:
    parts = _few(callback.headers[config.in_header].split(","))
    when = _when(config, callback, parts)
    at = _fresh(when, now, config.in_tolerance_s) if config.in_timestamp_header else now
    told = _told(config, callback, when)
    given = [part.removeprefix(config.in_prefix) for part in parts if part.startswith(config.in_prefix)]
    _demand(_is_signed(config, secret, told, given) for secret in _secrets(config))
    return at


def _is_signed(config: Config, secret: str, told: bytes, given: list[str]) -> bool:
    if config.in_scheme == "ed25519":
        return _is_ed25519(secret, told, given, config.in_encoding)
    return _is_among(WRITE[config.in_encoding](hmac.digest(secret.encode(), told, config.in_algorithm)), given)


def _when(config: Config, callback: sdk.Callback, parts: list[str]) -> str:
    """The signed time: a header of its own, or the part t=… beside the signatures."""
    if config.in_timestamp_header != config.in_header:
        return callback.headers[config.in_timestamp_header] if config.in_timestamp_header else ""
    (when,) = [part for part in parts if part.startswith("t=")]
    return when.removeprefix("t=")


def _told(config: Config, callback: sdk.Callback, when: str) -> bytes:
    """The bytes that were signed, by the template."""
    query = "".join(value for _, value in sorted(callback.query.items()))
    filled = {"timestamp": when.encode("latin-1"), "query": query.encode(), "body": callback.body}
    parts = SLOTS.split(config.in_signed)
    return b"".join(filled[part] if at % 2 else part.encode() for at, part in enumerate(parts))


def _token(config: Config, callback: sdk.Callback, now: int) -> int:
    place = callback.headers if config.in_header else callback.query
    given = place[config.in_header or config.in_parameter]
    if not given.startswith(config.in_prefix):
        raise ValueError("prefix")
    word = given.removeprefix(config.in_prefix).removeprefix(" ")
    _demand(_is_among(secret, [word]) for secret in _secrets(config))
    return now


def _secrets(config: Config) -> list[str]:
    told = (config.in_secret.get_secret_value(), config.in_secret_old.get_secret_value())
    return [secret for secret in told if secret]


def _fresh(text: str, now: int, tolerance_s: int) -> int:
    """Seconds out of seconds or milliseconds; ValueError when they are too far off, either way."""
    if not re.fullmatch(rf"[0-9]{{1,{MILLISECONDS}}}", text):
        raise ValueError("timestamp")
    at = int(text) // (1000 if len(text) == MILLISECONDS else 1)
    if abs(now - at) > tolerance_s:
        raise ValueError("too old or too new")
    return at


def _few(parts: list[str]) -> list[str]:
    if len(parts) > MOST:
        raise ValueError("too many signatures")
    return parts


def _is_among(good: str, given: Iterable[str]) -> bool:
    """Every one is compared, in constant time."""
    return sum(hmac.compare_digest(good.encode(), each.encode()) for each in given) > 0


def _is_ed25519(key: str, told: bytes, given: Iterable[str], encoding: str) -> bool:
    return any(_is_one(key, told, each, encoding) for each in given)


def _is_one(key: str, told: bytes, given: str, encoding: str) -> bool:
    try:
        signature = READ[encoding](given)
        keys.public(key).verify(signature, told)
    except (ValueError, InvalidSignature):
        return False
    return WRITE[encoding](signature) == given


def _demand(proven: Iterable[bool]) -> None:
    """One secret that fits is enough; all are tried."""
    if not sum(proven):
        raise ValueError("signature")
