"""Our fake WeCom: somebody else's client drives it, and its callbacks reach a real server of ours."""

import asyncio
import importlib
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connectors.wecom import connector
from connectors.wecom.archive import pull_messages
from connectors.wecom.callbacks import read, verify
from connectors.wecom.config import Config
from connectors.wecom.events import parse
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.sandboxes import Running, sandbox
from tests.serving import serving

LI = {"name": "李工", "remark": "采购李工", "user_id": "zhangsan", "corp_name": "苏州恒锐", "state": "crm-lead-42"}


@pytest.fixture
def wecom(tmp_path: Path) -> Iterator[Running]:
    with sandbox("wecom", tmp_path, "--option", "archive=0", "--option", "retry_ms=20") as running:
        yield running


def wechatpy(running: Running, secret: str = "") -> Any:
    """The public client; its token address is written into it, so that method alone is ours."""

    def fetch(client: Any) -> Any:
        pair = {"corpid": client.corp_id, "corpsecret": client.secret}
        return client._fetch_access_token(f"{running.url}/cgi-bin/gettoken", pair)

    work: Any = importlib.import_module("wechatpy.work")
    named = {"API_BASE_URL": f"{running.url}/cgi-bin/", "fetch_access_token": fetch}
    client: Any = type("Client", (work.WeChatClient,), named)
    return client(running.credentials["corp_id"], secret or running.credentials["secret"])


async def screen(running: Running, path: str, body: Any) -> Any:
    """Somebody does something on the vendor's own screens."""
    async with make_client(base_url=running.url, egress=LOOPBACK) as http:
        return (await http.post(f"/_sandbox/{path}", json=body)).json()


