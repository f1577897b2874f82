"""Vendors call us at /hooks/{tenant}.{connection}. Verify raw bytes, keep, parse, record, wake; only then 2xx."""

import math
import re
from collections.abc import Sequence

import structlog
from fastapi import APIRouter, Request, Response
from prometheus_client import Counter

from hub.domain.errors import BadSignature, ConfigError, Unreadable
from hub.domain.event import Inbound, Nudge
from hub.inbound.buckets import Buckets
from hub.inbound.facts import fitting
from hub.inbound.intake import Intake
from hub.inbound.lookups import Lookups
from hub.ledger.database import Database, Unavailable
from hub.ledger.receive import Receipt
from hub.registry import Registry
from hub.sdk.callbacks import Callback, Verified
from hub.sdk.connector import Webhook

log = structlog.get_logger("hub.inbound")
RECEIPTS = Counter("hub_receipts_total", "Inbound requests by what became of them", ["outcome"])

Told = Sequence[Inbound | Nudge]

ADDRESS = re.compile(r"[a-z][a-z0-9-]{1,30}\.[a-z][a-z0-9-]{0,60}")
KEPT_HEADERS = ("content-type", "user-agent", "x-request-id")


def router(database: Database, registry: Registry, buckets: Buckets) -> APIRouter:
    """The hook routes. How large and slow a body may be is guarded before them (hub.api.limits)."""
    routes = APIRouter()
    intake, lookups = Intake(database.accepting), Lookups(database.accepting)

    @routes.api_route("/hooks/{address}", methods=["GET", "POST"], include_in_schema=False)
    async def hook(address: str, request: Request) -> Response:
        if wait := buckets.take(address):
            return _say(429, "too-many", {"retry-after": str(math.ceil(wait))})
        headers = {name.lower(): value for name, value in request.headers.items()}
        callback = Callback(request.method, dict(request.query_params), headers, await request.body())
        try:
            return await _take(intake, lookups, registry, address, str(request.url.query), callback)
        except Unavailable:
            return _say(503, "unavailable", {"retry-after": "5"})

    return routes


async def _take(
    intake: Intake, lookups: Lookups, registry: Registry, address: str, query: str, callback: Callback
) -> Response:
    if not ADDRESS.fullmatch(address):
        return _say(404, "unknown")
    tenant, _, name = address.partition(".")
    stored = await lookups.find(tenant, name)
    webhook = (
        registry.connectors[stored.connector].webhook if stored and stored.connector in registry.connectors else None
    )
    if stored is None or webhook is None:
        return _say(404, "unknown")
    try:
        verified = webhook.verify(registry.open(stored).config, callback)
    except BadSignature:
        return _say(401, "refused")
    except ConfigError as unsafe:  # its secrets are missing or do not open: nothing can be proven
        log.error("a connection that is called cannot be opened", tenant=tenant, connection=name, error=unsafe.message)
        return _say(503, "misconfigured", {"retry-after": "60"})
    reply = verified.reply
    if verified.handshake:
        RECEIPTS.labels(outcome="handshake").inc()
        return Response(reply.body, reply.status, media_type=reply.content_type)
    told, error = _parse(webhook, verified)
    headers = {name: callback.headers[name] for name in KEPT_HEADERS if name in callback.headers}
    await intake.keep(tenant, Receipt(name, query, headers, callback.body, told, error, verified.plaintext))
    RECEIPTS.labels(outcome="unreadable" if told is None else "kept").inc()
    return Response(reply.body, reply.status, media_type=reply.content_type)


def _parse(webhook: Webhook, verified: Verified) -> tuple[Told | None, str]:
    """What a verified message tells; (None, why) when it makes no sense to us: kept, shown, never a 5xx."""
    try:
        return [fitting(each) for each in webhook.parse(webhook.read(verified.plaintext))], ""
    except Unreadable as error:
        return None, error.message
    except Exception as odd:  # a vendor may say anything, and a parser stumble anyhow
        log.warning("a parser stumbled", exc_info=odd)
        return None, f"{type(odd).__name__}: {odd}"


def _say(status: int, outcome: str, headers: dict[str, str] | None = None) -> Response:
    RECEIPTS.labels(outcome=outcome).inc()
    return Response(f'{{"code":"{outcome}"}}', status, headers, media_type="application/json")
