"""Our client and our fake registries over a real socket, and the registries' manners, asked by hand."""

import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.enrichment import connector
from connectors.enrichment.company import Company, Wanted
from connectors.enrichment.config import Config
from connectors.enrichment.find import find_company
from connectors.enrichment.sandbox.qichacha import seal
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.enrichment.registry import HENGRUI, Registry
from tests.connectors.sandboxes import Running, sandbox

BOTH = pytest.mark.parametrize("provider", ["tianyancha", "qichacha"])


@pytest.fixture
def running(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Running]:
    with sandbox("enrichment", tmp_path, "--option", f"provider={request.param}") as started:
        yield started


over_a_socket = pytest.mark.parametrize("running", ["tianyancha", "qichacha"], indirect=True)


def context(running: Running, **changes: Any) -> sdk.Context[Config]:
    return testing.open_context(connector, {**running.credentials, **changes})


async def find(ctx: sdk.Context[Config], **wanted: str) -> Company:
    return await find_company(ctx, Wanted.model_validate(wanted))


async def probe(ctx: sdk.Context[Config]) -> str:
    assert connector.probe is not None
    return await connector.probe(ctx)


@over_a_socket
async def test_our_client_drives_our_sandbox_from_probe_to_company(running: Running) -> None:
    ctx = context(running)
    assert "不计费" in await probe(ctx)
    assert running.effects() == []
    company = await find(ctx, **HENGRUI)
    named = await find(ctx, name="上海启程机床有限公司")
    assert (company.status, company.name, named.renamed) == ("found", HENGRUI["name"], True)
    prices = [(e["effect"], e["price"]) for e in running.effects()]
    read, searched = ("company.read", Decimal("0.20")), ("company.searched", Decimal("0.10"))
    assert prices == [read, searched, read]
    assert company.cost + named.cost == sum(price for _, price in prices)
    async with make_client(base_url=running.url, egress=LOOPBACK) as desk:
        assert (await desk.get("/_sandbox/desk")).json()["charged"] == 3


@over_a_socket
async def test_a_wrong_secret_is_refused_and_needs_a_person(running: Running) -> None:
    secret = "token" if "token" in running.credentials else "secret_key"
    ctx = context(running, **{secret: "a-wrong-secret"})
    code = {"token": "300009", "secret_key": "107"}[secret]
    for call in (probe(ctx), find(ctx, **HENGRUI)):
        with pytest.raises(sdk.NeedsReauth) as caught:
            await call
        assert caught.value.code == code
        assert caught.value.hint.zh
    assert running.effects() == []


@BOTH
async def test_a_token_that_was_changed_in_the_console_holds_the_connection(provider: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path, provider)
    await registry.find(**HENGRUI)
    await registry.desk(token="another", secret="another")
    assert (await registry.find("dlv_2", **HENGRUI)).status == "found"  # what was bought is ours
    with pytest.raises(sdk.NeedsReauth):
        await registry.find(credit_code="91310115MA1HR0004U")


@BOTH
@pytest.mark.parametrize(
    ("trouble", "codes", "kind"),
    [
        ({"quota": 0}, {"300007", "112"}, sdk.NeedsReauth),
        (
            {"not_bought": ["/services/open/ic/baseinfo/normal", "/ECIV4/GetBasicDetailsByName"]},
            {"300005", "214"},
            sdk.NeedsReauth,
        ),
        ({"most_at_once": 0}, {"122"}, sdk.Throttled),
        ({"lock": True}, {"110"}, sdk.Throttled),
    ],
    ids=str,
)
async def test_trouble_at_the_desk_reaches_us_as_what_it_is(
    provider: str, trouble: dict[str, Any], codes: set[str], kind: type[sdk.VendorError], tmp_path: Path
) -> None:
    registry = Registry(tmp_path, provider)
    await registry.desk(**trouble)
    if codes <= {"122", "110"} and provider == "tianyancha":  # Tianyancha knows neither
        assert (await registry.find(**HENGRUI)).status == "found"
        return
    with pytest.raises(kind) as caught:
        await registry.find(**HENGRUI)
    assert caught.value.code in codes


@BOTH
async def test_quota_is_counted_down(provider: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path, provider)
    assert (await registry.desk(quota=2))["quota"] == 2
    await registry.find(name=HENGRUI["name"])
    with pytest.raises(sdk.NeedsReauth):
        await registry.find(credit_code="91310115MA1HR0004U")
    assert await registry.desk() == {"charged": 2, "quota": 0}


