"""Our fake Kingdee: its dialects, its statuses, its queries."""

import json
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from connectors.kingdee.config import Config
from connectors.kingdee.documents import address
from connectors.kingdee.sandbox.app import APPLICATION, credentials
from connectors.kingdee.sandbox.bodies import Asked, BadBody, read
from connectors.kingdee.sandbox.books import Refused
from connectors.kingdee.sandbox.filters import Filter
from connectors.kingdee.sandbox.gate import Application, Forbidden, admit
from hub import sdk
from hub.sdk.sandbox import EffectLedger, Faults, SandboxKit
from tests.connectors.kingdee.wire import URL, Account, open_context

FIXTURES = Path(__file__).with_name("fixtures")
JAVA = json.loads((FIXTURES / "java.json").read_text("utf-8"))
DATA = {"Numbers": ["CUST0001"], "名": "测试客户"}
TEXT = json.dumps(DATA, ensure_ascii=False)
ORG = {"FNumber": "100"}


def customer(number: str, **more: Any) -> dict[str, Any]:
    return {"FNumber": number, "FName": f"客户 {number}", "FCreateOrgId": ORG, "FUseOrgId": ORG, **more}


async def do(ctx: sdk.Context[Config], operation: str, form: str, data: Any) -> Any:
    return await ctx.call("POST", address(operation), json={"formid": form, "data": data})


async def rows(ctx: sdk.Context[Config], keys: str, where: str = "", order: str = "", **more: Any) -> Any:
    data = {"FormId": "BD_Customer", "FieldKeys": keys, "FilterString": where, "OrderString": order, **more}
    return await ctx.call("POST", address("ExecuteBillQuery"), json={"data": data}, reads=True)


@pytest.mark.parametrize(
    "raw",
    [
        json.dumps({"formid": "BD_Customer", "data": DATA}),
        json.dumps({"formid": "BD_Customer", "data": TEXT}),
        json.dumps({"parameters": ["BD_Customer", TEXT]}, ensure_ascii=False),
        json.dumps({"parameters": json.dumps(["BD_Customer", TEXT]), "format": 1, "rid": "1", "v": "1.0"}),
        urlencode({"formid": "BD_Customer", "data": TEXT}),
    ],
    ids=["python", "data as text", "java", "legacy envelope", "form"],
)
def test_every_body_dialect_says_the_same(raw: str) -> None:
    assert read(raw.encode()) == Asked("BD_Customer", DATA)


@pytest.mark.parametrize("raw", [b"[]", b"{", b'{"data": 1}', b'{"parameters": []}', b'{"data": "{"}'])
def test_a_body_without_sense_is_refused(raw: bytes) -> None:
    with pytest.raises(BadBody):
        read(raw)


@pytest.mark.parametrize("raw", [b"", b"\xff\xfe"])
def test_a_body_that_says_nothing_names_no_form(raw: bytes) -> None:
    assert read(raw).form == ""


@pytest.mark.parametrize("request_", JAVA["requests"], ids=lambda r: str(r["operation"]))
def test_what_the_official_java_sdk_sent_is_admitted_and_understood(request_: dict[str, Any]) -> None:
    app = Application(JAVA["app_id"], JAVA["app_secret"], "集成用户", ("5f0a1b2c3d4e5f",))
    now = int(request_["headers"]["x-api-timestamp"]) / 1000

    assert admit(app, request_["headers"], request_["path"].encode(), now, 300) == "5f0a1b2c3d4e5f"
    assert read(request_["body"].encode()).form == "BD_Customer"
    with pytest.raises(Forbidden):
        admit(app, request_["headers"], request_["path"].upper().encode(), now, 300)


def test_the_credentials_are_the_fields_of_the_config() -> None:
    told = credentials(SandboxKit(EffectLedger(None), Faults(), url=URL))

    assert set(told) == set(Config.model_fields)
    assert told["server_url"] == f"{URL}/k3cloud/"
    assert Config.model_validate(told).material_number == told["material_number"]


async def test_a_document_walks_from_saved_to_audited_and_back() -> None:
    ctx = Account().context()
    seen = []
    await do(ctx, "Save", "BD_Customer", {"Model": customer("C-1")})
    for operation in ("Submit", "Audit", "UnAudit"):
        seen += await rows(ctx, "FDocumentStatus", "FNumber='C-1'")
        await do(ctx, operation, "BD_Customer", {"Numbers": ["C-1"]})
    seen += await rows(ctx, "FDocumentStatus", "FNumber='C-1'")
    await do(ctx, "Delete", "BD_Customer", {"Numbers": ["C-1"]})

    assert seen == [["A"], ["B"], ["C"], ["D"]]
    assert await rows(ctx, "FNumber") == []


@pytest.mark.parametrize(
    ("operation", "data", "words"),
    [
        ("Audit", {"Numbers": ["C-1"]}, "单据状态为创建"),
        ("UnAudit", {"Numbers": ["C-1"]}, "单据状态为创建"),
        ("Submit", {}, "必须传其一"),
        ("Submit", {"Numbers": ["nobody"]}, "不存在"),
        ("View", {"Number": "nobody"}, "不存在"),
        ("Save", {"Model": customer("C-1")}, "已存在"),
        ("Save", {"Model": {"FNumber": "C-2", "FCreateOrgId": ORG, "FUseOrgId": ORG}}, "不能为空"),
        ("Save", {"Model": customer("C-2", FUseOrgId={"FNumber": "999"})}, "不存在"),
        ("Save", {}, "Model"),
        ("Fly", {}, "不支持"),
    ],
)
async def test_what_kingdee_refuses_is_refused(operation: str, data: Any, words: str) -> None:
    ctx = Account().context()
    await do(ctx, "Save", "BD_Customer", {"Model": customer("C-1")})

    with pytest.raises(sdk.VendorError, match=words):
        await do(ctx, operation, "BD_Customer", data)

    assert await rows(ctx, "FNumber,FDocumentStatus") == [["C-1", "A"]]


