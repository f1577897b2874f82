"""Kingdee's refusals, each named by the next move."""

from typing import Any

import httpx
import pytest

from connectors.kingdee.connector import probe
from connectors.kingdee.documents import address
from connectors.kingdee.errors import ERRORS
from hub import sdk
from tests.connectors.kingdee.wire import answering, refusal

NOS: list[tuple[int, str, type[sdk.VendorError], str]] = [
    (1, "会话信息已丢失，请重新登录", sdk.NeedsReauth, "1"),
    (2, "没有权限", sdk.NeedsReauth, "2"),
    (4, "未将对象引用设置到对象的实例", sdk.Transient, "4"),
    (4, "元数据中标识为FWHAT的字段不存在", sdk.Rejected, "field/4"),
    (4, "业务对象不存在", sdk.Rejected, "form/4"),
    (6, "数据库操作失败", sdk.Transient, "6"),
    (7, "许可不足", sdk.NeedsReauth, "7"),
    (8, "编码值或内码值必须传其一", sdk.Rejected, "8"),
    (9, "编码值[“C-1”]不存在", sdk.NotReady, "missing/9"),
    (11, "单据编号“AR1”已存在", sdk.Rejected, "duplicate/11"),
    (11, "字段“客户”不能为空", sdk.Rejected, "empty/11"),
    (11, "单据已审核", sdk.Rejected, "state/11"),
    (11, "数据已被其他用户修改", sdk.Transient, "stale/11"),
    (12, "操作不可用", sdk.Rejected, "12"),
    (13, "网控冲突", sdk.Transient, "13"),
    (14, "调用超限", sdk.Throttled, "14"),
    (15, "管理员禁止登录", sdk.NeedsReauth, "15"),
    (0, "第三方应用：hub 不允许用户demo 登录，请联系系统管理员添加！", sdk.NeedsReauth, "login/0"),
    (99, "未知", sdk.Rejected, "99"),
]


@pytest.mark.parametrize(("code", "words", "error", "told"), NOS, ids=[f"{n[0]}-{n[3]}" for n in NOS])
@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "wrapped"])
async def test_each_no_is_named(code: int, words: str, error: type[sdk.VendorError], told: str, wrapped: bool) -> None:
    body: Any = [[refusal(code, words)]] if wrapped else refusal(code, words)
    ctx = answering(lambda _request: httpx.Response(200, json=body))

    with pytest.raises(sdk.VendorError) as caught:
        await ctx.call("POST", address("Save"), json={})

    assert type(caught.value) is error
    assert caught.value.code == told
    assert words in caught.value.message
    assert caught.value.hint.zh
    assert caught.value.hint.en


@pytest.mark.parametrize(
    ("status", "text", "error", "told"),
    [
        (200, 'response_error:{"Message":"未将对象引用设置到对象的实例"}', sdk.Transient, "exception"),
        (200, 'response_error:{"Message":"没有权限，不允许用户登录"}', sdk.NeedsReauth, "login/exception"),
        (200, "response_error: 会话信息已丢失", sdk.NeedsReauth, "1"),
        (401, "unauthorized", sdk.NeedsReauth, "http 401"),
        (403, "forbidden", sdk.NeedsReauth, "http 403"),
        (404, "<html>404</html>", sdk.NeedsReauth, "http 404"),
        (302, "", sdk.NeedsReauth, "http 302"),
        (429, "", sdk.Throttled, "http 429"),
        (502, "<html>bad gateway</html>", sdk.Ambiguous, "http 502"),
        (200, "<html>登录</html>", sdk.Ambiguous, "http 200"),
        (200, "", sdk.Ambiguous, "http 200"),
        (200, '{"Result":{}}', sdk.Ambiguous, "http 200"),
        (200, '{"Result":{"ResponseStatus":{"IsSuccess":"yes"}}}', sdk.Ambiguous, "http 200"),
        (200, '["x"]', sdk.Ambiguous, "http 200"),
        (500, '{"Result":{"ResponseStatus":{"IsSuccess":true}}}', sdk.Ambiguous, "http 500"),
    ],
)
async def test_what_is_no_plain_answer_is_never_taken_for_success(
    status: int, text: str, error: type[sdk.VendorError], told: str
) -> None:
    ctx = answering(lambda _request: httpx.Response(status, text=text))

    with pytest.raises(sdk.VendorError) as caught:
        await ctx.call("POST", address("Save"), json={})

    assert type(caught.value) is error
    assert caught.value.code == told


def test_every_row_speaks_both_languages() -> None:
    assert [code for code, row in ERRORS.rows.items() if not (row.hint.zh and row.hint.en)] == []
    assert all(any("一" <= c <= "鿿" for c in row.hint.zh) for row in ERRORS.rows.values())


async def test_a_row_of_another_width_is_not_read_into_the_wrong_columns() -> None:
    ctx = answering(lambda _request: httpx.Response(200, json=[["PRE001"]]))
    with pytest.raises(sdk.Transient, match="columns"):
        await probe(ctx)
