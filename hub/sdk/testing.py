"""For tests of connectors: a context as the hub makes it, and the fixtures beside the connector run as tests."""

import importlib
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from hub.domain.errors import VendorError
from hub.domain.event import Inbound, Nudge
from hub.sdk.auth import AuthKit
from hub.sdk.client import make_client
from hub.sdk.clock import VendorClock
from hub.sdk.connector import Connector
from hub.sdk.context import Context
from hub.sdk.exact import Json, dumps, loads
from hub.sdk.http import LOOPBACK
from hub.sdk.memory import LocalMemory, Memory
from hub.sdk.redaction import Redactor


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
    redact, memory, clock = Redactor.of(config), memory or LocalMemory(), VendorClock(now)
    auth = connector.auth(config, AuthKit(clock, redact.learn, memory)) if connector.auth else None
    address = connector.base_url(config)
    http = make_client(base_url=address, auth=auth, egress=LOOPBACK, transport=transport, clock=clock)
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
        vendor_clock=clock,
    )


def recorded(connector: str, kind: str) -> dict[str, Json]:
    """The fixtures of one kind ("events", "actions") beside a connector, by file name."""
    folder = Path(str(importlib.import_module(f"connectors.{connector}").__file__)).parent / "fixtures" / kind
    return {path.stem: loads(path.read_bytes()) for path in sorted(folder.glob("*.json"))}


def cases(connector: str, kind: str) -> pytest.MarkDecorator:
    """Run a test once for each fixture, as its argument `case`."""
    found = recorded(connector, kind)
    return pytest.mark.parametrize("case", found.values(), ids=found)


def facts(told: Iterable[Inbound | Nudge]) -> Json:
    """The facts as fixtures write them; nudges are left out."""
    return [
        {
            "type": fact.type,
            "subject": fact.subject,
            "dedupe_key": fact.dedupe_key,
            "occurred_at": fact.occurred_at.isoformat(),
            "data": dict(fact.data),
        }
        for fact in told
        if isinstance(fact, Inbound)
    ]


async def ends_as_recorded(connector: Connector[Any], ctx: Context[Any], case: Json) -> None:
    """Run the action of a fixture and assert that it makes what is recorded, or is refused so, with a hint."""
    action, expect = connector.actions[case["action"]], case["expect"]
    payload = action.input.model_validate(case["input"])
    if "made" in expect:
        made = await action.run(ctx, payload)
        assert dumps(made.model_dump(mode="python")) == dumps(expect["made"])
        return
    with pytest.raises(VendorError) as caught:
        await action.run(ctx, payload)
    assert {"error": type(caught.value).__name__, "code": caught.value.code} == expect
    assert caught.value.hint.zh
