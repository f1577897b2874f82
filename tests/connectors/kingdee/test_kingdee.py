"""Kingdee: vectors on both sides, the official SDK and our client against the sandbox, doubt and repetition."""

import asyncio
import importlib
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from connectors.kingdee import connector
from connectors.kingdee.config import Config
from connectors.kingdee.customers import Customer, ensure_customer
from connectors.kingdee.receivables import Receivable, book_receivable
from connectors.kingdee.sandbox.gate import Application, Forbidden, admit
from connectors.kingdee.signing import headers
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running, sandbox

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("signature.json").read_text("utf-8"))["vectors"]
BY_NAME = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(v["name"]))
BILL: dict[str, Any] = {
    "bill_number": "AR-HT-2026-001",
    "customer_number": "C-0001",
    "date": "2026-11-20",
    "due_date": "2026-12-31",
    "currency": "CNY",
    "remark": "主合同",
    "lines": [
        {"product": "数控车床", "quantity": 2, "tax_price": "300000.00", "tax_rate": "13.00", "amount": "600000.00"},
        {"product": "备件", "quantity": 7, "tax_price": "4000.00", "tax_rate": "13.00", "amount": "28000.00"},
    ],
}
CUSTOMER = Customer(number="C-0001", name="苏州恒锐精密机械有限公司", credit_code="91110000600037341L")


@pytest.fixture
def kingdee(tmp_path: Path) -> Iterator[Running]:
    with sandbox("kingdee", tmp_path) as running:
        yield running


def config(values: dict[str, str]) -> Config:
    return Config.model_validate(values)


def context(told: Config) -> sdk.Context[Config]:
    return testing.open_context(connector, dict(told))


def official(told: dict[str, str], secret: str = "") -> Any:
    module = importlib.import_module("k3cloud_webapi_sdk.main")
    client = module.K3CloudApiSdk(told["server_url"])
    client.InitConfig(
        told["acct_id"], told["user_name"], told["app_id"], secret or told["app_secret"], told["server_url"], 2052, 0
    )
    return client


@BY_NAME
def test_our_client_signs_as_the_official_sdk_does(vector: dict[str, Any]) -> None:
    given = vector["inputs"]
    told = Config.model_validate(
        {
            "server_url": given["server_url"],
            "acct_id": given["acct_id"],
            "user_name": given["user_name"],
            "app_id": given["app_id"],
            "app_secret": SecretStr(given["app_secret"]),
            "lcid": given["lcid"],
            "org_num": str(given["org_num"]),
            "material_number": "any",
        }
    )
    path = given["request_url"][given["request_url"].index("/", 10) :]
    assert headers(told, path, given["unix_time"]).items() >= vector["headers"].items()


@BY_NAME
def test_our_sandbox_admits_what_the_official_sdk_signed_and_nothing_else(vector: dict[str, Any]) -> None:
    given = vector["inputs"]
    app = Application(given["app_id"], given["app_secret"], given["user_name"], (given["acct_id"],))
    sent = {name.lower(): value for name, value in vector["headers"].items()}
    path = httpx.URL(given["request_url"]).raw_path
    assert admit(app, sent, path, given["unix_time"], 300) == given["acct_id"]
    for name in ("x-api-signature", "x-kd-signature"):
        with pytest.raises(Forbidden):
            admit(app, {**sent, name: sent[name][:-4] + "AAAA"}, path, given["unix_time"], 300)
    with pytest.raises(Forbidden):
        admit(app, sent, path, given["unix_time"] + 301, 300)


def test_the_official_sdk_drives_our_sandbox_through_save_submit_audit_view_query(kingdee: Running) -> None:
    client = official(kingdee.credentials)
    model = {
        "FCreateOrgId": {"FNumber": "100"},
        "FUseOrgId": {"FNumber": "100"},
        "FNumber": "CUST0001",
        "FName": "测试",
    }
    saved = json.loads(client.Save("BD_Customer", {"NeedUpDateFields": [], "Model": model}))
    assert saved["Result"]["ResponseStatus"]["IsSuccess"] is True
    for step in (client.Submit, client.Audit):
        answer = json.loads(step("BD_Customer", {"Numbers": ["CUST0001"]}))
        assert answer["Result"]["ResponseStatus"]["IsSuccess"] is True
    viewed = json.loads(client.View("BD_Customer", {"CreateOrgId": 0, "Number": "CUST0001", "Id": ""}))
    assert viewed["Result"]["Result"]["Number"] == "CUST0001"
    asked = {
        "FormId": "BD_Customer",
        "FieldKeys": "FNumber,FDocumentStatus",
        "FilterString": "FNumber='CUST0001'",
        "Limit": 2000,
    }
    assert json.loads(client.ExecuteBillQuery(asked)) == [["CUST0001", "C"]]
    again = json.loads(client.Save("BD_Customer", {"NeedUpDateFields": [], "Model": model}))
    assert again["Result"]["ResponseStatus"]["IsSuccess"] is False


