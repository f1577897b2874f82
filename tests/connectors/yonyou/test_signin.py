"""Signing in: vectors on both sides, discovery, tokens that die, and who needs a person."""

import asyncio
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from connectors.yonyou.connector import probe
from connectors.yonyou.sandbox.gate import stamp
from connectors.yonyou.signin import sign
from hub import sdk
from tests.connectors.yonyou.wire import ADDRESSES, CUSTOMER, GATEWAY, Tenant, answering, run, signed_in

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("signature.json").read_text("utf-8"))
BY_NAME = pytest.mark.parametrize("vector", VECTORS["token_signature"], ids=lambda v: str(v["name"]))
EMPTY = {"code": "200", "data": []}


@BY_NAME
def test_our_client_signs_as_the_official_demos_do(vector: dict[str, Any]) -> None:
    signature = sign(vector["secret"], vector["params"])
    assert signature == vector["signature_base64"]
    assert quote(signature, safe="") == vector["signature_as_query_value"]


@BY_NAME
def test_our_sandbox_signs_as_the_official_demos_do(vector: dict[str, Any]) -> None:
    backwards = dict(reversed(vector["params"].items()))
    assert stamp(vector["secret"], backwards) == vector["signature_base64"]


async def test_calls_go_to_the_gateway_of_the_tenants_data_centre_with_the_token_encoded_once() -> None:
    seen: list[httpx.Request] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json=EMPTY)

    ctx = answering(signed_in(vendor))
    await probe(ctx)

    assert str(seen[0].url) == f"{GATEWAY}/yonbip/digitalModel/merchant/newlist?access_token=tok%2B%2F1234%3D"
    assert seen[0].headers["host"] == "127.0.0.1:1"
    kept = str([e.url for e in ctx.exchanges])
    assert "1234" not in kept
    assert "newlist" in kept


