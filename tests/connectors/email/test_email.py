"""Our client against our sandbox, in a process of its own: every way in and out, and every trouble on the way."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.email import connector
from connectors.email.compose import Letter
from connectors.email.config import Config
from connectors.email.pull import pull_mail
from connectors.email.send import find_mail, send_mail
from hub import sdk
from hub.sdk import testing
from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.email.talks import HOME
from tests.connectors.sandboxes import Running, sandbox

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("vectors.json").read_text("utf-8"))["cases"]
LI = {"from": "李工 <li@hengrui.example.com>", "subject": "关于合同", "text": "您好：条款已确认。"}
LETTER = Letter(to=["li@hengrui.example.com"], subject="报价", text="您好")
QUICK = {"idle_seconds": 0, "poll_seconds": 0}


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Running]:
    with sandbox("email", tmp_path) as running:
        yield running


def context(running: Running, memory: sdk.Memory | None = None, **changes: Any) -> sdk.Context[Any]:
    return testing.open_context(connector, {**running.credentials, **QUICK, **changes}, memory=memory)


async def act(running: Running, path: str, **told: Any) -> Any:
    """Somebody does something around the mailbox."""
    async with make_client(base_url=running.url, egress=LOOPBACK) as http:
        answer = await http.post(f"/_sandbox/{path}", json=told)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("security=tls",),
        ("security=starttls",),
        ("auth=oauth",),
        ("netease=1",),
        ("sent=client",),
        ("marks=0",),
        ("security=tls", "auth=oauth"),
    ],
    ids=str,
)
async def test_our_client_drives_our_sandbox_and_reads_sends_and_looks(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    with sandbox("email", tmp_path, *(word for option in options for word in ("--option", option))) as running:
        ctx = context(running)
        assert connector.probe
        assert running.credentials["address"] in await connector.probe(ctx)
        first = await pull_mail(ctx, "")
        await act(running, "deliver", **LI)
        page = await pull_mail(ctx, first.cursor)
        made = await send_mail(ctx, LETTER)
        found = await find_mail(ctx, LETTER)
    (event,) = page.events
    assert (event.data["subject"], event.data["text"]) == (LI["subject"], LI["text"])
    assert found
    assert found.id == made.id
    accepted = [line for line in running.effects() if line["effect"] == "mail.accepted"]
    assert [line["message_id"].strip("<>") for line in accepted] == [made.id]


async def test_every_recorded_charset_comes_through_our_sandbox_byte_for_byte(mail: Running) -> None:
    """The sandbox does not read what it carries; our client does, and must get it as it was recorded."""
    ctx = context(mail)
    cursor = (await pull_mail(ctx, "")).cursor
    for case in VECTORS:
        await act(mail, "deliver", raw_base64=case["raw_base64"])
    page = await pull_mail(ctx, cursor)
    read = [{"subject": event.data["subject"], "text": event.data["text"]} for event in page.events]
    assert read == [case["expect"] for case in VECTORS]


async def test_a_wrong_secret_needs_a_person_on_both_sides(mail: Running) -> None:
    with pytest.raises(sdk.NeedsReauth, match="imap sales"):
        await pull_mail(context(mail, password="wrong-password"), "")
    with pytest.raises(sdk.NeedsReauth, match="smtp sales"):
        await send_mail(context(mail, password="wrong-password"), LETTER)


async def test_a_strange_authority_is_not_trusted(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "security=tls") as running:
        for call in (
            pull_mail(context(running, ca_certificate=""), ""),
            send_mail(context(running, ca_certificate=""), LETTER),
        ):
            with pytest.raises(sdk.NeedsReauth) as caught:
                await call
            assert caught.value.code == "certificate"


async def test_ended_tokens_are_renewed_in_reading_and_sending_and_a_dead_grant_needs_a_person(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "auth=oauth") as running:
        ctx = context(running)
        cursor = (await pull_mail(ctx, "")).cursor
        await act(running, "expire_tokens")
        assert (await pull_mail(ctx, cursor)).cursor == cursor
        await act(running, "expire_tokens")
        assert (await send_mail(ctx, LETTER)).id
        await act(running, "expire_tokens", refresh=True)
        with pytest.raises(sdk.NeedsReauth) as caught:
            await pull_mail(ctx, cursor)
    assert caught.value.code == "invalid_grant"


async def test_a_sender_who_is_not_the_mailbox_is_told_so(mail: Running) -> None:
    with pytest.raises(sdk.Rejected) as caught:
        await send_mail(context(mail, user=mail.credentials["address"], address="boss@example.com"), LETTER)
    assert caught.value.code == "553"


async def test_a_killed_wait_goes_on_from_where_it_stood(mail: Running) -> None:
    ctx = context(mail, idle_seconds=20)
    cursor = (await pull_mail(ctx, "")).cursor
    waiting = asyncio.create_task(pull_mail(ctx, cursor))
    for _ in range(500):
        if (await act(mail, "kill_idle"))["killed"]:
            break
        await asyncio.sleep(0.02)
    with pytest.raises(sdk.Transient):
        await waiting
    await act(mail, "deliver", **LI)
    assert len((await pull_mail(ctx, cursor)).events) == 1


async def test_a_server_that_cannot_search_headers_is_read_instead(mail: Running) -> None:
    ctx = context(mail)
    made = await send_mail(ctx, LETTER)
    await act(mail, "trouble", at="search", do="no", times=1)
    found = await find_mail(ctx, LETTER)
    assert found
    assert found.id == made.id


async def test_a_silent_answer_is_found_and_never_doubled(mail: Running) -> None:
    letter = LETTER.model_copy(update={"to": ["silent@example.com"]})
    ctx = context(mail)
    with pytest.raises(sdk.Ambiguous):
        await send_mail(ctx, letter)
    assert await send_mail(ctx, letter) == await find_mail(ctx, letter)
    assert [line["effect"] for line in mail.effects()].count("mail.accepted") == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"imap_host": "", "smtp_host": ""},
        {"password": ""},
        {"password": "two\nlines"},
        {"address": "a@b.com\r\nx"},
        {"ca_certificate": "no certificate"},
        {"ca_certificate": "-----BEGIN CERTIFICATE-----\nxx\n-----END CERTIFICATE-----"},
        {"folder": "a\r\nb"},
        {"imap_security": "ssl"},
        {"token_url": "ftp://x"},
    ],
    ids=str,
)
def test_settings_that_cannot_work_are_refused_at_once(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Config.model_validate({**HOME, "smtp_port": 25, **changes})
