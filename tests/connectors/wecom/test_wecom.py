"""Our client: against our sandbox over a real socket, and each of the vendor's noes by its name."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from connectors.wecom import connector
from connectors.wecom.contacts import Asked, fetch_contact
from connectors.wecom.errors import ERRORS
from connectors.wecom.notices import Notice, send_text
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running, sandbox
from tests.connectors.wecom.genuine import config

LI = {"name": "李工", "remark": "采购李工", "user_id": "zhangsan", "corp_name": "苏州恒锐", "mobile": "13800138000"}
NOTICE = Notice(to=["zhangsan"], content="合同 HT-1 已批准")
GOOD = {"errcode": 0, "errmsg": "ok"}
TOKEN = {**GOOD, "access_token": "token-1", "expires_in": 7200}
NOON = datetime(2026, 11, 28, 4, tzinfo=UTC)


@pytest.fixture
def wecom(tmp_path: Path) -> Iterator[Running]:
    with sandbox("wecom", tmp_path, "--option", "archive=0") as running:
        yield running


def context(router: respx.Router, **changes: Any) -> sdk.Context[Any]:
    """A connection at noon, to a vendor that answers as the router says."""
    transport = httpx.MockTransport(router.async_handler)
    now = changes.pop("now", NOON)
    memory = changes.pop("memory", None)
    values = dict(config(**changes))
    return testing.open_context(connector, values, transport=transport, memory=memory, now=now.timestamp)


def answering(body: Any, path: str = "/cgi-bin/message/send", status: int = 200) -> respx.Router:
    router = respx.Router(assert_all_called=False)
    router.get("/cgi-bin/gettoken").respond(json=TOKEN)
    router.route(path=path).respond(status, json=body)
    return router


async def screen(running: Running, path: str, body: Any) -> Any:
    """Somebody does something on the vendor's own screens."""
    async with make_client(base_url=running.url, egress=LOOPBACK) as http:
        return (await http.post(f"/_sandbox/{path}", json=body)).json()


async def test_our_client_drives_our_sandbox_reads_a_customer_and_sends_a_text(wecom: Running) -> None:
    ctx = testing.open_context(connector, wecom.credentials)
    assert connector.probe is not None
    assert "连枢" in await connector.probe(ctx)
    customer = (await screen(wecom, "add_customer", LI))["external_user_id"]
    card = await fetch_contact(ctx, Asked(external_user_id=customer, user_id="zhangsan"))
    assert (card.id, card.name, card.company, card.owner) == (customer, "李工", "苏州恒锐", "zhangsan")
    assert (card.kind, card.remark, card.mobiles) == ("wechat", "采购李工", ["13800138000"])
    assert datetime.fromisoformat(card.added_at) > datetime.now(UTC) - timedelta(minutes=1)
    sent = await send_text(ctx, Notice(to=["zhangsan", "wangwu", "nobody"], content="你好"))
    assert sent.unreached == ["nobody", "wangwu"]
    (effect,) = [e for e in wecom.effects() if e["effect"] == "message.sent"]
    assert (effect["msgid"], effect["to"]) == (sent.id, ["zhangsan"])


@pytest.mark.parametrize("code", [42001, 40014])
async def test_a_token_that_ended_early_is_renewed_unseen(wecom: Running, code: int) -> None:
    memory = sdk.LocalMemory()
    ctx = testing.open_context(connector, wecom.credentials, memory=memory)
    await send_text(ctx, NOTICE)
    told = await memory.recall("token")
    await screen(wecom, "end_tokens", {"code": code})
    await send_text(ctx, Notice(to=["lisi"], content="再发一条"))
    assert await memory.recall("token") != told
    assert [e["to"] for e in wecom.effects()] == [["zhangsan"], ["lisi"]]


async def test_our_client_with_a_wrong_secret_is_told_to_reconnect(wecom: Running) -> None:
    assert connector.probe is not None
    wrong = {"secret": ("wrong", "40001"), "corp_id": ("wwother", "40013"), "agent_id": ("1000009", "301002")}
    for field, (value, code) in wrong.items():
        with pytest.raises(sdk.NeedsReauth) as refused:
            await connector.probe(testing.open_context(connector, {**wecom.credentials, field: value}))
        assert refused.value.code == code
        assert "管理后台" in refused.value.hint.zh


