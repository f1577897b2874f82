"""Our client against a real IMAP server: what comes in, once each, whatever breaks."""

import asyncio
import base64
import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from connectors.email import connector
from connectors.email.pull import LARGEST, pull_mail
from hub import sdk
from tests.connectors.email.between import Between, Breaking, NetEase
from tests.connectors.email.dovecot import PASSWORD, Dovecot, dovecot, letter, until
from tests.serving import serving

FOLDER = "客户 & 往来"
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@pytest.fixture
def mailbox(server: Dovecot) -> Dovecot:
    """The server as a new user sees it."""
    return replace(server, user=f"sales{next(NUMBERS)}@example.com")


async def read_all(ctx: sdk.Context[Any], cursor: str = "") -> tuple[list[sdk.Inbound], str]:
    """Every page until nothing waits."""
    told: list[sdk.Inbound] = []
    while True:
        page = await pull_mail(ctx, cursor)
        told, cursor = [*told, *page.events], page.cursor
        if not page.more:
            return told, cursor


def subjects(events: Any) -> list[str]:
    return [event.data["subject"] for event in events]


async def test_new_mail_is_told_once_with_its_files_and_stays_unread(mailbox: Dovecot) -> None:
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    first = await pull_mail(ctx, "")
    mailbox.deliver(subject="关于合同", message_id="<c1@hengrui.example.com>")
    page = await pull_mail(ctx, first.cursor)
    again = await pull_mail(ctx, page.cursor)

    assert (first.events, again.events) == ([], [])
    (event,) = page.events
    assert (event.subject, event.dedupe_key) == ("li@hengrui.example.com", "mail:c1@hengrui.example.com")
    assert (event.data["text"], event.data["from"]["name"]) == ("您好", "李工")
    with mailbox.owner() as owner:
        assert "Seen" not in str(owner.fetch("1", "(FLAGS)"))
    assert all("EXAMINE" in each.request and "SELECT" not in each.request for each in ctx.exchanges)


async def test_the_star_that_always_finds_the_last_mail_tells_nothing_twice(mailbox: Dovecot) -> None:
    mailbox.deliver()
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    told, cursor = await read_all(ctx)
    after, _ = await read_all(ctx, cursor)

    searched = ctx.exchanges[-1].answer
    assert "* SEARCH " in searched.replace("\r", "")
    assert (len(told), after) == (1, [])


async def test_a_push_ends_the_wait(mailbox: Dovecot) -> None:
    ctx = mailbox.context(idle_seconds=20)
    cursor = (await pull_mail(ctx, "")).cursor
    waiting = asyncio.create_task(pull_mail(ctx, cursor))
    await idling(mailbox)
    began = time.monotonic()
    mailbox.deliver(subject="推送")

    assert subjects((await waiting).events) == ["推送"]
    assert time.monotonic() - began < 15


async def idling(mailbox: Dovecot) -> None:
    """Wait until the server says that a session is in IDLE."""
    await asyncio.to_thread(until, lambda: mailbox.sessions("IDLE"), "IDLE")


async def test_a_session_killed_while_it_waits_loses_nothing(mailbox: Dovecot) -> None:
    ctx = mailbox.context(idle_seconds=20)
    cursor = (await pull_mail(ctx, "")).cursor
    waiting = asyncio.create_task(pull_mail(ctx, cursor))
    await idling(mailbox)
    mailbox.kill_sessions()
    with pytest.raises(sdk.Transient):
        await waiting
    mailbox.deliver(subject="之后")

    assert subjects((await pull_mail(ctx, cursor)).events) == ["之后"]


async def test_a_wait_that_is_cancelled_hangs_up(mailbox: Dovecot) -> None:
    ctx = mailbox.context(idle_seconds=20)
    cursor = (await pull_mail(ctx, "")).cursor
    waiting = asyncio.create_task(pull_mail(ctx, cursor))
    await idling(mailbox)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await asyncio.to_thread(until, lambda: not mailbox.sessions(), "the session ends")


async def test_pages_are_bounded_and_deleted_mails_leave_no_gap(mailbox: Dovecot) -> None:
    for number in range(60):
        mailbox.deliver(subject=str(number))
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    first = await pull_mail(ctx, "")
    with mailbox.owner() as owner:
        owner.store("52:55", "+FLAGS", "(\\Deleted)")
        owner.expunge()
    rest, _ = await read_all(ctx, first.cursor)

    assert (len(first.events), first.more) == (50, True)
    assert subjects(rest) == [str(n) for n in range(50, 60) if n not in (51, 52, 53, 54)]


