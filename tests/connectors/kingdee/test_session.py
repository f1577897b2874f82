"""The session behind the signature: kept, echoed, and opened again exactly once."""

from typing import Any

import httpx
import pytest

from connectors.kingdee.connector import probe
from connectors.kingdee.documents import address
from hub import sdk
from tests.connectors.kingdee.wire import Account, answering, open_context, refusal

LOST = refusal(1, "会话信息已丢失，请重新登录")
DONE = {"Result": {"ResponseStatus": {"IsSuccess": True, "MsgCode": 0, "Errors": []}}}


class Vendor:
    """Answers from a list and notes the session each request came with."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.sessions: list[str | None] = []
        self.cookies: list[str | None] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sessions.append(request.headers.get("kdservice-sessionid"))
        self.cookies.append(request.headers.get("cookie"))
        number = len(self.sessions)
        cookies = [
            ("set-cookie", f"kdservice-sessionid=s{number}; path=/; HttpOnly"),
            ("set-cookie", f"ASP.NET_SessionId=a{number}; path=/"),
        ]
        return httpx.Response(200, json=self.answers.pop(0), headers=cookies)


async def test_the_session_is_echoed_as_header_and_cookie() -> None:
    vendor = Vendor(DONE, DONE)
    ctx = answering(vendor)

    await ctx.call("POST", address("Submit"), json={})
    await ctx.call("POST", address("Audit"), json={})

    assert vendor.sessions == [None, "s1"]
    assert vendor.cookies == [None, "kdservice-sessionid=s1; ASP.NET_SessionId=a1"]


@pytest.mark.parametrize("lost", [LOST, [[LOST]]], ids=["plain", "wrapped"])
async def test_a_lost_session_is_opened_again_exactly_once(lost: Any) -> None:
    vendor = Vendor(DONE, lost, DONE)
    ctx = answering(vendor)
    await ctx.call("POST", address("Submit"), json={})

    assert await ctx.call("POST", address("Audit"), json={}) == DONE

    assert vendor.sessions == [None, "s1", None]
    assert vendor.cookies[-1] is None


@pytest.mark.parametrize("lost", [LOST, [[LOST]]], ids=["plain", "wrapped"])
async def test_a_session_lost_twice_asks_for_a_person_after_two_requests(lost: Any) -> None:
    vendor = Vendor(lost, lost)

    with pytest.raises(sdk.NeedsReauth):
        await answering(vendor).call("POST", address("Audit"), json={})

    assert len(vendor.sessions) == 2


async def test_a_write_after_an_expired_session_happens_once() -> None:
    account = Account()
    ctx = account.context()
    await probe(ctx)
    await account.raw("DELETE", "/_sandbox/sessions")

    model = {"FNumber": "C-1", "FName": "甲", "FCreateOrgId": {"FNumber": "100"}, "FUseOrgId": {"FNumber": "100"}}
    await ctx.call("POST", address("Save"), json={"formid": "BD_Customer", "data": {"Model": model}})

    answers = [each["answer"]["Result"]["ResponseStatus"]["MsgCode"] for each in account.wire.talk[1:]]
    assert answers == [1, 0]


async def test_a_gateway_that_says_401_to_a_wrong_secret_asks_for_a_person() -> None:
    account = Account(options={"refusal": "401"})
    ctx = open_context(httpx.ASGITransport(app=account.app), app_secret="not the secret")

    with pytest.raises(sdk.NeedsReauth) as caught:
        await probe(ctx)

    assert caught.value.code == "http 401"
