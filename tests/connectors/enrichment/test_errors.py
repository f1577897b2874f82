"""Each no by its next move, wherever it stands in HTTP 200, and every shape that is neither yes nor no."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
import respx

from connectors.enrichment import connector
from connectors.enrichment.company import Wanted
from connectors.enrichment.config import Config
from connectors.enrichment.find import find_company
from connectors.enrichment.tianyancha import SPECIAL
from hub import sdk
from hub.sdk import testing
from tests.connectors.enrichment.registry import HENGRUI

TIANYANCHA = {"provider": "tianyancha", "token": "token-1234567"}
QICHACHA = {"provider": "qichacha", "app_key": "app-key-1234567", "secret_key": "secret-1234567"}
HOLD, WAIT, NOT_YET, AGAIN, DEAD = sdk.NeedsReauth, sdk.Throttled, sdk.NotReady, sdk.Transient, sdk.Rejected
REFUSALS: list[tuple[str, type[sdk.VendorError], timedelta | None]] = [
    *((code, HOLD, None) for code in ("300002", "300003", "300005", "300006", "300007", "300009", "300010", "300011")),
    *(
        (code, HOLD, None)
        for code in (
            "101",
            "102",
            "103",
            "104",
            "105",
            "107",
            "111",
            "112",
            "113",
            "114",
            "115",
            "118",
            "119",
            "121",
            "123",
            "214",
        )
    ),
    ("300004", WAIT, timedelta(seconds=5)),
    ("106", WAIT, timedelta(minutes=10)),
    ("108", WAIT, timedelta(minutes=10)),
    ("109", WAIT, timedelta(hours=3)),
    ("110", WAIT, timedelta(hours=2)),
    ("116", WAIT, timedelta(hours=3)),
    ("117", WAIT, timedelta(hours=3)),
    ("120", WAIT, timedelta(minutes=1)),
    ("122", WAIT, timedelta(seconds=2)),
    ("300012", NOT_YET, timedelta(seconds=30)),
    ("205", NOT_YET, timedelta(seconds=5)),
    *((code, AGAIN, None) for code in ("300001", "199", "203")),
    *(
        (code, DEAD, None)
        for code in ("300008", "202", "207", "208", "209", "213", "215", "218", "219", "223", "224", "999", "300999")
    ),
]


def context(values: dict[str, str], answer: httpx.Response) -> sdk.Context[Config]:
    router = respx.Router(assert_all_called=False)
    router.route().mock(return_value=answer)
    return testing.open_context(connector, values, transport=httpx.MockTransport(router.async_handler))


async def find(values: dict[str, str], answer: httpx.Response) -> sdk.VendorError:
    with pytest.raises(sdk.VendorError) as caught:
        await find_company(context(values, answer), Wanted.model_validate(HENGRUI))
    return caught.value


@pytest.mark.parametrize(("code", "kind", "wait"), REFUSALS, ids=[code for code, _, _ in REFUSALS])
@pytest.mark.parametrize("as_text", [True, False])
async def test_each_no_is_named(code: str, kind: type[sdk.VendorError], wait: timedelta | None, as_text: bool) -> None:
    told: Any = code if as_text else int(code)
    if code.startswith("300"):
        error = await find(TIANYANCHA, httpx.Response(200, json={"error_code": told, "reason": "x", "result": None}))
    else:
        body = {"Status": told, "Message": "【无效请求】x", "OrderNumber": "ECI1", "Result": None}
        error = await find(QICHACHA, httpx.Response(200, json=body))
        assert error.request_id == "ECI1"
    assert (type(error), error.code, error.retry_after) == (kind, code, wait)
    assert error.hint.zh
    assert error.hint.en


ODD: list[Any] = [
    {},
    [],
    None,
    "ok",
    {"error_code": None, "reason": "ok", "result": {}},
    {"error_code": "ok", "reason": "ok", "result": {}},
    {"error_code": 0.5, "reason": "ok", "result": {}},
    {"error_code": 0, "reason": "ok"},
    {"error_code": 0, "reason": "ok", "result": "text"},
    {"error_code": 0, "reason": "ok", "result": [1]},
    {"error_code": 0, "reason": "ok", "result": {"name": "no id"}},
    {"error_code": 0, "reason": "ok", "result": {"id": 1, "name": "n", "estiblishTime": "soon"}},
    {"error_code": 0, "reason": "ok", "result": {"id": 1, "name": "n", "estiblishTime": 10**30}},
    {"Status": "200", "Message": "x"},
    {"Status": "200", "Message": "x", "Result": "text"},
    {"Status": "200", "Message": "x", "Result": {"Name": "no key"}},
    {"Status": "200", "Message": "x", "Result": {"KeyNo": "k", "Name": None}},
    {"Status": None, "Message": "x", "Result": None},
]


@pytest.mark.parametrize("body", ODD, ids=str)
@pytest.mark.parametrize("values", [TIANYANCHA, QICHACHA], ids=["tianyancha", "qichacha"])
async def test_an_unknown_shape_is_never_a_success(values: dict[str, str], body: Any) -> None:
    assert type(await find(values, httpx.Response(200, json=body))) is sdk.Ambiguous


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(502, text="<html>"), sdk.Ambiguous),
        (httpx.Response(200, text='{"error_code": 0, "resu'), sdk.Ambiguous),
        (httpx.Response(404, text="<html>"), sdk.Ambiguous),
        (httpx.Response(429, headers={"retry-after": "7"}), sdk.Throttled),
        (httpx.Response(302, headers={"location": "https://elsewhere.example/"}), sdk.NeedsReauth),
    ],
    ids=["502", "truncated", "404", "429", "302"],
)
async def test_bad_http_is_named_too(answer: httpx.Response, kind: type[sdk.VendorError]) -> None:
    assert type(await find(TIANYANCHA, answer)) is kind


@pytest.mark.parametrize(
    ("values", "body"),
    [
        (TIANYANCHA, {"error_code": "300000", "reason": "无数据"}),
        (TIANYANCHA, {"error_code": 300000, "reason": "无数据", "result": ""}),
        (QICHACHA, {"Status": "201", "Message": "【有效请求】查询无结果"}),
        (QICHACHA, {"Status": 200, "Message": "x", "Result": {"VerifyResult": 0, "Data": None}}),
    ],
    ids=str,
)
async def test_no_data_is_an_answer_in_all_its_shapes(values: dict[str, str], body: Any) -> None:
    company = await find_company(context(values, httpx.Response(200, json=body)), Wanted(credit_code="9132"))
    assert company.status == "none"


async def test_the_newer_detail_api_is_read_through_its_wrapping() -> None:
    asked = []
    face = {"KeyNo": "k", "Name": "某公司", "Industry": {"Industry": "制造业"}, "RegistCapi": "100万元"}

    def vendor(request: httpx.Request) -> httpx.Response:
        asked.append(dict(request.url.params))
        data = {"VerifyResult": 1, "Data": face}
        return httpx.Response(200, json={"Status": "200", "Message": "x", "OrderNumber": "E1", "Result": data})

    values = {**QICHACHA, "detail_path": "/ECIInfoVerify/GetInfo"}
    ctx = testing.open_context(connector, values, transport=httpx.MockTransport(vendor))
    company = await find_company(ctx, Wanted(credit_code="91320594MA1ABCDE2C"))
    assert (company.id, company.industry, company.order_number) == ("k", "制造业", "E1")
    assert asked == [{"searchKey": "91320594MA1ABCDE2C", "key": QICHACHA["app_key"]}]


async def test_what_is_special_is_asked_for_at_its_own_path_at_tianyancha() -> None:
    paths = []
    item = {"id": 7, "name": "恒銳國際有限公司", "type": 1, "companyType": "2"}

    def vendor(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        found = {"items": [item]} if "search" in request.url.path else item
        return httpx.Response(200, json={"error_code": 0, "reason": "ok", "result": found})

    ctx = testing.open_context(connector, TIANYANCHA, transport=httpx.MockTransport(vendor))
    assert (await find_company(ctx, Wanted(name="恒銳國際有限公司"))).id == "7"
    assert paths[-1] == SPECIAL


async def test_secrets_stay_out_of_what_is_kept_and_each_call_is_signed_anew() -> None:
    seen: list[httpx.Request] = []

    def vendor(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"Status": "199", "Message": f"key {QICHACHA['app_key']}", "Result": None})

    clock = iter([1700000000.9, 1700000001.2, 1700000002.0, 1700000003.0])
    ctx = testing.open_context(
        connector, QICHACHA, transport=httpx.MockTransport(vendor), memory=sdk.LocalMemory(), now=lambda: next(clock)
    )
    for _ in range(2):
        with pytest.raises(sdk.Transient):
            await find_company(ctx, Wanted.model_validate(HENGRUI))
    spans = [request.headers["timespan"] for request in seen]
    assert len(set(spans)) == 2
    assert all(span.isdigit() for span in spans)
    assert all(request.url.params["key"] == QICHACHA["app_key"] for request in seen)
    kept = sdk.dumps([[e.url, e.request, e.answer] for e in ctx.exchanges])
    assert QICHACHA["app_key"] not in kept
    assert QICHACHA["secret_key"] not in kept


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"token": ""}, "token"),
        ({"provider": "qichacha"}, "secret_key"),
        ({"provider": "qixinbao"}, "tianyancha"),
        ({"daily_budget": "0.29"}, "预算"),
        ({"price_detail": "-1"}, "greater"),
        ({"api_url": "ftp://x"}, "pattern"),
        ({"days_kept": 0}, "greater"),
    ],
    ids=str,
)
def test_a_config_that_cannot_work_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Config.model_validate({**TIANYANCHA, **change})