async def test_a_rebuilt_folder_is_read_again_and_tells_the_same_keys(mailbox: Dovecot) -> None:
    known, fresh = letter(message_id="<k1@hengrui.example.com>"), letter(message_id="<k2@hengrui.example.com>")
    nameless = letter(message_id="", subject="没有编号")
    ctx = mailbox.context(folder=FOLDER, idle_seconds=0, poll_seconds=0)
    fill(mailbox, known, nameless)
    before, cursor = await read_all(ctx)
    with mailbox.owner() as owner:
        owner.delete('"&W6JiNw- &- &X4BnZQ-"')
    fill(mailbox, fresh, nameless, known)
    after, end = await read_all(ctx, cursor)

    assert sdk.loads(cursor)["uidvalidity"] != sdk.loads(end)["uidvalidity"]
    assert {event.dedupe_key for event in before} < {event.dedupe_key for event in after}
    assert (len(before), len(after)) == (2, 3)
    assert (await read_all(ctx, end))[0] == []


async def test_a_folder_rebuilt_while_it_was_first_read_is_read_from_the_first_day_again(mailbox: Dovecot) -> None:
    with mailbox.owner() as owner:
        for age, subject in ((20, "首次范围内"), (60, "范围外")):
            owner.append("INBOX", "", time.time() - age * 86_400, letter(subject=subject))
    today = datetime.now(UTC).date()
    halfway = {"uidvalidity": 1, "uid": 5, "since": (today - timedelta(days=30)).isoformat(), "on": today.isoformat()}
    told, _ = await read_all(mailbox.context(idle_seconds=0, poll_seconds=0), sdk.dumps(halfway))

    assert subjects(told) == ["首次范围内"]


def fill(mailbox: Dovecot, *mails: bytes) -> None:
    with mailbox.owner(FOLDER) as owner:
        for raw in mails:
            owner.append('"&W6JiNw- &- &X4BnZQ-"', "", None, raw)


async def test_only_mail_from_the_first_days_on_is_fetched_and_with_none_only_new_mail(mailbox: Dovecot) -> None:
    with mailbox.owner() as owner:
        for age, subject in ((3, "新"), (40, "旧"), (1, "昨天")):
            owner.append("INBOX", "", time.time() - age * 86_400, letter(subject=subject))
    week, _ = await read_all(mailbox.context(idle_seconds=0, poll_seconds=0))
    ctx = mailbox.context(since_days=0, idle_seconds=0, poll_seconds=0)
    none, cursor = await read_all(ctx)
    mailbox.deliver(subject="刚到")

    assert (subjects(week), none) == (["新", "昨天"], [])
    assert subjects((await read_all(ctx, cursor))[0]) == ["刚到"]


async def test_an_old_mail_that_the_first_days_left_out_is_not_told_later(mailbox: Dovecot) -> None:
    with mailbox.owner() as owner:
        for age, subject in ((3, "新"), (40, "旧")):
            owner.append("INBOX", "", time.time() - age * 86_400, letter(subject=subject))
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    first, cursor = await read_all(ctx)
    later, _ = await read_all(ctx, cursor)

    assert (subjects(first), later) == (["新"], [])
    with mailbox.owner() as owner:
        owner.append("INBOX", "", time.time() - 50 * 86_400, letter(subject="旧信刚移进来"))
    assert subjects((await read_all(ctx, cursor))[0]) == ["旧信刚移进来"]


