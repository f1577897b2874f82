"""For tests of connectors: a context as the hub makes it, over the network or over a function of yours."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx

from hub.sdk.auth import AuthKit
from hub.sdk.connector import Connector
from hub.sdk.context import Context
from hub.sdk.http import Egress, make_client
from hub.sdk.memory import LocalMemory, Memory
from hub.sdk.redaction import Redactor

LOOPBACK = Egress.parse(["127.0.0.0/8"])


def open_context(
    connector: Connector[Any],
    values: Mapping[str, Any],
    *,
    key: str = "dlv_1",
    transport: httpx.AsyncBaseTransport | None = None,
    memory: Memory | None = None,
    now: Callable[[], float] = time.time,
) -> Context[Any]:
    """Open a connection as the hub does; loopback may be dialled.

    Args:
        values: the config, such as a sandbox's credentials.
        transport: such as `httpx.MockTransport(router.async_handler)`; by default real sockets.
        memory: shared by two contexts, they are two processes of one connection.
    """
    config = connector.config.model_validate(dict(values))
    redact, memory = Redactor.of(config), memory or LocalMemory()
    auth = connector.auth(config, AuthKit(now, redact.learn, memory)) if connector.auth else None
    http = make_client(base_url=connector.base_url(config), auth=auth, egress=LOOPBACK, transport=transport)
    return Context(
        config=config,
        http=http,
        errors=connector.errors,
        key=key,
        now=datetime.fromtimestamp(now(), UTC),
        redact=redact,
        deadline=connector.limits.deadline,
        memory=memory,
        egress=LOOPBACK,
    )
