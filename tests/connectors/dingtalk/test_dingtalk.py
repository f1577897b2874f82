"""DingTalk: vectors on both sides, the official SDK and our client against the sandbox, callbacks, refusals."""

import asyncio
import importlib
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from connectors.dingtalk import connector
from connectors.dingtalk.approvals import Approval, create_approval, find_approval
from connectors.dingtalk.callbacks import decrypt, encrypt, sign, verify
from connectors.dingtalk.config import Config
from connectors.dingtalk.events import parse
from connectors.dingtalk.sandbox.seal import Seal
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running, sandbox

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("callbacks.json").read_text("utf-8"))["vectors"]
BY_NAME = pytest.mark.parametrize("vector", VECTORS, ids=lambda v: str(v["name"]))
FORM = [
    {"name": "合同编号", "value": "HT-1"},
    {"name": "客户名称", "value": "苏州恒锐精密机械有限公司"},
    {"name": "合同金额（元）", "value": "628000.00"},
    {"name": "签订日期", "value": "2026-11-20"},
]
ROWS = [[{"name": "产品", "value": "数控车床"}, {"name": "金额（元）", "value": "628000.00"}]]
APPROVAL = Approval.model_validate({"fields": FORM, "table": {"name": "合同明细", "rows": ROWS}})
HOUR = timedelta(hours=1)
FINISH = {
    "EventType": "bpms_instance_change",
    "eventId": "e1",
    "processInstanceId": "proc-1",
    "processCode": "PROC-1",
    "title": "合同审批",
    "type": "finish",
    "result": "agree",
    "finishTime": 1767225600000,
    "staffId": "u1",
}


def config(**changes: Any) -> Config:
    plain = {
        "api_url": "https://api.dingtalk.com",
        "app_key": "dingsandboxappkey01",
        "app_secret": "app-secret-1",
        "process_code": "PROC-1",
        "originator_user_id": "u1",
        "callback_token": "crmHubDing2026",
        "callback_aes_key": "ISIjJCUmJygpKissLS4vMDEyMzQ1Njc4OTo7PD0APkE",
    }
    return Config.model_validate({**plain, **changes})


def context(told: Config, key: str = "dlv_1", router: respx.Router | None = None) -> sdk.Context[Config]:
    transport = httpx.MockTransport(router.async_handler) if router else None
    return testing.open_context(connector, dict(told), key=key, transport=transport)


def told_by(vector: dict[str, str]) -> Config:
    return config(callback_token=vector["token"], callback_aes_key=vector["aes_key"], owner_key=vector["owner_key"])


@pytest.fixture
def dingtalk(tmp_path: Path) -> Iterator[Running]:
    with sandbox("dingtalk", tmp_path, "--option", "approver=manual") as running:
        yield running


@BY_NAME
def test_our_client_opens_seals_and_signs_as_the_vendor_does(vector: dict[str, str]) -> None:
    told = told_by(vector)
    assert decrypt(told, vector["encrypt"]).decode() == vector["plaintext"]
    assert encrypt(told, vector["plaintext"].encode(), vector["prefix"].encode()) == vector["encrypt"]
    assert sign(vector["token"], vector["timestamp"], vector["nonce"], vector["encrypt"]) == vector["signature"]


@BY_NAME
def test_our_sandbox_opens_seals_and_signs_as_the_vendor_does(vector: dict[str, str]) -> None:
    seal = Seal(vector["token"], vector["aes_key"], vector["owner_key"])
    assert seal.open(vector["encrypt"]) == vector["plaintext"]
    assert seal.close(vector["plaintext"], vector["prefix"].encode()) == vector["encrypt"]
    assert seal.stamp(vector["timestamp"], vector["nonce"], vector["encrypt"]) == vector["signature"]


def sealed(message: Any, told: Config) -> sdk.Callback:
    seal = Seal(told.callback_token.get_secret_value(), told.callback_aes_key.get_secret_value(), told.app_key)
    boxed = seal.close(json.dumps(message))
    query = {"msg_signature": seal.stamp("1", "n", boxed), "timeStamp": "1", "nonce": "n"}
    return sdk.Callback("POST", query, {}, json.dumps({"encrypt": boxed}).encode())


def test_a_callback_is_opened_and_answered_with_a_sealed_success() -> None:
    told = config()
    verified = verify(told, sealed(FINISH, told))
    assert sdk.loads(verified.plaintext) == FINISH
    reply = sdk.loads(verified.reply.body)
    seal = Seal(told.callback_token.get_secret_value(), told.callback_aes_key.get_secret_value(), told.app_key)
    assert seal.open(reply["encrypt"]) == "success"
    assert seal.stamp(reply["timeStamp"], reply["nonce"], reply["encrypt"]) == reply["msg_signature"]