async def test_a_code_as_text_is_read_like_a_number(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "tianyancha")
    await registry.desk(spoil=["code_as_text"])
    assert (await registry.find(**HENGRUI)).status == "found"


@BOTH
async def test_a_probe_made_again_and_again_still_proves_the_secret(provider: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path, provider)
    for _ in range(6):
        assert "不计费" in await probe(registry.context())
    assert await registry.desk() == {"charged": 0, "quota": None}


@BOTH
async def test_a_probe_of_an_account_in_trouble_says_so(provider: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path, provider)
    await registry.desk(say=[{"tianyancha": "300002", "qichacha": "102"}[provider]])
    with pytest.raises(sdk.NeedsReauth):
        await probe(registry.context())


async def ask(registry: Registry, path: str, headers: dict[str, str], **params: str) -> Any:
    transport = httpx.ASGITransport(registry.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://registry") as http:
        answer = await http.get(path, params=params, headers=headers)
        assert answer.status_code == 200
        return answer.json()


def signed(registry: Registry, skew_s: int = 0) -> dict[str, str]:
    seconds = str(int(time.time()) + skew_s)
    token = seal(registry.values["app_key"], seconds, registry.values["secret_key"])
    return {"Token": token, "Timespan": seconds}


@pytest.mark.parametrize(
    ("skew_s", "key", "status"), [(0, None, "200"), (290, None, "200"), (400, None, "107"), (-400, None, "107")]
)
async def test_the_fake_qichacha_looks_at_the_clock(skew_s: int, key: str | None, status: str, tmp_path: Path) -> None:
    registry = Registry(tmp_path, "qichacha")
    params = {"key": registry.values["app_key"], "searchKey": "恒锐"}
    answer = await ask(registry, "/FuzzySearch/GetList", signed(registry, skew_s), **params)
    assert answer["Status"] == status


@pytest.mark.parametrize(
    ("headers", "status"), [({"Token": "x"}, "107"), ({"Timespan": "soon"}, "107"), ({"Timespan": ""}, "107")]
)
async def test_the_fake_qichacha_refuses_what_is_not_signed(
    headers: dict[str, str], status: str, tmp_path: Path
) -> None:
    registry = Registry(tmp_path, "qichacha")
    params = {"key": registry.values["app_key"], "searchKey": "恒锐"}
    answer = await ask(registry, "/FuzzySearch/GetList", {**signed(registry), **headers}, **params)
    assert (answer["Status"], answer["Message"][:6]) == (status, "【无效请求】")


async def test_the_fake_qichacha_knows_its_keys_and_locks_a_query_that_failed_three_times(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "qichacha")
    path = "/FuzzySearch/GetList"
    assert (await ask(registry, path, signed(registry), key="nobody", searchKey="恒锐"))["Status"] == "101"
    key = registry.values["app_key"]
    told = [(await ask(registry, path, signed(registry), key=key, searchKey="没有的"))["Status"] for _ in range(5)]
    assert told == ["201", "201", "201", "110", "110"]
    found = await ask(registry, path, signed(registry), key=key, searchKey="恒锐")
    assert (found["Status"], len(found["Result"])) == ("200", 2)
    orders = [effect["order_number"] for effect in registry.effects()]
    assert orders == sorted(set(orders))


async def test_the_fake_tianyancha_asks_for_its_bare_token(tmp_path: Path) -> None:
    registry = Registry(tmp_path, "tianyancha")
    path, token = "/services/open/search/2.0", registry.values["token"]
    for headers in ({}, {"Authorization": f"Bearer {token}"}, {"Authorization": "nobody"}):
        assert (await ask(registry, path, headers, word="恒锐"))["error_code"] == 300009
    good = {"Authorization": token}
    assert (await ask(registry, path, good))["error_code"] == 300008
    assert (await ask(registry, "/services/open/none", good, keyword="x"))["error_code"] == 300010
    answer = await ask(registry, path, good, word="恒锐", pageSize="2")
    assert (answer["error_code"], answer["result"]["total"], len(answer["result"]["items"])) == (0, 3, 2)
    assert "<em>" in answer["result"]["items"][0]["name"]


def test_an_unknown_provider_is_no_sandbox(tmp_path: Path) -> None:
    with pytest.raises(sdk.ConfigError, match="tianyancha"):
        Registry(tmp_path, "qixinbao")
