"""Our fake partner over a real socket: our client drives it, it drives our hook, and its bad manners heal."""

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.webhook import connector
from connectors.webhook.config import Config
from connectors.webhook.connector import probe
from connectors.webhook.events import parse, read
from connectors.webhook.proof import verify
from connectors.webhook.sandbox.app import OURS, PAIR, SENDS
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running, sandbox
from tests.connectors.webhook.partner import send, values
from tests.serving import serving

NEW = "whsec_" + "TkVX" * 10


@pytest.fixture
def partner(tmp_path: Path) -> Iterator[Running]:
    with sandbox("webhook", tmp_path, "--option", "slow_s=0") as running:
        yield running


async def people(url: str, name: str, /, **told: Any) -> Any:
    async with make_client(base_url=url, egress=LOOPBACK) as client:
        return (await client.post(f"/_sandbox/{name}", content=sdk.dumps(told))).json()


def context(running: Running, key: str = "dlv_1", **changes: Any) -> sdk.Context[Config]:
    return testing.open_context(connector, {**running.credentials, **changes}, key=key)


async def test_our_client_drives_our_sandbox_over_a_socket_once_for_each_key(partner: Running) -> None:
    ctx = context(partner)
    assert "连得上" in await probe(ctx)

    for _ in range(2):
        assert (await send(ctx, data={"amount": Decimal("628000.10")}, timestamp="2026-11-28T10:00:00Z")).id == "dlv_1"
    await send(context(partner, "dlv_2"))

    first, again, second = partner.effects()
    assert (first["effect"], first["id"], first["data"]) == (
        "event.received",
        "dlv_1",
        {"amount": Decimal("628000.10")},
    )
    assert (again["effect"], again["id"], again["same"]) == ("event.repeated", "dlv_1", True)
    assert (second["effect"], second["id"]) == ("event.received", "dlv_2")


@pytest.mark.parametrize(
    ("manner", "kind", "taken"),
    [
        ("gone", sdk.NeedsReauth, False),
        ("slow_down", sdk.Throttled, False),
        ("away", sdk.Throttled, False),
        ("moved", sdk.NeedsReauth, False),
        ("wrong", sdk.Rejected, False),
        ("failed_after", sdk.Ambiguous, True),
        ("silence", sdk.Ambiguous, True),
    ],
)
async def test_bad_manners_end_in_one_event(
    partner: Running, manner: str, kind: type[sdk.VendorError], taken: bool
) -> None:
    await people(partner.url, "answers", next=[manner])
    ctx = context(partner)
    if manner == "silence":
        ctx.deadline = timedelta(milliseconds=300)

    with pytest.raises(kind) as caught:
        await send(ctx)
    assert bool(partner.effects()) is taken
    if kind is sdk.Throttled:
        assert caught.value.retry_after == timedelta(seconds=7)
    await send(context(partner))

    assert [e["effect"] for e in partner.effects()] == ["event.received", *(["event.repeated"] if taken else [])]


@pytest.mark.parametrize("manner", ["slow", "empty", "html"])
async def test_odd_ways_to_say_yes_are_a_yes(partner: Running, manner: str) -> None:
    await people(partner.url, "answers", next=[manner])
    await send(context(partner))

    assert [e["effect"] for e in partner.effects()] == ["event.received"]


async def test_an_answer_that_nobody_gives_by_that_name_is_refused(partner: Running) -> None:
    assert (await people(partner.url, "answers", next=["polite"]))["unknown"] == ["polite"]


async def test_a_wrong_secret_is_refused_there_and_told_again_later(partner: Running) -> None:
    with pytest.raises(sdk.Transient, match="no signature matches") as caught:
        await send(context(partner, out_secret=NEW))
    assert caught.value.code == "http 401"
    assert partner.effects() == []


async def test_secrets_change_without_an_event_lost(partner: Running) -> None:
    """Ours signs by both while the subscriber changes over, then by the new one alone."""
    await send(context(partner, "dlv_1"))
    await send(context(partner, "dlv_2", out_secret=NEW, out_secret_old=OURS.secret))
    await people(partner.url, "secrets", secrets=[NEW])
    await send(context(partner, "dlv_3", out_secret=NEW, out_secret_old=OURS.secret))
    await send(context(partner, "dlv_4", out_secret=NEW))
    with pytest.raises(sdk.Transient):
        await send(context(partner, "dlv_5"))

    assert [e["id"] for e in partner.effects()] == ["dlv_1", "dlv_2", "dlv_3", "dlv_4"]


