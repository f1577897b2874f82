"""YonBIP's refusals, each named by the next move."""

from typing import Any

import httpx
import pytest

from connectors.yonyou.errors import ERRORS
from connectors.yonyou.receivables import SAVE
from hub import sdk
from tests.connectors.yonyou.wire import answering, signed_in

NOS: list[tuple[str, type[sdk.VendorError]]] = [
    ("202", sdk.Ambiguous),
    ("310504", sdk.Ambiguous),
    ("310071", sdk.Ambiguous),
    ("310072", sdk.Ambiguous),
    ("310076", sdk.Ambiguous),
    ("310077", sdk.Ambiguous),
    ("315001", sdk.Ambiguous),
    ("10004", sdk.Rejected),
    ("100004", sdk.Rejected),
    ("310001", sdk.Rejected),
    ("310002", sdk.Rejected),
    ("310405", sdk.Rejected),
    ("310003", sdk.NeedsReauth),
    ("310036", sdk.NeedsReauth),
    ("310005", sdk.NeedsReauth),
    ("310006", sdk.NeedsReauth),
    ("10018", sdk.NeedsReauth),
    ("310031", sdk.NeedsReauth),
    ("310038", sdk.NeedsReauth),
    ("310041", sdk.NeedsReauth),
    ("310047", sdk.NeedsReauth),
    ("310037", sdk.NeedsReauth),
    ("310032", sdk.Throttled),
    ("310039", sdk.Throttled),
    ("310042", sdk.Throttled),
    ("310046", sdk.Throttled),
    ("310007", sdk.Transient),
    ("310009", sdk.Transient),
    ("310043", sdk.Transient),
    ("310061", sdk.Transient),
    ("310066", sdk.Transient),
    ("310008", sdk.Rejected),
    ("310015", sdk.Rejected),
    ("310023", sdk.Rejected),
    ("310025", sdk.Rejected),
    ("999", sdk.Rejected),
    ("1002", sdk.Rejected),
    ("404", sdk.Rejected),
    ("0", sdk.Rejected),
    ("987654", sdk.Rejected),
]


async def refused(response: httpx.Response) -> sdk.VendorError:
    def again(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(response.status_code, content=response.content, headers={})

    with pytest.raises(sdk.VendorError) as caught:
        await answering(signed_in(again)).call("POST", SAVE, json={"data": {}})
    return caught.value


@pytest.mark.parametrize("as_number", [False, True], ids=["text", "number"])
@pytest.mark.parametrize(("code", "error"), NOS, ids=[code for code, _ in NOS])
async def test_each_no_is_named(code: str, error: type[sdk.VendorError], as_number: bool) -> None:
    body = {"code": int(code) if as_number else code, "message": "用友的原话", "displayCode": "FI-001-000123"}
    no = await refused(httpx.Response(200, json=body))

    assert (type(no), no.code) == (error, code)
    assert no.message == "用友的原话（FI-001-000123）"
    assert no.hint.zh
    assert no.hint.en
    assert (no.retry_after is not None) is (error is sdk.Throttled)


def test_every_row_is_tested_and_speaks_both_languages() -> None:
    elsewhere = {"http*", "partial", "not-success", "310404"}
    untested = set(ERRORS.rows) - {code for code, _ in NOS} - elsewhere
    assert untested == {"310062", "310063", "310064", "310065"}
    assert all(row.hint.en and any("一" <= c <= "鿿" for c in row.hint.zh) for row in ERRORS.rows.values())


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"count": 2, "sucessCount": 1, "failCount": 1, "messages": ["审核失败"]}, "审核失败"),
        ({"count": 1, "failCount": "1", "messages": [{"message": "已结账"}]}, "已结账"),
        ({"failCount": 1}, "部分失败"),
        ({"failCount": 0, "messages": ["当前单据不是最新状态"]}, "不是最新"),
    ],
)
async def test_rows_that_failed_under_code_200_are_a_no(data: dict[str, Any], words: str) -> None:
    no = await refused(httpx.Response(200, json={"code": "200", "message": "操作成功", "data": data}))

    assert (type(no), no.code) == (sdk.Rejected, "partial")
    assert words in no.message


@pytest.mark.parametrize(
    ("status", "text", "error", "told"),
    [
        (200, "非法token", sdk.NeedsReauth, "310036"),
        (404, '{"code":"310404","message":"请求路径不存在"}', sdk.NeedsReauth, "310404"),
        (404, "<html>404</html>", sdk.NeedsReauth, "http 404"),
        (401, "", sdk.NeedsReauth, "http 401"),
        (403, "no", sdk.NeedsReauth, "http 403"),
        (302, "", sdk.NeedsReauth, "http 302"),
        (429, "", sdk.Throttled, "http 429"),
        (502, "<html>bad gateway</html>", sdk.Ambiguous, "http 502"),
        (500, '{"code":"200","data":{}}', sdk.Ambiguous, "http 500"),
        (200, "<html>登录</html>", sdk.Ambiguous, "http 200"),
        (200, "", sdk.Ambiguous, "http 200"),
        (200, "[]", sdk.Ambiguous, "http 200"),
        (200, "{}", sdk.Ambiguous, "http 200"),
        (200, '{"code":"200","data":{"failCount":"many"}}', sdk.Ambiguous, "http 200"),
        (200, '{"code":"200","success":false,"message":"?"}', sdk.Rejected, "not-success"),
    ],
)
async def test_what_is_no_plain_answer_is_never_taken_for_success(
    status: int, text: str, error: type[sdk.VendorError], told: str
) -> None:
    no = await refused(httpx.Response(status, text=text))
    assert (type(no), no.code) == (error, told)


@pytest.mark.parametrize("code", ["200", 200])
async def test_code_200_as_text_or_number_is_a_yes(code: Any) -> None:
    body = {"code": code, "success": True, "data": {"failCount": 0, "messages": [], "id": 1827364509182736451}}
    ctx = answering(signed_in(lambda _request: httpx.Response(200, json=body)))

    assert (await ctx.call("POST", SAVE, json={}))["data"]["id"] == 1827364509182736451
