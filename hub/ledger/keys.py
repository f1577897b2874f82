"""API keys, of which only a hash is kept, and idempotency keys, which keep the first answer."""

import hmac
import re
import secrets
from collections.abc import Awaitable, Callable, Collection
from datetime import timedelta
from hashlib import sha256

from hub.domain.text import Text
from hub.sdk.exact import Json
from hub.sdk.home import Principal, Problem, Unit

SCOPES = frozenset({"crm:read", "crm:write", "deliveries:read", "deliveries:replay", "admin"})
LONGEST = timedelta(days=365)

SHAPE = re.compile(r"hub_([a-z][a-z0-9-]{1,30})_([0-9a-f]{16})_[A-Za-z0-9_-]{43}")
NOBODY = bytes(32)

CREATE = "INSERT INTO api_keys (tenant_id, id, name, hash, scopes, expires_at) VALUES ($1, $2, $3, $4, $5, $6)"
FIND = """
SELECT hash, scopes, expires_at > now() AND revoked_at IS NULL AS good FROM api_keys WHERE tenant_id = $1 AND id = $2
"""
REVOKE = """
UPDATE api_keys SET revoked_at = now() WHERE tenant_id = $1 AND id = $2 AND revoked_at IS NULL RETURNING id
"""
PROMISE = """
INSERT INTO idempotency_keys (tenant_id, key, fingerprint) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING RETURNING key
"""
KEEP = "UPDATE idempotency_keys SET status = $3, body = $4 WHERE tenant_id = $1 AND key = $2"
KEPT = "SELECT fingerprint, status, body FROM idempotency_keys WHERE tenant_id = $1 AND key = $2"


async def create_key(unit: Unit, name: str, scopes: Collection[str], lasts: timedelta = LONGEST) -> str:
    """Make an API key of this tenant and return its text, which is kept nowhere and shown only now.

    Raises Problem 422 for a scope that is not one of SCOPES, for none, or for a life over a year.
    """
    unknown = sorted(set(scopes) - SCOPES)
    if unknown or not scopes:
        hint = Text(f"可用的权限：{'、'.join(sorted(SCOPES))}。", f"The scopes are: {', '.join(sorted(SCOPES))}.")
        raise Problem(422, "scope-unknown", "unknown or missing scopes", hint=hint, fields={"scopes": str(unknown)})
    if not timedelta(0) < lasts <= LONGEST:
        hint = Text("有效期最长一年。", "A key lives one year at most.")
        raise Problem(422, "expiry-too-far", "a key expires within a year", hint=hint, fields={"expires": str(lasts)})
    key_id = secrets.token_hex(8)
    text = f"hub_{unit.tenant_id}_{key_id}_{secrets.token_urlsafe(32)}"
    await unit.execute(CREATE, unit.tenant_id, key_id, name, _hash(text), sorted(set(scopes)), unit.now + lasts)
    return text


def tenant_of(text: str) -> str:
    """The tenant whose transaction must be opened to check this key; "" when it has not the shape of a key."""
    shape = SHAPE.fullmatch(text)
    return shape[1] if shape else ""


async def check_key(unit: Unit, text: str) -> Principal | None:
    """Who holds this key; None, after the same work, when it is unknown, wrong, expired or revoked.

    `admin` holds every scope.
    """
    shape = SHAPE.fullmatch(text)
    if shape is None or shape[1] != unit.tenant_id:
        return None
    row = await unit.fetchrow(FIND, unit.tenant_id, shape[2])
    right = hmac.compare_digest(_hash(text), row["hash"] if row else NOBODY)
    if row is None or not right or not row["good"]:
        return None
    scopes = frozenset(row["scopes"])
    return Principal(unit.tenant_id, shape[2], SCOPES if "admin" in scopes else scopes)


async def revoke_key(unit: Unit, key_id: str) -> bool:
    """End a key now. False when it is unknown or ended already."""
    return await unit.fetchval(REVOKE, unit.tenant_id, key_id) is not None


async def once(
    unit: Unit, key: str, fingerprint: str, do: Callable[[Unit], Awaitable[tuple[int, Json]]]
) -> tuple[int, Json]:
    """Run `do` in this transaction at most once per key; a repeat gets the first (status, body).

    Twins that come together wait for one another in PostgreSQL. An empty key promises nothing. When `do` raises,
    the key is forgotten with the transaction. Raises Problem 409 for the same key with another fingerprint.
    """
    if not key:
        return await do(unit)
    if await unit.fetchval(PROMISE, unit.tenant_id, key, fingerprint):
        status, body = await do(unit)
        await unit.execute(KEEP, unit.tenant_id, key, status, body)
        return status, body
    kept = await unit.fetchrow(KEPT, unit.tenant_id, key)
    if kept is None or kept["fingerprint"] != fingerprint:
        hint = Text(
            "换一个 Idempotency-Key，或重发同样的请求。", "Use another Idempotency-Key, or send the same request."
        )
        raise Problem(409, "idempotency-key-reused", "this key was used for another request", hint=hint)
    return int(kept["status"]), kept["body"]


def _hash(text: str) -> bytes:
    return sha256(text.encode()).digest()