def test_no_mutated_callback_is_taken_and_every_refusal_reads_the_same() -> None:
    told, chance, words = config(), random.Random(7), set()
    good = sealed(FINISH, told)
    for _ in range(2_000):
        body = bytearray(good.body)
        query = dict(good.query)
        if chance.random() < 0.7:
            at = chance.randrange(13, len(body) - 2)
            body[at] ^= 1 << chance.randrange(8)
        else:
            name = chance.choice(list(query))
            query[name] = query[name][:-1] + chance.choice("é\x00gZ")
        with pytest.raises(sdk.BadSignature) as refused:
            verify(told, sdk.Callback("POST", query, {}, bytes(body[: chance.choice([len(body), 20])])))
        words.add(str(refused.value))
    assert len(words) == 1


@pytest.mark.parametrize(
    ("change", "decision"),
    [
        ({}, "approved"),
        ({"result": "refuse"}, "rejected"),
        ({"type": "terminate", "result": None}, "cancelled"),
        ({"type": "delete"}, "cancelled"),
        ({"type": "start"}, None),
        ({"EventType": "bpms_task_change"}, None),
        ({"EventType": "check_url"}, None),
        ({"EventType": "user_add_org"}, None),
    ],
)
def test_callbacks_become_events(change: dict[str, Any], decision: str | None) -> None:
    facts = list(parse({**FINISH, **change}))
    assert [fact.data["decision"] for fact in facts] == ([decision] if decision else [])
    for fact in facts:
        assert (fact.subject, fact.dedupe_key) == ("proc-1", "approval.finished:e1")
        assert fact.occurred_at.isoformat() == "2026-01-01T00:00:00+00:00"


def test_the_old_registration_without_event_id_is_told_apart_by_what_happened() -> None:
    old = {k: v for k, v in FINISH.items() if k != "eventId"}
    keys = {next(iter(parse({**old, **c}))).dedupe_key for c in ({}, {}, {"result": "refuse"}, {"finishTime": 1})}
    assert len(keys) == 3


def official(running: Running) -> tuple[Any, Any, Any]:
    models = importlib.import_module("alibabacloud_tea_openapi.models")
    told = models.Config(protocol="http", endpoint=running.url.removeprefix("http://"), region_id="central")
    oauth = importlib.import_module("alibabacloud_dingtalk.oauth2_1_0.client").Client(told)
    flow = importlib.import_module("alibabacloud_dingtalk.workflow_1_0.client").Client(told)
    return oauth, flow, importlib.import_module("alibabacloud_tea_util.models").RuntimeOptions()


def ask_token(oauth: Any, key: str, secret: str) -> str:
    models = importlib.import_module("alibabacloud_dingtalk.oauth2_1_0.models")
    answer = oauth.get_access_token(models.GetAccessTokenRequest(app_key=key, app_secret=secret))
    return str(answer.body.access_token)


def test_the_official_sdk_drives_our_sandbox_through_token_create_get(dingtalk: Running) -> None:
    oauth, flow, runtime = official(dingtalk)
    token = ask_token(oauth, dingtalk.credentials["app_key"], dingtalk.credentials["app_secret"])
    models = importlib.import_module("alibabacloud_dingtalk.workflow_1_0.models")
    values = [models.StartProcessInstanceRequestFormComponentValues(name=f["name"], value=f["value"]) for f in FORM]
    asked = models.StartProcessInstanceRequest(
        originator_user_id=dingtalk.credentials["originator_user_id"],
        process_code=dingtalk.credentials["process_code"],
        dept_id=-1,
        form_component_values=values,
    )
    head = models.StartProcessInstanceHeaders(x_acs_dingtalk_access_token=token)
    made = flow.start_process_instance_with_options(asked, head, runtime).body.instance_id
    look = models.GetProcessInstanceHeaders(x_acs_dingtalk_access_token=token)
    request = models.GetProcessInstanceRequest(process_instance_id=made)
    found = flow.get_process_instance_with_options(request, look, runtime).body.result
    assert (found.status, {v.name: v.value for v in found.form_component_values}["合同编号"]) == ("RUNNING", "HT-1")
    assert [e["instance_id"] for e in dingtalk.effects()] == [made]


def test_the_official_sdk_with_a_wrong_secret_is_refused(dingtalk: Running) -> None:
    oauth, _, _ = official(dingtalk)
    with pytest.raises(Exception, match="invalidClientIdOrSecret"):
        ask_token(oauth, dingtalk.credentials["app_key"], "wrong")


