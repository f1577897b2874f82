"""The console's pages: signed in or sent to sign in, every state shown, hostile text as text, acts guarded."""

import html
import re
import time

import httpx
import pytest

from hub.console.session import LASTS_S, Sessions
from hub.credentials import Vault
from hub.domain.delivery import State
from hub.ledger.database import Database
from hub.ledger.keys import revoke_key
from tests.browser.story import HOSTILE, outcomes, owe, settle_one, tell
from tests.hub.console.conftest import OWN, SignIn

LOG = "/console/deliveries"


async def test_who_is_not_signed_in_is_sent_to_sign_in_and_comes_back(
    client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    sent = await client.get(f"{LOG}?state=dead")
    assert (sent.status_code, sent.headers["location"]) == (
        303,
        "/console/login?next=%2Fconsole%2Fdeliveries%3Fstate%3Ddead",
    )
    key = await sign_in()
    back = await client.post(sent.headers["location"], data={"key": f" {key}\n"}, headers=OWN)
    assert back.headers["location"] == f"{LOG}?state=dead"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example", "/console/deliveries@evil", "/api"])
async def test_signing_in_never_leads_to_another_place(client: httpx.AsyncClient, sign_in: SignIn, where: str) -> None:
    key = await sign_in()
    answer = await client.post("/console/login", params={"next": where}, data={"key": key}, headers=OWN)
    assert answer.headers["location"] == LOG


async def test_the_cookie_hides_the_key_from_scripts_and_from_readers(
    client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    key = await sign_in()
    answer = await client.post("/console/login", data={"key": key}, headers=OWN)
    secure = await client.post("https://hub/console/login", data={"key": key}, headers=OWN)
    cookie = answer.headers["set-cookie"]
    assert key not in cookie
    assert {"HttpOnly", "Path=/console", "SameSite=lax"} <= set(cookie.split("; "))
    assert "Secure" in secure.headers["set-cookie"].split("; ")
    assert "Secure" not in cookie.split("; ")


async def test_a_wrong_key_is_told_so_and_a_revoked_one_ends_the_session(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    wrong = await client.post("/console/login", data={"key": HOSTILE}, headers=OWN)
    assert (wrong.status_code, "密钥无效" in wrong.text, "set-cookie" in wrong.headers) == (401, True, False)
    key = await sign_in()
    assert (await client.get(LOG)).status_code == 200
    async with ledger.unit("demo") as unit:
        await revoke_key(unit, key.split("_")[2])
    assert (await client.get(LOG)).status_code == 303


def test_a_session_opens_with_its_own_key_for_twelve_hours() -> None:
    sessions, now = Sessions(Vault.new_key()), time.time()
    cookie = sessions.seal("hub_x", bytes(12), now)
    assert sessions.open(cookie, now + LASTS_S - 2) == "hub_x"
    assert sessions.open(cookie, now + LASTS_S) == ""
    assert Sessions(Vault.new_key()).open(cookie, now) == ""
    for bad in ("", "x", "AAAA", cookie[:-4] + "AAAA", "中", cookie * 2):
        assert sessions.open(bad, now) == ""


async def test_the_log_shows_every_state_as_mark_and_word_in_both_languages(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    told = await tell(ledger)
    await sign_in()
    zh, en = (await client.get(LOG)).text, (await client.get(LOG, params={"lang": "en"})).text
    assert set(re.findall(r'class="state (\w+)"', zh)) == {str(state) for state in State}
    assert [
        word for word in ("成功", "重试中", "待确认", "挂起", "死信", "已跳过") if f"</span>{word}</span>" not in zh
    ] == []
    assert [word for word in ("Done", "Retrying", "Uncertain", "Held") if f"</span>{word}</span>" not in en] == []
    assert "已批准的合同记入金蝶应收" in zh
    assert "Approved contracts become receivables in Kingdee" in en
    assert 'lang="zh-CN"' in zh.split("<head>")[0]
    assert all(each.id in zh for each in told.values())
    assert "AR-HT-2026-0042" in zh
    assert "连接 wecom 自" in zh


async def test_the_language_is_remembered(client: httpx.AsyncClient, sign_in: SignIn) -> None:
    await sign_in()
    await client.get(LOG, params={"lang": "en"})
    assert "Sync log" in (await client.get(LOG)).text
    assert "同步日志" in (await client.get(LOG, params={"lang": "zh"})).text
    assert "同步日志" in (await client.get(LOG, params={"lang": "<fr>"})).text


async def test_filters_live_in_the_address_and_survive_paging(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    for number in range(52):
        await owe(ledger, f"ctr_{number:02}")
    await sign_in()
    first = (await client.get(LOG, params={"state": "pending", "flow": "contract-to-kingdee"})).text
    assert '<option value="pending" selected>' in first
    (older,) = re.findall(r'href="(/console/deliveries\?[^"]*before=\d+)"', first)
    second = (await client.get(html.unescape(older))).text
    assert "state=pending" in older
    assert (rows(first), rows(second)) == (
        [f"ctr_{n:02}" for n in range(51, 1, -1)],
        ["ctr_01", "ctr_00"],
    )
    assert rows((await client.get(LOG, params={"record": "ctr_07"})).text) == ["ctr_07"]
    assert rows((await client.get(LOG, params={"state": "trouble"})).text) == []


def rows(page: str) -> list[str]:
    return re.findall(r'class="id" href="[^"]*record=[^"]*" title="([^"]*)"', page)


async def test_an_empty_log_says_what_will_appear_and_an_empty_filter_offers_to_clear_it(
    client: httpx.AsyncClient, sign_in: SignIn
) -> None:
    await sign_in()
    assert "还没有同步记录" in (await client.get(LOG)).text
    narrowed = (await client.get(LOG, params={"record": HOSTILE})).text
    assert "没有符合条件的记录" in narrowed
    assert HOSTILE not in narrowed


@pytest.mark.parametrize(
    "query", ["before=x", "before=-1", f"before={'9' * 30}", "state=%00", "record=%00", "flow=%FF"]
)
async def test_an_address_without_sense_is_still_a_page(client: httpx.AsyncClient, sign_in: SignIn, query: str) -> None:
    await sign_in()
    assert (await client.get(f"{LOG}?{query}")).status_code == 200


async def test_one_delivery_shows_its_line_to_the_fen_and_hostile_text_as_text(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    await sign_in()
    for page in ((await client.get(f"{LOG}/{dead}")).text, (await client.get(LOG)).text):
        assert "<script" not in page
        assert "<img src=x" not in page
        assert html.escape(HOSTILE, quote=True).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page
    page = html.unescape((await client.get(f"{LOG}/{dead}")).text)
    assert '"amount": 628000.00' in page
    assert '"FAmount": 628000.00' in page
    assert "在客户档案里填写法定名称" in page
    assert "11-22 09:30:05" in page
    assert "Fill the legal name" in (await client.get(f"{LOG}/{dead}?lang=en")).text


async def test_a_parked_delivery_says_how_many_wait_behind_it(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    await sign_in()
    assert "后面等着" not in (await client.get(f"{LOG}/{dead}")).text
    for record in ("ctr_2", "ctr_3", "ctr_4"):
        await owe(ledger, record)
    async with ledger.unit("demo") as unit:
        await unit.execute("UPDATE deliveries SET lane = 'ctr_1' WHERE record IN ('ctr_2', 'ctr_3')")
    assert "后面等着</dt><dd>2</dd>" in (await client.get(f"{LOG}/{dead}")).text


async def test_replay_puts_it_back_once_and_says_so(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    await sign_in()
    answers = [await client.post(f"{LOG}/{dead}/replay", headers=OWN) for _ in range(2)]
    assert [a.headers["location"] for a in answers] == [f"{LOG}/{dead}?said={s}" for s in ("replayed", "unchanged")]
    assert "已放回队列" in (await client.get(answers[0].headers["location"])).text
    async with ledger.unit("demo") as unit:
        assert tuple(await unit.fetchrow("SELECT state, replays FROM deliveries") or ()) == ("pending", 1)
    given_up = await client.post(f"{LOG}/{dead}/cancel", headers=OWN)
    assert given_up.headers["location"].endswith("said=cancelled")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none", "origin": "http://hub"}, 403),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({}, 403),
        ({"origin": "http://hub"}, 303),
        ({"sec-fetch-site": "same-origin"}, 303),
    ],
    ids=str,
)
async def test_a_form_from_elsewhere_does_nothing(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database, headers: dict[str, str], status: int
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    key = await sign_in()
    for path in (f"{LOG}/{dead}/replay", "/console/login"):
        assert (await client.post(path, data={"key": key}, headers=headers)).status_code == status
    async with ledger.unit("demo") as unit:
        assert await unit.fetchval("SELECT replays FROM deliveries") == (1 if status == 303 else 0)


async def test_a_reader_sees_no_button_and_cannot_act(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    await sign_in("deliveries:read")
    assert f"{dead}/replay" not in (await client.get(f"{LOG}/{dead}")).text
    refused = await client.post(f"{LOG}/{dead}/replay", headers=OWN)
    assert (refused.status_code, "deliveries:replay" in refused.text) == (403, True)


async def test_another_tenants_delivery_is_a_missing_page(
    client: httpx.AsyncClient, sign_in: SignIn, ledger: Database
) -> None:
    await owe(ledger, "ctr_1")
    dead = await settle_one(ledger, outcomes()[State.DEAD])
    await sign_in(tenant="other")
    absent = await client.get(f"{LOG}/dlv_unknown")
    theirs = await client.get(f"{LOG}/{dead}")
    assert (theirs.status_code, theirs.text.replace(dead, "dlv_unknown")) == (404, absent.text)
    assert (await client.post(f"{LOG}/{dead}/replay", headers=OWN)).status_code == 404


async def test_signing_out_forgets_the_session(client: httpx.AsyncClient, sign_in: SignIn) -> None:
    await sign_in()
    await client.post("/console/logout", headers=OWN)
    assert (await client.get(LOG)).status_code == 303


async def test_static_files_are_kept_for_ever_under_an_address_that_changes(client: httpx.AsyncClient) -> None:
    page = (await client.get("/console/login")).text
    (address,) = re.findall(r'href="(/console/static/console\.css\?[0-9a-f]{12})"', page)
    answer = await client.get(address)
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    assert (await client.get("/console/static/..%2Fpages.py")).status_code == 404


async def test_pages_are_private_and_their_forms_carry_an_origin(client: httpx.AsyncClient) -> None:
    headers = (await client.get("/console/login")).headers
    assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "same-origin")