async def test_throttled_at_our_sandbox_is_throttled_for_a_minute(tmp_path: Path) -> None:
    with (
        sandbox("wecom", tmp_path, "--option", "archive=0", "--faults", "throttle=1") as running,
        pytest.raises(sdk.Throttled) as refused,
    ):
        await send_text(testing.open_context(connector, running.credentials), NOTICE)
    assert refused.value.retry_after == timedelta(seconds=60)


async def test_an_answer_lost_after_the_fact_is_sent_again_and_arrives_once(tmp_path: Path) -> None:
    with sandbox("wecom", tmp_path, "--option", "archive=0", "--faults", "drop_after=0.5", "--seed", "3") as running:
        done = doubts = 0
        for number in range(12):
            ctx = testing.open_context(connector, running.credentials, key=f"dlv_{number}")
            notice = Notice(to=["zhangsan"], content=f"通知 {number}")
            for _ in range(20):
                try:
                    done += bool((await send_text(ctx, notice)).id)
                    break
                except sdk.Transient:
                    doubts += 1
    assert (done, doubts > 3) == (12, True)
    contents = [e["content"] for e in running.effects()]
    assert sorted(contents) == sorted(f"通知 {number}" for number in range(12))


async def test_a_hundred_calls_at_once_ask_for_one_token() -> None:
    router = answering({**GOOD, "name": "连枢"}, "/cgi-bin/agent/get")
    probe, ctx = connector.probe, context(router)
    assert probe is not None
    await asyncio.gather(*(probe(ctx) for _ in range(100)))
    assert router.routes[0].call_count == 1
    assert router.routes[1].calls.last.request.url.params["access_token"] == "token-1"


async def test_a_token_is_renewed_a_minute_before_its_end() -> None:
    router, memory = answering({**GOOD, "msgid": "1"}), sdk.LocalMemory(NOON.timestamp)
    for seconds, asked in ((0, 1), (7130, 1), (7141, 2)):
        now = NOON + timedelta(seconds=seconds)
        await send_text(context(router, memory=memory, now=now), NOTICE)
        assert router.routes[0].call_count == asked


@pytest.mark.parametrize("body", [{}, [], {"errcode": "0"}, {**GOOD}, {**GOOD, "access_token": "t"}], ids=str)
async def test_a_token_answer_of_an_unknown_shape_is_tried_again(body: Any) -> None:
    router = answering({**GOOD, "msgid": "1"})
    router.routes[0].respond(json=body)
    with pytest.raises(sdk.Transient):
        await send_text(context(router), NOTICE)
    assert router.routes[1].call_count == 0


NAMED = [
    (-1, sdk.Transient),
    (6000, sdk.Transient),
    (45009, sdk.Throttled),
    (45033, sdk.Throttled),
    (40014, sdk.NeedsReauth),
    (42001, sdk.NeedsReauth),
    (40056, sdk.NeedsReauth),
    (48002, sdk.NeedsReauth),
    (60020, sdk.NeedsReauth),
    (301042, sdk.NeedsReauth),
    (60011, sdk.Rejected),
    (60111, sdk.Rejected),
    (81013, sdk.Rejected),
    (44004, sdk.Rejected),
    (99999, sdk.Rejected),
]


@pytest.mark.parametrize(("code", "error"), NAMED, ids=str)
async def test_each_no_is_named(code: int, error: type[sdk.VendorError]) -> None:
    with pytest.raises(error) as caught:
        await send_text(context(answering({"errcode": code, "errmsg": "no"})), NOTICE)
    assert type(caught.value) is error
    assert (caught.value.code, bool(caught.value.hint.zh)) == (str(code), True)


@pytest.mark.parametrize(
    ("status", "body"),
    [(200, {}), (200, []), (200, {"errcode": None}), (200, {"errcode": False}), (200, {"errcode": "0"}), (502, "x")],
    ids=str,
)
async def test_an_unknown_shape_is_never_success(status: int, body: Any) -> None:
    with pytest.raises(sdk.Ambiguous) as doubt:
        await send_text(context(answering(body, status=status), duplicate_check_hours=0), NOTICE)
    assert "收件人" in doubt.value.hint.zh
    reading = context(answering(body, "/cgi-bin/externalcontact/get", status))
    with pytest.raises(sdk.Transient):
        await fetch_contact(reading, Asked(external_user_id="wm1"))