async def test_our_client_drives_our_sandbox_creates_and_finds_again(dingtalk: Running) -> None:
    told = Config.model_validate(dingtalk.credentials)
    ctx = context(told)
    assert connector.probe is not None
    assert "合同审批" in await connector.probe(ctx)
    assert await find_approval(ctx, APPROVAL) is None
    others = [await create_approval(context(told, f"dlv_{n}"), APPROVAL) for n in range(30, 55)]
    made = await create_approval(ctx, APPROVAL)
    assert await find_approval(ctx, APPROVAL) == made
    assert made.id not in {other.id for other in others}
    async with make_client(base_url=dingtalk.url, egress=LOOPBACK) as desk:
        await desk.post("/_sandbox/revoke_tokens")
    assert await find_approval(ctx, APPROVAL) == made


async def test_reconciliation_reads_every_approval_and_finds_those_that_are_there(dingtalk: Running) -> None:
    told, now = Config.model_validate(dingtalk.credentials), datetime.now(UTC)
    made = [await create_approval(context(told, f"dlv_{n}"), APPROVAL) for n in range(40)]
    lister, ctx = connector.listers["approval"], context(told)
    assert lister.pages is not None
    async with make_client(base_url=dingtalk.url, egress=LOOPBACK) as desk:
        lost = (await desk.post("/_sandbox/restore", json={"percent": 5})).json()
    listed = [each async for page in lister.pages(ctx, now - HOUR, now + HOUR) for each in page]
    assert listed == await lister.find(ctx, made) == made[:38]
    assert lost == [each.id for each in made[38:]]
    assert [page async for page in lister.pages(ctx, now - 2 * HOUR, now - HOUR)] == [[]]


async def test_our_client_with_a_wrong_secret_is_told_to_reconnect(dingtalk: Running) -> None:
    assert connector.probe is not None
    with pytest.raises(sdk.NeedsReauth, match="invalidClientIdOrSecret") as refused:
        await connector.probe(context(Config.model_validate({**dingtalk.credentials, "app_secret": "wrong"})))
    assert "AppSecret" in refused.value.hint.zh


def test_a_callback_that_comes_again_tells_the_same_fact() -> None:
    told = config()
    once, again = (verify(told, each).plaintext for each in (sealed(FINISH, told), sealed(FINISH, told)))
    keys = {fact.dedupe_key for text in (once, again) for fact in parse(sdk.loads(text))}
    assert keys == {"approval.finished:e1"}


async def test_a_hundred_calls_at_once_ask_for_one_token() -> None:
    asked = 0

    async def serve(request: httpx.Request) -> httpx.Response:
        nonlocal asked
        await asyncio.sleep(0.001)
        if request.url.path.endswith("accessToken"):
            asked += 1
            return httpx.Response(200, json={"accessToken": f"token-{asked}", "expireIn": 7200})
        if request.headers["x-acs-dingtalk-access-token"] == "token-1" and refusing:
            return httpx.Response(400, json={"code": "InvalidAuthentication", "message": "不合法的access_token"})
        return httpx.Response(200, json={"result": {"name": "合同审批"}})

    refusing = False
    told = config()
    ctx = testing.open_context(connector, dict(told), transport=httpx.MockTransport(serve))
    probe = connector.probe
    assert probe is not None
    await asyncio.gather(*(probe(ctx) for _ in range(100)))
    assert asked == 1
    refusing = True
    await asyncio.gather(*(probe(ctx) for _ in range(100)))
    assert asked == 2


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (403, {"code": "Forbidden.AccessDenied.QpsLimitForApi", "message": "x"}, sdk.Throttled),
        (403, {"code": "Forbidden.AccessDenied.QpmLimitForAppkeyAndApi", "message": "x"}, sdk.Throttled),
        (403, {"code": "Forbidden.AccessDenied.ApiCountLimitForOrg", "message": "x"}, sdk.NeedsReauth),
        (403, {"code": "Forbidden.AccessDenied.IpNotInWhiteList", "message": "x"}, sdk.NeedsReauth),
        (403, {"code": "Forbidden.AccessDenied.AccessTokenPermissionDenied", "message": "x"}, sdk.NeedsReauth),
        (400, {"code": "InvalidAuthentication", "message": "x"}, sdk.NeedsReauth),
        (400, {"code": "formConverterError", "message": "x"}, sdk.Rejected),
        (400, {"code": "somethingNew", "message": "x"}, sdk.Rejected),
        (200, {"status": 1111, "wait": 5, "punish": "deny"}, sdk.Throttled),
        (500, {"code": "systemError", "message": "x"}, sdk.Ambiguous),
        (200, {}, sdk.Ambiguous),
        (200, ["?"], sdk.Ambiguous),
    ],
    ids=str,
)
async def test_each_no_is_named(status: int, body: Any, error: type[Exception]) -> None:
    router = respx.Router(assert_all_called=False)
    router.post("/v1.0/oauth2/accessToken").respond(json={"accessToken": "token-1", "expireIn": 7200})
    router.post("/v1.0/workflow/processInstances").respond(status, json=body)
    with pytest.raises(error):
        await create_approval(context(config(), router=router), APPROVAL)