async def test_a_big_mail_comes_whole_and_a_too_big_one_by_its_headers(mailbox: Dovecot) -> None:
    attachment = base64.encodebytes(b"\x00" * (LARGEST * 3 // 4))
    head = b"From: li@hengrui.example.com\r\nSubject: big\r\nMIME-Version: 1.0\r\nContent-Type: application/x-big\r\n"
    coded = head + b"Content-Transfer-Encoding: base64\r\nMessage-ID: <%s@x>\r\n\r\n"
    mailbox.deliver(coded % b"fits" + attachment[: 4 * 1024 * 1024])
    mailbox.deliver(coded % b"large" + attachment)
    mailbox.deliver(subject="之后")
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    page = await pull_mail(ctx, "")

    fits, large, after = page.events
    assert [file.digest for file in page.files] == [fits.data["files"][0]["digest"]]
    assert fits.data["files"][0]["size"] > 3_000_000
    assert (large.data["message_id"], large.data["files"]) == ("large@x", [])
    assert large.data["problem"].startswith("too large: ")
    assert after.data["subject"] == "之后"


async def test_heavy_mails_end_a_page_early(mailbox: Dovecot) -> None:
    heavy = letter(body="x" * 70 + "\n" + ("y" * 70 + "\n") * 120_000)
    for _ in range(3):
        mailbox.deliver(heavy)
    ctx = mailbox.context(idle_seconds=0, poll_seconds=0)
    page = await pull_mail(ctx, "")

    assert (len(page.events), page.more) == (2, True)
    assert page.events[0].data["text"].endswith("characters）")


async def test_a_refused_token_is_renewed_once_and_no_token_is_kept_in_words(mailbox: Dovecot) -> None:
    given = iter(("stale-token-1", "good-token-2", "bad-token-3", "bad-token-4"))
    mailbox.tokens["good-token-2"] = mailbox.user

    async def token(_request: Request) -> JSONResponse:
        return JSONResponse({"access_token": next(given), "expires_in": 3600})

    async with serving(Starlette(routes=[Route("/token", token, methods=["POST"])])) as url:
        ctx = mailbox.context(token_url=f"{url}/token", password="", idle_seconds=0, poll_seconds=0)
        page = await pull_mail(ctx, "")
        assert (await pull_mail(ctx, page.cursor)).cursor == page.cursor
        del mailbox.tokens["good-token-2"]
        with pytest.raises(sdk.NeedsReauth) as caught:
            await pull_mail(ctx, page.cursor)

    assert (caught.value.code, next(given, "")) == ("login", "bad-token-4")
    said = "".join(f"{each.request}{each.answer}" for each in ctx.exchanges)
    assert "-token-" not in said
    assert "(sign-in)" in said


async def test_a_refused_token_is_answered_with_an_empty_line(mailbox: Dovecot) -> None:
    async def token(_request: Request) -> JSONResponse:
        return JSONResponse({"access_token": "bad-token-1"})

    app = Starlette(routes=[Route("/token", token, methods=["POST"])])
    async with serving(app) as url, Between(mailbox.ports["imap"]) as between:
        with pytest.raises(sdk.NeedsReauth):
            await pull_mail(mailbox.context(token_url=f"{url}/token", imap_port=between.port), "")
        (asked, *_) = [n for n, line in enumerate(between.heard) if b"XOAUTH2" in line]

    assert between.heard[asked + 1].strip()
    assert between.heard[asked + 2] == b"\r\n"


@pytest.mark.parametrize(
    ("changes", "code", "names"),
    [
        ({"password": "wrong-password"}, "login", "@example.com"),
        ({"folder": "没有这个"}, "folder", "folder"),
        ({"imap_security": "starttls"}, "plain", "imap_security"),
    ],
    ids=["wrong_password", "no such folder", "no TLS there"],
)
async def test_what_a_person_must_correct_names_its_field(
    mailbox: Dovecot, changes: dict[str, Any], code: str, names: str
) -> None:
    assert connector.probe
    with pytest.raises(sdk.NeedsReauth) as caught:
        await connector.probe(mailbox.context(**changes))
    assert caught.value.code == code
    assert names in caught.value.message
    assert caught.value.hint.zh
    assert PASSWORD not in caught.value.message
    assert "b'" not in caught.value.message


async def test_a_password_beyond_ascii_is_sent_whole(mailbox: Dovecot) -> None:
    with pytest.raises(sdk.NeedsReauth) as caught:
        await pull_mail(mailbox.context(password="密码不对"), "")
    assert caught.value.code == "login"


async def test_neteases_ways_are_met_without_idle_and_with_id_before_any_folder(mailbox: Dovecot) -> None:
    mailbox.deliver(subject="网易")
    async with NetEase(mailbox.ports["imap"]) as netease:
        ctx = mailbox.context(imap_port=netease.port, idle_seconds=20, poll_seconds=600)
        told, cursor = await read_all(ctx)
        rests = await pull_mail(ctx, cursor)
        talks = netease.talks
        still = await pull_mail(ctx, cursor)

    assert subjects(told) == ["网易"]
    assert [*rests.events, *still.events] == []
    assert netease.talks == talks == 2


@pytest.mark.parametrize(
    ("whole", "rounds", "subject"), [(True, 5, "坏"), (False, 10, "")], ids=["its body", "its headers, too"]
)
async def test_a_mail_that_always_breaks_the_talk_is_told_without_what_breaks_it(
    mailbox: Dovecot, whole: bool, rounds: int, subject: str
) -> None:
    for each in ("好", "坏", "又好"):
        mailbox.deliver(subject=each)
    async with Breaking(mailbox.ports["imap"]) as between:
        between.at = (b"UID FETCH 2 (UID BODY.PEEK[])",) if whole else (b"UID FETCH 2 (UID BODY",)
        ctx = mailbox.context(imap_port=between.port, idle_seconds=0, poll_seconds=0)
        first = await pull_mail(ctx, "")
        for _ in range(rounds):
            with pytest.raises(sdk.Transient):
                await pull_mail(ctx, first.cursor)
        rest, _ = await read_all(ctx, first.cursor)

    assert (subjects(first.events), first.more) == (["好"], True)
    assert subjects(rest) == [subject, "又好"]
    assert rest[0].data["problem"].startswith("unreadable")
