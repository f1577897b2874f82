"""WeCom calls us: prove, decrypt, read.

The box is `sdk.SealedBox`; its owner is the receive id. A POST carries XML, smart robots send JSON; a GET checks
our address and wants the exact plaintext back within a second.
"""

import hashlib
import hmac
import struct
from xml.etree.ElementTree import Element

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from connectors.wecom.config import Config
from hub import sdk

DEEPEST = 8
REFUSED = "the callback is not from this WeCom app"
SUCCESS = sdk.Reply(b"success", content_type="text/plain")
BROKEN = (ParseError, ValueError, LookupError, TypeError, AttributeError, struct.error, sdk.Unreadable)


def verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    """Check and decrypt a callback; BadSignature, always in the same words, for whatever is wrong with it."""
    try:
        if callback.method == "GET":
            echo = _proven(config, callback.query, callback.query["echostr"])
            return sdk.Verified(echo, sdk.Reply(echo, content_type="text/plain"), handshake=True)
        return sdk.Verified(_proven(config, callback.query, _envelope(callback.body)), SUCCESS)
    except BROKEN as error:
        raise sdk.BadSignature(REFUSED) from error


def _proven(config: Config, query: sdk.Json, encrypted: str) -> bytes:
    good = sign(config.callback_token.get_secret_value(), query["timestamp"], query["nonce"], encrypted)
    if not hmac.compare_digest(good.encode(), query["msg_signature"].encode()):
        raise ValueError("signature")
    return decrypt(config, encrypted)


def _envelope(body: bytes) -> str:
    if body.lstrip().startswith(b"{"):
        return str(sdk.loads(body)["encrypt"])
    found = fromstring(body, forbid_dtd=True).findall("Encrypt")
    if len(found) != 1 or not found[0].text:
        raise ValueError("one Encrypt is expected")
    return found[0].text


def sign(token: str, timestamp: str, nonce: str, encrypted: str) -> str:
    """Lower-case SHA-1 of the four texts, sorted as bytes and joined."""
    parts = sorted(part.encode() for part in (token, timestamp, nonce, encrypted))
    return hashlib.sha1(b"".join(parts), usedforsecurity=False).hexdigest()


def decrypt(config: Config, encrypted: str) -> bytes:
    """The UTF-8 message inside; ValueError when padding, length, receive id or encoding are wrong."""
    ours = tuple(each.strip() for each in (config.receive_ids or config.corp_id).split(","))
    message = sdk.SealedBox(config.callback_aes_key.get_secret_value(), ours).open(encrypted)
    message.decode()
    return message


def read(plaintext: bytes) -> sdk.Json:
    """The message as a dict: a tag's text, or a dict of what is in it; a tag that comes twice is a list.

    Raises Unreadable for what is neither XML without DTD nor JSON, and for XML nested over 8 deep.
    """
    if plaintext.lstrip().startswith(b"{"):
        return sdk.loads(plaintext)
    try:
        return _inside(fromstring(plaintext, forbid_dtd=True), DEEPEST)
    except (ParseError, DefusedXmlException, ValueError) as error:
        raise sdk.Unreadable(f"not XML we can keep: {error}", hint=ODD) from error


def _inside(node: Element, deepest: int) -> sdk.Json:
    if len(node) == 0:
        return node.text or ""
    if deepest == 0:
        raise ValueError(f"nested over {DEEPEST} deep")
    told: dict[str, list[sdk.Json]] = {}
    for each in node:
        told.setdefault(each.tag, []).append(_inside(each, deepest - 1))
    return {tag: values[0] if len(values) == 1 else values for tag, values in told.items()}


ODD = sdk.Text(
    "这条回调解密后不是约定的 XML：打开收据看原文，并反馈给开发者。",
    "The decrypted callback is not the XML agreed on: read its receipt, and tell the developers.",
)