@pytest.mark.parametrize("card", [{}, {"external_contact": {"name": "x"}}, {"external_contact": []}], ids=str)
async def test_a_card_of_an_unknown_shape_is_read_again(card: Any) -> None:
    router = answering({**GOOD, **card}, "/cgi-bin/externalcontact/get")
    with pytest.raises(sdk.Transient):
        await fetch_contact(context(router), Asked(external_user_id="wm1"))


async def test_a_wecom_customer_brings_company_and_position_and_no_follower_is_no_owner() -> None:
    card = {"external_userid": "wo1", "name": "王", "type": 2, "gender": 2, "position": "总监", "corp_name": "恒锐"}
    router = answering({**GOOD, "external_contact": card, "follow_user": []}, "/cgi-bin/externalcontact/get")
    made = await fetch_contact(context(router), Asked(external_user_id="wo1"))
    assert (made.kind, made.gender, made.position, made.company) == ("wecom", "female", "总监", "恒锐")
    assert (made.owner, made.added_at, made.mobiles, made.tags) == ("", "", [], [])


async def test_a_doubt_is_repeated_while_wecom_drops_repeats_and_then_asks_a_person() -> None:
    silent, memory = answering({}), sdk.LocalMemory(NOON.timestamp)
    for minutes in (0, 10, 200, 234):
        with pytest.raises(sdk.Transient):
            await send_text(context(silent, memory=memory, now=NOON + timedelta(minutes=minutes)), NOTICE)
    sent = silent.routes[1].call_count
    with pytest.raises(sdk.Ambiguous) as doubt:
        await send_text(context(silent, memory=memory, now=NOON + timedelta(minutes=235)), NOTICE)
    assert (silent.routes[1].call_count, doubt.value.code) == (sent, "doubt")
    heard = answering({**GOOD, "msgid": "m1"})
    again = await send_text(context(heard, memory=memory, now=NOON + timedelta(minutes=240)), NOTICE)
    assert again.id == "m1"


async def test_busy_counts_as_doubt_and_a_clear_no_does_not() -> None:
    memory = sdk.LocalMemory(NOON.timestamp)
    with pytest.raises(sdk.Throttled):
        await send_text(context(answering({"errcode": 45009, "errmsg": "x"}), memory=memory), NOTICE)
    assert await memory.recall("doubt:dlv_1") is None
    with pytest.raises(sdk.Transient):
        await send_text(context(answering({"errcode": -1, "errmsg": "x"}), memory=memory), NOTICE)
    assert await memory.recall("doubt:dlv_1") == NOON.isoformat()


async def test_a_doubt_that_cannot_be_remembered_asks_a_person_at_once() -> None:
    class Forgetful(sdk.LocalMemory):
        async def keep(self, name: str, value: sdk.Json, lasts: timedelta | None = None) -> None:
            raise sdk.Transient("no database", code="connect")

    with pytest.raises(sdk.Ambiguous):
        await send_text(context(answering({}), memory=Forgetful()), NOTICE)


@pytest.mark.parametrize("told", [{"invaliduser": "zhangsan"}, {"unlicenseduser": "zhangsan"}], ids=str)
async def test_a_yes_that_reaches_nobody_is_a_no(told: Any) -> None:
    with pytest.raises(sdk.Rejected) as refused:
        await send_text(context(answering({**GOOD, **told})), NOTICE)
    assert refused.value.code == "nobody"
    everybody = Notice(to=["@all"], content="全体通知")
    assert (await send_text(context(answering({**GOOD, "msgid": "m"})), everybody)).unreached == []


def test_every_hint_that_needs_a_person_says_where_to_put_it_right() -> None:
    for code, row in ERRORS.rows.items():
        if row.error is sdk.NeedsReauth and code != "301058":
            assert "管理后台" in row.hint.zh, code
