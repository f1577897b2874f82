"""Our fake YonBIP over a real socket: our client drives it, it drives our callback, and its bad manners heal."""

import asyncio
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.yonyou import connector
from connectors.yonyou.callbacks import verify
from connectors.yonyou.config import Config
from connectors.yonyou.connector import probe
from connectors.yonyou.events import parse
from connectors.yonyou.receivables import DETAIL, SAVE
from connectors.yonyou.sandbox.gate import APP_KEY, APP_SECRET, stamp
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from hub.sdk.sandbox import FAULTS
from tests.connectors.sandboxes import sandbox
from tests.connectors.yonyou.wire import BILL, CUSTOMER, Tenant, run

PUSHES = [("sha1", "plain"), ("sha256", "encrypted"), ("hmac", "encrypted")]


async def people(url: str, name: str, /, **told: Any) -> Any:
    async with make_client(base_url=url, egress=LOOPBACK) as client:
        return (await client.post(f"/_sandbox/{name}", json=told)).json()


async def until(seen: Callable[[], bool], patience_s: int = 10) -> None:
    end = time.monotonic() + patience_s
    while not seen():
        assert time.monotonic() < end, "waited too long"
        await asyncio.sleep(0.02)


class Listener:
    """Our side of the hook: the first `deaf` requests after the handshake are answered 503."""

    def __init__(self, config: Config, deaf: int = 0) -> None:
        self._config = config
        self._deaf = deaf
        self.checks = 0
        self.events: list[sdk.Inbound] = []
        routes = [Route("/hooks/a.yonyou", self.hook, methods=["POST"])]
        self.server = uvicorn.Server(uvicorn.Config(Starlette(routes=routes), port=0, log_config=None))

    async def hook(self, request: Request) -> Response:
        callback = sdk.Callback("POST", {}, dict(request.headers), await request.body())
        verified = verify(self._config, callback)
        if verified.handshake:
            self.checks += 1
        elif self._deaf:
            self._deaf -= 1
            return Response(status_code=503)
        else:
            self.events += [e for e in parse(sdk.loads(verified.plaintext)) if isinstance(e, sdk.Inbound)]
        return Response(verified.reply.body, verified.reply.status, media_type=verified.reply.content_type)

    async def listen(self) -> tuple[asyncio.Task[None], str]:
        serving = asyncio.create_task(self.server.serve())
        await until(lambda: self.server.started)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        return serving, f"http://127.0.0.1:{port}/hooks/a.yonyou"


async def test_our_client_drives_our_sandbox_over_a_socket(tmp_path: Path) -> None:
    with sandbox("yonyou", tmp_path) as running:
        ctx = testing.open_context(connector, running.credentials)
        assert "还没有客户" in await probe(ctx)
        customer = await run(ctx, "ensure_customer", CUSTOMER)
        bill = await run(ctx, "book_receivable", BILL)

        saved = [e for e in running.effects() if e["effect"].endswith(".saved")]

    assert [(e["effect"], e["id"], e["number"]) for e in saved] == [
        ("customer.saved", customer.id, "C-0001"),
        ("receivable.saved", bill.id, "AR-HT-2026-001"),
    ]
    assert (saved[1]["amount"], saved[1]["ext_code"]) == (Decimal("628000.00"), "LIANSHU|AR-HT-2026-001")


@pytest.mark.parametrize(("scheme", "reply"), PUSHES)
async def test_our_sandbox_checks_our_address_and_pushes_until_we_take_it(
    scheme: str, reply: str, tmp_path: Path
) -> None:
    options = ("--option", f"signature={scheme}", "--option", "retry_ms=20", "--faults", "duplicate=1")
    with sandbox("yonyou", tmp_path, *options) as running:
        ctx = testing.open_context(connector, {**running.credentials, "event_reply": reply})
        listener = Listener(ctx.config, deaf=2)
        serving, url = await listener.listen()
        assert await people(running.url, "callback", url=url) == {"ok": True, "detail": ""}
        await run(ctx, "ensure_customer", CUSTOMER)
        await run(ctx, "book_receivable", BILL)
        voucher = await people(running.url, "voucher", number="AR-HT-2026-001")

        def delivered() -> bool:
            return len(listener.events) == 4 and len([e for e in running.effects() if "callback" in e["effect"]]) == 2

        await until(delivered)
        listener.server.should_exit = True
        await serving

    assert listener.checks == 1
    told = {(e.type, e.subject, e.dedupe_key) for e in listener.events}
    assert len(told) == 2
    assert ("voucher.changed", voucher["id"]) in {(kind, subject) for kind, subject, _ in told}
    assert {e.data["change"] for e in listener.events} == {"added"}


async def test_an_address_that_answers_wrongly_is_not_taken(tmp_path: Path) -> None:
    with sandbox("yonyou", tmp_path) as running:
        told = await people(running.url, "callback", url=f"{running.url}/open-auth/dataCenter/getGatewayAddress")
    assert told["ok"] is False
    assert "405" in told["detail"]


async def again_and_again(ctx: sdk.Context[Config], name: str, payload: dict[str, Any]) -> tuple[sdk.Made, set[str]]:
    """Run an action until it is done, as the hub would; what was raised on the way."""
    raised: set[str] = set()
    for _ in range(60):
        try:
            return await run(ctx, name, payload), raised
        except (sdk.Transient, sdk.Throttled, sdk.Ambiguous, sdk.NeedsReauth) as no:
            raised.add(type(no).__name__)
    raise AssertionError(raised)