async def test_a_changed_document_keeps_its_number_and_an_audited_one_is_not_changed() -> None:
    ctx = Account().context()
    made = await do(ctx, "Save", "BD_Customer", {"Model": customer("C-1", FShortName="甲")})
    change = {"FCUSTID": made["Result"]["Id"], "FName": "新名", "FShortName": "乙"}
    await do(ctx, "Save", "BD_Customer", {"Model": change, "NeedUpDateFields": ["FName"]})

    assert await rows(ctx, "FNumber,FName,FShortName") == [["C-1", "新名", "甲"]]
    for operation in ("Submit", "Audit"):
        await do(ctx, operation, "BD_Customer", {"Numbers": ["C-1"]})
    with pytest.raises(sdk.Rejected, match="不允许修改"):
        await do(ctx, "Save", "BD_Customer", {"Model": change})


async def test_a_batch_saves_what_it_can_and_names_the_rest_by_index() -> None:
    account = Account()
    ctx = account.context()
    with pytest.raises(sdk.Rejected):
        await do(ctx, "BatchSave", "BD_Customer", {"Model": [customer("C-1"), customer("C-1"), customer("C-2")]})

    status = account.wire.talk[-1]["answer"]["Result"]["ResponseStatus"]
    assert [(e["Number"], e["DIndex"]) for e in status["SuccessEntitys"]] == [("C-1", 0), ("C-2", 2)]
    assert [e["DIndex"] for e in status["Errors"]] == [1]


async def test_queries_page_order_and_cap() -> None:
    ctx = Account().context()
    models = [customer(f"C-{number:04d}") for number in range(2005)]
    await do(ctx, "BatchSave", "BD_Customer", {"Model": models})

    assert len(await rows(ctx, "FNumber", Limit=10000)) == 2000
    assert await rows(ctx, "FNumber", order="FNumber desc", Limit=2) == [["C-2004"], ["C-2003"]]
    assert await rows(ctx, "FNumber", order="FNumber", StartRow=2003, Limit=2000) == [["C-2003"], ["C-2004"]]
    assert await rows(ctx, "FNumber", "FNumber like 'C-200%' and FNumber<>'C-2000'", "FCUSTID", StartRow=3) == [
        ["C-2004"]
    ]


async def test_a_query_for_a_field_or_form_that_is_not_there_is_refused_inside_a_table() -> None:
    account = Account()
    ctx = account.context()
    with pytest.raises(sdk.Rejected, match="元数据"):
        await rows(ctx, "FWhat")

    assert account.wire.talk[-1]["answer"][0][0]["Result"]["ResponseStatus"]["IsSuccess"] is False


async def test_data_centres_know_nothing_of_each_other() -> None:
    account = Account()
    await do(account.context(), "Save", "BD_Customer", {"Model": customer("C-1")})

    assert await rows(account.context(), "FNumber") == [["C-1"]]
    assert await rows(account.context(acct_id=APPLICATION.data_centres[1]), "FNumber") == []


async def test_two_official_spellings_of_a_path_and_an_unknown_one() -> None:
    ctx = open_context(httpx.ASGITransport(app=Account().app), server_url=f"{URL}/K3Cloud")
    body = {"data": {"FormId": "BD_Currency", "FieldKeys": "FNumber,FCODE", "FilterString": "FNumber='PRE001'"}}

    answer = await ctx.call("POST", address("ExecuteBillQuery").lower(), json=body, reads=True)

    assert answer == [["PRE001", "CNY"]]
    with pytest.raises(sdk.NeedsReauth, match="404"):
        await ctx.call("POST", "Nothing.common.kdsvc", json={})


@pytest.mark.parametrize(("operation", "code"), [("Submit", 13), ("Save", 14)])
async def test_throttling_looks_as_kingdee_does_it(operation: str, code: int) -> None:
    account = Account(faults="throttle=1")
    with pytest.raises(sdk.VendorError):
        await do(account.context(), operation, "BD_Customer", {"Model": customer("C-1"), "Numbers": ["C-1"]})

    assert account.wire.talk[-1]["answer"]["Result"]["ResponseStatus"]["MsgCode"] == code


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("", True),
        ("n=3", True),
        ("n >= 3 and n <= 3.00", True),
        ("n<3 or n>3", False),
        ("s='it''s'", True),
        ("s like 'it%' AND n in (1,2,3)", True),
        ("s not like 'it%' or n not in (1, 2)", True),
        ("not (n=3 and s='it''s')", False),
        ("(n=1 or n=3) and (s<>'x')", True),
        ("n=1 or n=2 and s<>'x'", False),
        ("missing is null and n is not null", True),
        ("missing = '' or missing <> ''", False),
        ("1=1", True),
    ],
)
def test_filters_are_understood(text: str, passes: bool) -> None:
    row = {"n": Decimal(3), "s": "it's", "missing": None}
    assert Filter(text, lambda name: lambda given: given[name]).read()(row) is passes


@pytest.mark.parametrize("text", ["n=", "n", "n=1 and", "(n=1", "n=1)", "n='x", "n in ()", "n=1; drop", "n = n"])
def test_a_filter_without_sense_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        Filter(text, lambda name: lambda given: given[name]).read()


async def test_the_accountant_cannot_receive_on_an_unknown_bill_or_nonsense() -> None:
    account = Account()
    bodies: list[Any] = [{"receivable_number": "none", "amount": "1.00"}, {"amount": "x"}, []]
    for body in bodies:
        answer = await account.raw("POST", "/_sandbox/receipts", json=body)
        assert answer.status_code == 422