class Hook:
    """Our side: the first `deaf` requests are answered 503."""

    def __init__(self, config: Config, deaf: int = 0) -> None:
        self._config = config
        self._deaf = deaf
        self.facts: list[sdk.Inbound] = []
        self.refused = 0
        self.app = Starlette(routes=[Route("/hooks/a.webhook", self.hook, methods=["POST"])])

    async def hook(self, request: Request) -> Response:
        callback = sdk.Callback("POST", dict(request.query_params), dict(request.headers), await request.body())
        try:
            verified = verify(self._config, callback)
        except sdk.BadSignature:
            self.refused += 1
            return Response(status_code=401)
        if self._deaf:
            self._deaf -= 1
            return Response(status_code=503)
        self.facts += [fact for fact in parse(read(verified.plaintext)) if isinstance(fact, sdk.Inbound)]
        return Response(verified.reply.body, verified.reply.status, media_type=verified.reply.content_type)


@pytest.mark.parametrize("scheme", sorted(SENDS))
async def test_our_sandbox_drives_our_hook_until_it_is_taken(tmp_path: Path, scheme: str) -> None:
    options = ("--option", f"scheme={scheme}", "--option", "retry_ms=5", "--faults", "duplicate=1")
    with sandbox("webhook", tmp_path, *options) as running:
        hook = Hook(Config.model_validate(running.credentials), deaf=2)
        async with serving(hook.app) as url:
            told = {"type": "order.paid", "data": {"total": Decimal("199.65")}, "id": "msg_1"}
            sent = await people(running.url, "send", url=f"{url}/hooks/a.webhook", **told)
            await people(running.url, "send", type="order.sent", data={}, id="msg_2")

    assert sent == {"id": "msg_1", "status": 200, "tries": 3}
    assert [fact.dedupe_key for fact in hook.facts] == ["id:msg_1", "id:msg_1", "id:msg_2", "id:msg_2"]
    assert hook.facts[0] == hook.facts[1]
    assert hook.facts[0].data["payload"]["data"] == {"total": Decimal("199.65")}
    assert hook.facts[0].data["at"]
    assert hook.refused == 0


async def test_after_an_upgrade_the_sender_calls_fields_otherwise(tmp_path: Path) -> None:
    order = {"order": {"bill_no": "AR-1", "lines": [1]}, "amount": Decimal("0.10")}
    with sandbox("webhook", tmp_path) as running:
        hook = Hook(Config.model_validate(running.credentials))
        async with serving(hook.app) as url:
            for names in ({"order.bill_no": "receivable_no", "nothing.there": "x", "amount.of": "y"}, {}):
                await people(running.url, "rename", names=names)
                await people(running.url, "send", type="paid", data=order, url=f"{url}/hooks/a.webhook")

    renamed, usual = (fact.data["payload"]["data"] for fact in hook.facts)
    assert renamed == {"order": {"receivable_no": "AR-1", "lines": [1]}, "amount": Decimal("0.10")}
    assert usual == order


async def test_what_one_hook_has_proven_another_with_another_secret_refuses(tmp_path: Path) -> None:
    with sandbox("webhook", tmp_path, "--option", "retry_ms=1") as running:
        hook = Hook(Config.model_validate({**running.credentials, "in_secret": NEW}))
        async with serving(hook.app) as url:
            sent = await people(running.url, "send", url=f"{url}/hooks/a.webhook", type="x", data={})

    assert (sent["status"], hook.facts, hook.refused) == (401, [], sent["tries"])


@pytest.mark.parametrize("secret", [OURS.secret, PAIR.secret], ids=["secret", "public_key"])
async def test_what_we_send_we_can_take(secret: str) -> None:
    """Two hubs speak with each other: one's out is the other's in."""
    hook = Hook(Config.model_validate({"in_scheme": "standard", "in_secret": secret}))
    async with serving(hook.app) as url:
        ctx = testing.open_context(connector, values(out_url=f"{url}/hooks/a.webhook"), key="dlv_9")
        async with ctx.http:
            await asyncio.gather(*(send(ctx, data={"amount": Decimal("0.10")}) for _ in range(3)))

    assert {fact.dedupe_key for fact in hook.facts} == {"id:dlv_9"}
    assert hook.facts[0].data["payload"]["data"] == {"amount": Decimal("0.10")}


@pytest.mark.parametrize("faults", ["http_503=0.3,drop_after=0.3,drop_before=0.2,throttle=0.2"])
async def test_bad_manners_never_make_a_second_event(tmp_path: Path, faults: str) -> None:
    with sandbox("webhook", tmp_path, "--faults", faults, "--seed", "7") as running:
        for at in range(10):
            ctx = context(running, f"dlv_{at}")
            async with ctx.http:
                await until_sent(ctx)

    received = [e["id"] for e in running.effects() if e["effect"] == "event.received"]
    assert received == [f"dlv_{at}" for at in range(10)]
    assert all(e["same"] for e in running.effects() if e["effect"] == "event.repeated")


async def until_sent(ctx: sdk.Context[Config]) -> None:
    for _ in range(60):
        try:
            await send(ctx, timestamp="2026-11-28T10:00:00Z")
        except (sdk.Transient, sdk.Throttled, sdk.Ambiguous):
            continue
        return
    raise AssertionError("never sent")