def test_the_official_sdk_with_a_wrong_secret_is_refused(kingdee: Running) -> None:
    client = official(kingdee.credentials, secret="0" * 32)
    answer = client.View("BD_Currency", {"CreateOrgId": 0, "Number": "PRE001", "Id": ""})
    assert json.loads(answer)["Result"]["ResponseStatus"]["MsgCode"] == 1


async def test_our_client_drives_our_sandbox_from_customer_to_audited_bill_once(kingdee: Running) -> None:
    ctx = context(config(kingdee.credentials))
    assert connector.probe is not None
    assert "PRE001" in await connector.probe(ctx)
    bill = Receivable.model_validate(BILL)
    first = await ensure_customer(ctx, CUSTOMER)
    assert await ensure_customer(ctx, CUSTOMER) == first
    made = await book_receivable(ctx, bill)
    assert await book_receivable(ctx, bill) == made
    assert made.number == "AR-HT-2026-001"
    saved = [e for e in kingdee.effects() if e["effect"] == "receivable.saved"]
    audited = [e for e in kingdee.effects() if e["effect"] == "receivable.audited"]
    assert [len(saved), len(audited)] == [1, 1]
    assert saved[0]["amount"] == Decimal("628000.00")
    await ctx.http.aclose()


async def test_our_client_with_a_wrong_secret_is_told_to_reconnect(kingdee: Running) -> None:
    ctx = context(config({**kingdee.credentials, "app_secret": "0" * 32}))
    with pytest.raises(sdk.NeedsReauth):
        await ensure_customer(ctx, CUSTOMER)
    await ctx.http.aclose()


async def test_the_same_number_with_another_amount_is_refused_not_overwritten(kingdee: Running) -> None:
    ctx = context(config(kingdee.credentials))
    await ensure_customer(ctx, CUSTOMER)
    await book_receivable(ctx, Receivable.model_validate(BILL))
    line = {**BILL["lines"][0], "amount": "600000.01"}
    with pytest.raises(sdk.Rejected):
        await book_receivable(ctx, Receivable.model_validate({**BILL, "lines": [line]}))
    await ctx.http.aclose()


async def test_a_bill_whose_customer_is_missing_waits_or_is_refused(kingdee: Running) -> None:
    ctx = context(config(kingdee.credentials))
    with pytest.raises((sdk.NotReady, sdk.Rejected)):
        await book_receivable(ctx, Receivable.model_validate(BILL))
    await ctx.http.aclose()


async def test_a_booked_receipt_is_found_by_the_poll_with_its_exact_amount(kingdee: Running) -> None:
    ctx = context(config(kingdee.credentials))
    await ensure_customer(ctx, CUSTOMER)
    await book_receivable(ctx, Receivable.model_validate(BILL))
    desk = make_client(base_url=kingdee.url, egress=LOOPBACK)
    booked = await desk.post("/_sandbox/receipts", json={"receivable_number": "AR-HT-2026-001", "amount": "200000.00"})
    assert booked.status_code < 300
    page = await connector.polls["receipt.booked"].run(ctx, "")
    again = await connector.polls["receipt.booked"].run(ctx, page.cursor)
    (fact,) = page.events
    assert fact.data["amount"] == Decimal("200000.00")
    assert fact.data["receivable_number"] == "AR-HT-2026-001"
    assert {e.dedupe_key for e in again.events} <= {fact.dedupe_key}
    await desk.aclose()
    await ctx.http.aclose()


async def test_lost_sessions_and_lock_conflicts_double_nothing(tmp_path: Path) -> None:
    with sandbox("kingdee", tmp_path, "--faults", "session_loss=0.3,drop_after=0.2,http_503=0.1", "--seed", "7") as bad:
        ctx = context(config(bad.credentials))
        for _ in range(60):
            try:
                await ensure_customer(ctx, CUSTOMER)
                await book_receivable(ctx, Receivable.model_validate(BILL))
                break
            except sdk.VendorError:
                await asyncio.sleep(0)
        else:
            pytest.fail("never booked")
        effects = [e["effect"] for e in bad.effects()]
        assert effects.count("receivable.saved") == 1
        assert effects.count("receivable.audited") == 1
        await ctx.http.aclose()
