"""Genuine callbacks, sealed by our sandbox, and a connection that takes them."""

import base64
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from connectors.wecom.config import Config
from connectors.wecom.sandbox.messenger import change, xml
from connectors.wecom.sandbox.seal import Seal
from hub import sdk

CORP = "wwcrm0123456789ab"
SEAL = Seal("crmHubToken2026", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", CORP)


def config(**changes: Any) -> Config:
    """A connection to the corp of the vectors."""
    plain = {
        "corp_id": CORP,
        "agent_id": 1000002,
        "secret": "app-secret-1",
        "callback_token": SEAL.token,
        "callback_aes_key": SEAL.aes_key,
    }
    return Config.model_validate({**plain, **changes})


def wire(encrypted: str, seal: Seal = SEAL, when: str = "1767225600", nonce: str = "1597212914") -> sdk.Callback:
    """A push as it comes off the wire."""
    query = {"msg_signature": seal.stamp(when, nonce, encrypted), "timestamp": when, "nonce": nonce}
    body = xml({"ToUserName": CORP, "AgentID": "1000002", "Encrypt": encrypted})
    return sdk.Callback("POST", query, {}, body.encode())


def added(seal: Seal = SEAL) -> sdk.Callback:
    """A customer was added, always the same one at the same second, sealed anew."""
    message = {**change("add_external_contact", "wm1", "zhangsan", "lead-42"), "CreateTime": 1767225600}
    message["WelcomeCode"] = "CODE"
    return wire(seal.close(xml({"ToUserName": CORP, "FromUserName": "sys", **message})), seal)


def locked(padded: bytes) -> str:
    """Any bytes under the corp's key: what no genuine sender would seal."""
    key = base64.b64decode(SEAL.aes_key + "=")
    step = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(step.update(padded) + step.finalize()).decode()
