"""Vendors call us at /hooks/{tenant}.{connection}. Verify raw bytes, keep, parse, record, wake; only then 2xx."""

import math
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

import structlog
from prometheus_client import Counter
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from hub.domain.errors import BadSignature, ConfigError, Unreadable
from hub.domain.event import Inbound, Nudge
from hub.inbound.buckets import Buckets
from hub.inbound.facts import fitting
from hub.inbound.intake import Intake
from hub.inbound.lookups import Lookups
from hub.ledger.database import Database, Unavailable
from hub.ledger.receive import Receipt
from hub.registry import Registry
from hub.sdk.callbacks import Callback, Reply, Verified
from hub.sdk.connector import Webhook

log = structlog.get_logger("hub.inbound")
RECEIPTS = Counter("hub_receipts_total", "Inbound requests by what became of them", ["outcome"])

Told = Sequence[Inbound | Nudge]

BELOW = "/hooks/"
ADDRESS = re.compile(BELOW + r"([a-z][a-z0-9-]{1,30})\.([a-z][a-z0-9-]{0,60})")
METHODS = ("GET", "POST")
KEPT_HEADERS = ("content-type", "user-agent", "x-request-id")


class Hooks:
    """The hook addresses, as a bare ASGI app: every layer before the ledger costs each event its time.

    How large and slow a body may be is guarded before it (hub.api.limits), which hands a body over in one message.
    """

    def __init__(self, database: Database, registry: Registry, buckets: Buckets) -> None:
        self._intake, self._lookups = Intake(database.accepting), Lookups(database.accepting)
        self._registry = registry
        self._buckets = buckets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        response = await self._answer(scope, (await receive())["body"])
        await response(scope, receive, send)

    async def _answer(self, scope: Scope, body: bytes) -> Response:
        address = ADDRESS.fullmatch(scope["path"])
        if not address:
            return _say(404, "unknown")
        if scope["method"] not in METHODS:
            return _say(405, "method-not-allowed", {"allow": ", ".join(METHODS)})
        if wait := self._buckets.take(address[0]):
            return _say(429, "too-many", {"retry-after": str(math.ceil(wait))})
        query = scope["query_string"].decode("latin-1")
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        callback = Callback(scope["method"], dict(parse_qsl(query, keep_blank_values=True)), headers, body)
        try:
            return await self._take(address[1], address[2], query, callback)
        except Unavailable:
            return _say(503, "unavailable", {"retry-after": "5"})

    async def _take(self, tenant: str, name: str, query: str, callback: Callback) -> Response:
        stored = await self._lookups.find(tenant, name)
        connector = self._registry.connectors.get(stored.connector) if stored else None
        if stored is None or connector is None or connector.webhook is None:
            return _say(404, "unknown")
        try:
            verified = connector.webhook.verify(self._registry.open(stored).config, callback)
        except BadSignature:
            return _say(401, "refused")
        except ConfigError as unsafe:  # its secrets are missing or do not open: nothing can be proven
            why = unsafe.message
            log.error("a connection that is called cannot be opened", tenant=tenant, connection=name, error=why)
            return _say(503, "misconfigured", {"retry-after": "60"})
        if verified.handshake:
            return _reply("handshake", verified.reply)
        told, error = _parse(connector.webhook, verified)
        headers = {each: callback.headers[each] for each in KEPT_HEADERS if each in callback.headers}
        await self._intake.keep(tenant, Receipt(name, query, headers, callback.body, told, error, verified.plaintext))
        return _reply("unreadable" if told is None else "kept", verified.reply)


def _parse(webhook: Webhook, verified: Verified) -> tuple[Told | None, str]:
    """What a verified message tells; (None, why) when it makes no sense to us: kept, shown, never a 5xx."""
    try:
        return [fitting(each) for each in webhook.parse(webhook.read(verified.plaintext))], ""
    except Unreadable as error:
        return None, error.message
    except Exception as odd:  # a vendor may say anything, and a parser stumble anyhow
        log.warning("a parser stumbled", exc_info=odd)
        return None, f"{type(odd).__name__}: {odd}"


def _reply(outcome: str, reply: Reply) -> Response:
    RECEIPTS.labels(outcome).inc()
    return Response(reply.body, reply.status, media_type=reply.content_type)


def _say(status: int, outcome: str, headers: dict[str, str] | None = None) -> Response:
    RECEIPTS.labels(outcome).inc()
    return Response(f'{{"code":"{outcome}"}}', status, headers, media_type="application/json")