async def test_the_token_request_is_signed_with_milliseconds_and_encoded_once() -> None:
    tenant = Tenant()
    seen: list[httpx.Request] = []

    async def spy(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return await tenant.wire.handle_async_request(request)

    await probe(answering(spy))

    query = seen[1].url.query.decode()
    assert [r.url.path.rsplit("/", 1)[-1] for r in seen] == ["getGatewayAddress", "getAccessToken", "newlist"]
    assert len(seen[1].url.params["timestamp"]) == 13
    assert "%25" not in query
    assert query.endswith("%3D")


@pytest.mark.parametrize(
    ("changes", "options"),
    [
        ({"legacy_token_path": True}, {}),
        ({"timestamp_unit": "s"}, {"timestamp": "s"}),
        ({"discovery_url": "http://127.0.0.1:1/"}, {}),
    ],
)
async def test_the_other_readings_are_settings(changes: dict[str, Any], options: dict[str, Any]) -> None:
    assert "已连接" in await probe(Tenant(**options).context(**changes))


async def test_fixed_addresses_need_no_discovery() -> None:
    asked: list[str] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        asked.append(str(request.url.copy_with(query=None)))
        return signed_in(lambda _request: httpx.Response(200, json=EMPTY))(request)

    fixed: dict[str, Any] = {"gateway_url": "http://127.0.0.1:2/gw/", "token_url": "http://127.0.0.1:2/auth/"}
    await probe(answering(vendor, **fixed))

    assert asked == [
        "http://127.0.0.1:2/auth/open-auth/selfAppAuth/base/v1/getAccessToken",
        "http://127.0.0.1:2/gw/yonbip/digitalModel/merchant/newlist",
    ]


async def test_a_data_centre_without_tls_is_not_followed_from_one_with_tls() -> None:
    ctx = answering(signed_in(lambda _request: httpx.Response(200, json=EMPTY)), discovery_url="https://dc.example")
    with pytest.raises(sdk.NeedsReauth, match="not https"):
        await probe(ctx)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"app_secret": "not the secret"}, "50000"), ({"app_key": "nobody"}, "10018"), ({"tenant_id": "nobody"}, "500")],
)
async def test_a_wrong_secret_key_or_tenant_needs_a_person_and_says_which(changes: dict[str, Any], code: str) -> None:
    with pytest.raises(sdk.NeedsReauth) as caught:
        await probe(Tenant().context(**changes))

    assert caught.value.code == code
    assert ("租户 ID" in caught.value.hint.zh) is ("tenant_id" in changes)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(200, json={"code": "500", "message": "系统繁忙"}), sdk.Transient),
        (httpx.Response(200, json={"code": "310046", "message": "限流"}), sdk.Throttled),
        (httpx.Response(200, json={"code": "310504", "message": "超时"}), sdk.Transient),
        (httpx.Response(200, json={"code": "00000"}), sdk.Transient),
        (httpx.Response(200, json={"code": "00000", "data": {"access_token": ""}}), sdk.Transient),
        (httpx.Response(200, json=[]), sdk.Transient),
        (httpx.Response(200, text="<html>"), sdk.Transient),
        (httpx.Response(503, text="<html>"), sdk.Transient),
        (httpx.Response(200, json={"code": "50000", "message": "?"}), sdk.NeedsReauth),
        (httpx.Response(200, json={"code": 310005, "message": "?"}), sdk.NeedsReauth),
    ],
)
async def test_only_a_busy_token_service_is_asked_again(answer: httpx.Response, error: type[sdk.VendorError]) -> None:
    def vendor(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("getGatewayAddress"):
            return httpx.Response(200, json={"code": "00000", "data": ADDRESSES})
        return httpx.Response(answer.status_code, content=answer.content)

    with pytest.raises(sdk.VendorError) as caught:
        await probe(answering(vendor))

    assert type(caught.value) is error


async def test_a_hundred_calls_at_once_ask_for_one_token() -> None:
    tenant = Tenant()
    ctx = tenant.context()
    await asyncio.gather(*(probe(ctx) for _ in range(100)))

    assert tenant.wire.sign_ins == 1


@pytest.mark.parametrize("stale", ["json", "text"])
async def test_a_revoked_token_is_renewed_once_and_the_write_happens_once(stale: str) -> None:
    tenant = Tenant(stale=stale)
    ctx = tenant.context()
    await probe(ctx)
    await tenant.do("revoke_tokens")

    made = await run(ctx, "ensure_customer", CUSTOMER)

    assert made.number == "C-0001"
    assert tenant.wire.sign_ins == 2


async def test_two_processes_that_share_a_memory_share_the_token_another_has_killed() -> None:
    tenant, memory = Tenant(), sdk.LocalMemory()
    one, two = tenant.context(memory), tenant.context(memory)
    await probe(one)
    await probe(two)
    assert tenant.wire.sign_ins == 1

    await tenant.do("revoke_tokens")
    await probe(one)  # fetches a new one
    await probe(two)  # is refused, and finds the new one in the memory

    assert tenant.wire.sign_ins == 2


async def test_two_strangers_who_kill_each_others_tokens_both_go_on() -> None:
    tenant = Tenant()
    one, two = tenant.context(), tenant.context()
    for _ in range(3):
        await probe(one)
        await probe(two)

    assert tenant.wire.sign_ins == 6


async def test_an_expired_token_is_renewed_before_it_is_used() -> None:
    asked: list[str] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path.rsplit("/", 1)[-1])
        return signed_in(lambda _request: httpx.Response(200, json=EMPTY))(request)

    clock = [1_800_000_000]
    ctx = answering(vendor, now=lambda: clock[0])
    for second in (0, 6_899, 6_901):
        clock[0] = 1_800_000_000 + second
        await probe(ctx)

    assert asked.count("getAccessToken") == 2


async def test_a_token_that_is_refused_twice_needs_a_person() -> None:
    calls: list[str] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(200, json={"code": "310036", "message": "非法token"})

    with pytest.raises(sdk.NeedsReauth, match="310036"):
        await probe(answering(signed_in(vendor)))

    assert len(calls) == 2