class Hook:
    """Our callback address: verifies with our client, answers late or badly as often as told."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.facts: list[sdk.Inbound | sdk.Nudge] = []
        self.bad = 0
        self.wrong_echo = b""
        self.nonces: set[str] = set()
        self.url = ""

    async def take(self, request: Request) -> Response:
        query, headers = dict(request.query_params), dict(request.headers)
        verified = verify(self.config, sdk.Callback(request.method, query, headers, await request.body()))
        self.nonces.add(query["nonce"])
        if verified.handshake:
            return Response(self.wrong_echo or verified.reply.body, media_type=verified.reply.content_type)
        if self.bad > 0:
            self.bad -= 1
            return Response(b"", 503)
        self.facts += parse(read(verified.plaintext))
        return Response(verified.reply.body)


@asynccontextmanager
async def hook(running: Running) -> AsyncIterator[Hook]:
    """The address, listening on loopback."""
    here = Hook(Config.model_validate(running.credentials))
    app = Starlette(routes=[Route("/hooks/demo.wecom", here.take, methods=["GET", "POST"])])
    async with serving(app) as url:
        here.url = f"{url}/hooks/demo.wecom"
        yield here


async def until(running: Running, effect: str, times: int = 1) -> list[dict[str, Any]]:
    """Wait for lines of the ledger."""
    ends = time.monotonic() + 10
    while time.monotonic() < ends:
        found = [line for line in running.effects() if line["effect"] == effect]
        if len(found) >= times:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {effect} within 10 s: {running.effects()}")


async def test_a_customers_life_is_told_by_encrypted_pushes(wecom: Running) -> None:
    async with hook(wecom) as here:
        assert await screen(wecom, "callback", {"url": here.url}) == {"ok": True, "detail": ""}
        customer = (await screen(wecom, "add_customer", LI))["external_user_id"]
        pair = {"external_user_id": customer, "user_id": "zhangsan"}
        for number, (path, more) in enumerate((("edit_customer", {"remark": "李总"}), ("agree", {}), ("part", {})), 1):
            await until(wecom, "callback.delivered", number)
            await screen(wecom, path, {**pair, **more})
        await until(wecom, "callback.delivered", 4)
    facts = [fact for fact in here.facts if isinstance(fact, sdk.Inbound)]
    told = [(fact.type, fact.subject, fact.data["user_id"], fact.data["state"]) for fact in facts]
    names = ["contact.added", "contact.edited", "contact.agreed", "contact.removed"]
    assert told == [(name, customer, "zhangsan", "crm-lead-42" if name == names[0] else "") for name in names]


async def test_a_push_is_repeated_until_it_is_taken_and_given_up_after_three_retries(wecom: Running) -> None:
    async with hook(wecom) as here:
        await screen(wecom, "callback", {"url": here.url})
        here.bad = 2
        customer = (await screen(wecom, "add_customer", LI))["external_user_id"]
        (delivered,) = await until(wecom, "callback.delivered")
        assert (delivered["tries"], delivered["external_user_id"]) == (3, customer)
        assert (len(here.facts), len(here.nonces)) == (1, 4)
        here.bad = 4
        await screen(wecom, "add_customer", LI)
        await until(wecom, "callback.lost")
        assert (here.bad, len(here.facts)) == (0, 1)


async def test_an_address_that_does_not_answer_to_the_letter_is_not_saved(wecom: Running) -> None:
    async with hook(wecom) as here:
        here.wrong_echo = b'"5927"'
        assert (await screen(wecom, "callback", {"url": here.url}))["ok"] is False
        here.config = here.config.model_copy(update={"receive_ids": "wwother"})
        assert (await screen(wecom, "callback", {"url": here.url}))["ok"] is False
        assert (await screen(wecom, "callback", {"url": "http://127.0.0.1:9/x"}))["ok"] is False
        await screen(wecom, "add_customer", LI)
    assert [line["effect"] for line in wecom.effects()] == ["contact.added"]


async def test_an_oracle_wechatpy_drives_our_sandbox(wecom: Running) -> None:
    customer = (await screen(wecom, "add_customer", LI))["external_user_id"]
    client = wechatpy(wecom)

    def talk() -> tuple[Any, Any, Any, Any]:
        card, mine = client.external_contact.get(customer), client.external_contact.list("zhangsan")
        return client.agent.get(1000002), card, mine, client.message.send_text(1000002, ["zhangsan", "gone"], "你好")

    agent, card, mine, sent = await asyncio.to_thread(talk)
    assert (agent["name"], mine["external_userid"]) == ("连枢", [customer])
    assert (card["external_contact"]["name"], card["follow_user"][0]["remark"]) == ("李工", "采购李工")
    (effect,) = await until(wecom, "message.sent")
    assert (effect["msgid"], sent["invaliduser"]) == (sent["msgid"], "gone")
    await screen(wecom, "end_tokens", {"code": 42001})
    assert (await asyncio.to_thread(client.agent.get, 1000002))["name"] == "连枢"


async def test_an_oracle_wechatpy_hears_our_sandboxs_noes(wecom: Running) -> None:
    client, wrong = wechatpy(wecom), wechatpy(wecom, "wrong")
    noes = [
        (40001, lambda: wrong.agent.get(1000002)),
        (301002, lambda: client.agent.get(1)),
        (40096, lambda: client.external_contact.get("wm?")),
        (84061, lambda: client.external_contact.list("lisi")),
        (60111, lambda: client.external_contact.list("nobody")),
        (81013, lambda: client.message.send_text(1000002, ["nobody"], "x")),
        (44004, lambda: client.message.send_text(1000002, ["lisi"], "")),
    ]
    refusal: type[Exception] = importlib.import_module("wechatpy.exceptions").WeChatClientException
    for code, call in noes:
        with pytest.raises(refusal, match=f"Error code: {code},"):
            await asyncio.to_thread(call)


async def test_the_same_token_is_told_until_it_ends_and_bad_json_is_a_missing_parameter(wecom: Running) -> None:
    pair = {"corpid": wecom.credentials["corp_id"], "corpsecret": wecom.credentials["secret"]}
    async with make_client(base_url=wecom.url, egress=LOOPBACK) as http:
        first, again = [(await http.get("/cgi-bin/gettoken", params=pair)).json()["access_token"] for _ in range(2)]
        await screen(wecom, "end_tokens", {"code": 42001})
        third = (await http.get("/cgi-bin/gettoken", params=pair)).json()["access_token"]
        answer = (await http.post("/cgi-bin/message/send", params={"access_token": third}, content=b"{")).json()
        missing = (await http.post("/cgi-bin/message/send", content=b"{}")).json()
    assert first == again != third
    assert (answer["errcode"], missing["errcode"]) == (40058, 41001)
    assert "wrong json format" in answer["errmsg"]


async def test_a_customer_who_agreed_is_archived_and_the_archive_nudges(tmp_path: Path) -> None:
    with sandbox("wecom", tmp_path, "--option", "archive=1") as running:
        async with hook(running) as here:
            await screen(running, "callback", {"url": here.url})
            customer = (await screen(running, "add_customer", LI))["external_user_id"]
            await screen(running, "agree", {"external_user_id": customer, "user_id": "zhangsan"})
            said = {"from": customer, "to": ["zhangsan"], "kind": "text", "text": "合同收到了"}
            await screen(running, "archive", {"say": [said]})
            await until(running, "callback.delivered", 3)
        page = await pull_messages(testing.open_context(connector, running.credentials), "")
    assert sdk.Nudge("message.archived") in here.facts
    (event,) = page.events
    assert (event.subject, event.data["text"], event.data["consent"]) == (customer, "合同收到了", True)