@pytest.mark.parametrize("fault", ["http_503", "drop_before", "drop_after", "throttle", "session_loss"])
async def test_bad_manners_never_make_a_second_bill(fault: str, tmp_path: Path) -> None:
    assert fault in FAULTS
    with sandbox("yonyou", tmp_path, "--faults", f"{fault}=0.4", "--seed", "3") as running:
        ctx, raised = testing.open_context(connector, running.credentials), set[str]()
        for number in range(4):
            customer = {"number": f"C-{number}", "name": f"客户 {number}"}
            bill = {**BILL, "bill_number": f"AR-{number}", "customer_number": f"C-{number}"}
            raised |= (await again_and_again(ctx, "ensure_customer", customer))[1]
            raised |= (await again_and_again(ctx, "book_receivable", bill))[1]
        saved = [e["number"] for e in running.effects() if e["effect"].endswith(".saved")]

    assert sorted(saved) == sorted([f"AR-{n}" for n in range(4)] + [f"C-{n}" for n in range(4)])
    assert raised


def signed(**changes: str) -> dict[str, str]:
    pairs = {"appKey": APP_KEY, "timestamp": str(time.time_ns() // 1_000_000)} | changes
    return {"signature": stamp(APP_SECRET, pairs), **pairs}


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda: signed(), "00000"),
        (lambda: signed(timestamp="1568098531823"), "50000"),
        (lambda: signed(timestamp="soon"), "50000"),
        (lambda: signed() | {"signature": "x"}, "50000"),
        (lambda: signed() | {"signature": signed()["signature"].replace("=", "%3D")}, "50000"),
        (dict[str, str], "10018"),
    ],
)
async def test_the_token_service_checks_key_signature_and_clock(make: Callable[[], dict[str, str]], code: str) -> None:
    tenant, query = Tenant(), make()  # stamped when it is sent, not when the tests are collected
    for path in ("base/v1/getAccessToken", "getAccessToken"):
        answer = await tenant.raw("GET", f"/iuap-api-auth/open-auth/selfAppAuth/{path}", params=query)
        assert (answer.status_code, answer.json()["code"]) == (200, code)


async def gateway(tenant: Tenant, method: str, path: str, **given: Any) -> httpx.Response:
    return await tenant.raw(method, f"/iuap-api-gateway/yonbip{path}", **given)


async def test_the_gateway_checks_path_then_method_then_token() -> None:
    tenant = Tenant()
    unknown = await gateway(tenant, "POST", "/EFI/nothing")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "310404")
    save = "/EFI/receivable/save"
    assert (await gateway(tenant, "GET", save)).json()["code"] == "310405"
    assert (await gateway(tenant, "POST", save)).json()["code"] == "310001"
    assert (await gateway(tenant, "POST", save, params={"access_token": "x"})).json()["code"] == "310036"
    token = (await tenant.raw("GET", "/iuap-api-auth/open-auth/selfAppAuth/getAccessToken", params=signed())).json()
    params = {"access_token": token["data"]["access_token"]}
    assert (await gateway(tenant, "POST", save, params=params, content=b"{")).json()["code"] == "310002"


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"_status": "Update"}, "_status"),
        ({"direction": None}, "null"),
        ({"bodyItem": []}, "_status"),
        ({"extVouchCode": ""}, "外部单据号不能为空"),
        ({"financeOrgCode": "9"}, "financeOrg"),
        ({"resubmitCheckKey": "k" * 33}, "32"),
    ],
)
async def test_the_books_refuse_what_yonbip_refuses(spoil: dict[str, Any], words: str) -> None:
    tenant = Tenant()
    await tenant.do("customer", code="C-0001", name="甲")
    ctx = tenant.context()
    await run(ctx, "book_receivable", BILL)
    body = tenant.wire.talk[0]["request"]["body"]["data"] | {"resubmitCheckKey": "k", "extVouchCode": "AR-2"}

    with pytest.raises(sdk.Rejected, match=words):
        await ctx.call("POST", SAVE, json={"data": body | spoil})


async def test_a_row_whose_parts_do_not_make_the_whole_is_refused() -> None:
    tenant = Tenant()
    await tenant.do("customer", code="C-0001", name="甲")
    ctx = tenant.context()
    await run(ctx, "book_receivable", BILL)
    body = tenant.wire.talk[0]["request"]["body"]["data"] | {"resubmitCheckKey": "k", "extVouchCode": "AR-2"}
    row = {**body["bodyItem"][0], "oriTaxAmount": Decimal("0.01")}

    with pytest.raises(sdk.Rejected, match="含税金额不等于"):
        await ctx.call("POST", SAVE, json={"data": {**body, "bodyItem": [row]}})


async def test_submitting_twice_fails_inside_code_200_and_that_is_a_no() -> None:
    tenant = Tenant()
    await tenant.do("customer", code="C-0001", name="甲")
    ctx = tenant.context()
    made = await run(ctx, "book_receivable", BILL)
    submit = SAVE.replace("/save", "/submit")

    done = await ctx.call("POST", submit, json={"data": {"id": made.id}})
    assert (done["data"]["sucessCount"], done["data"]["failCount"]) == (1, 0)
    with pytest.raises(sdk.Rejected, match="不允许重复操作") as caught:
        await ctx.call("POST", submit, json={"data": [{"id": made.id}, {"id": "1"}]})

    assert caught.value.code == "partial"
    assert tenant.wire.talk[-1]["answer"]["code"] == "200"
    with pytest.raises(sdk.Rejected, match="数据不存在"):
        await ctx.call("GET", DETAIL, params={"id": "1"})
