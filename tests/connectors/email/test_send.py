"""What goes out, once each: against a real SMTP server, with a real IMAP server to look in after doubt."""

import email
import email.policy
import itertools
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.email import connector, errors
from connectors.email.compose import Letter
from connectors.email.send import SETTLED, find_mail, send_mail
from hub import sdk
from hub.sdk import testing
from tests.connectors.email.desk import Desk, desk
from tests.connectors.email.dovecot import PASSWORD, Dovecot, dovecot
from tests.connectors.email.talks import NOON

LETTER = Letter(to=["li@hengrui.example.com"], subject="合同 HT-2026-001 已批准", text="您好：\n\n.\n请查收。")
NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with dovecot() as running:
        yield running


@dataclass(slots=True)
class Post:
    """A mailbox: it sends over one server and reads the other. `now` moves by hand."""

    desk: Desk
    imap: Dovecot
    memory: sdk.LocalMemory = field(default_factory=sdk.LocalMemory)
    later: timedelta = timedelta(0)

    def context(self, **changes: Any) -> sdk.Context[Any]:
        values = {
            "address": self.imap.user,
            "password": PASSWORD,
            "smtp_host": "127.0.0.1",
            "smtp_port": self.desk.port,
            "smtp_security": "plain",
            **changes,
        }
        return testing.open_context(
            connector, values, key="dlv_1", memory=self.memory, now=lambda: (NOON + self.later).timestamp()
        )

    def looking(self, **changes: Any) -> sdk.Context[Any]:
        """A context that can look into the Sent folder."""
        place = {"imap_host": "127.0.0.1", "imap_port": self.imap.ports["imap"], "imap_security": "plain"}
        return self.context(**{**place, **changes})

    def sent(self) -> int:
        """How many mails are in the Sent folder."""
        with self.imap.owner("Sent") as owner:
            return int(owner.select("Sent", True)[1][0] or 0)

    def file(self, raw: bytes) -> None:
        """What a provider does with a mail it took."""
        with self.imap.owner("Sent") as owner:
            owner.append("Sent", "", None, raw)


@pytest.fixture
async def post(server: Dovecot) -> AsyncIterator[Post]:
    """Both servers know any user by one password."""
    user = f"sales{next(NUMBERS)}@example.com"
    async with desk() as here:
        yield Post(here, replace(server, user=user))


async def test_a_mail_arrives_as_it_was_written_under_the_id_that_is_told(post: Post) -> None:
    letter = LETTER.model_copy(update={"cc": ["wang@hengrui.example.com"], "in_reply_to": "c1@hengrui.example.com"})
    made = await send_mail(post.context(sender_name="李工，销售部 (上海), Ltd."), letter)

    (raw,) = post.desk.mails
    mail = email.message_from_bytes(raw, policy=email.policy.default)
    assert raw.isascii()
    assert mail["Message-ID"] == f"<{made.id}>"
    assert mail["From"].addresses[0].display_name == "李工，销售部 (上海), Ltd."
    assert mail["From"].addresses[0].addr_spec == post.imap.user
    assert (mail["To"], mail["Cc"]) == ("li@hengrui.example.com", "wang@hengrui.example.com")
    assert (mail["Subject"], mail["In-Reply-To"]) == (LETTER.subject, "<c1@hengrui.example.com>")
    assert mail["References"] == "<c1@hengrui.example.com>"
    assert mail.get_content().replace("\r\n", "\n").strip() == LETTER.text


async def test_references_are_never_broken_and_never_endless(post: Post) -> None:
    many = [f"{'x' * 100}{n}@mail.example.com" for n in range(200)]
    await send_mail(post.context(), LETTER.model_copy(update={"references": many, "in_reply_to": many[-1]}))

    (raw,) = post.desk.mails
    told = email.message_from_bytes(raw, policy=email.policy.compat32)["References"].split()
    assert told == [f"<{each}>" for each in (many[0], *many[-20:])]
    assert max(map(len, raw.split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    "changes",
    [
        {"to": ["a@b.com\r\nBcc: x@y.com"]},
        {"to": ["a@b.com> <x@y.com"]},
        {"subject": "x\r\nBcc: x@y.com"},
        {"subject": "x\u2028Bcc: x@y.com"},
        {"in_reply_to": "a@b>\r\nX: y"},
        {"references": ["a b"]},
        {"to": []},
    ],
)
def test_nothing_can_be_slipped_into_a_header(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Letter.model_validate({**LETTER.model_dump(), **changes})


@pytest.mark.parametrize(
    ("to", "error", "code"),
    [
        ("busy", sdk.Transient, "451"),
        ("nobody", sdk.Rejected, "550"),
        ("spam", sdk.Rejected, "554"),
        ("often", sdk.Throttled, "550"),
    ],
)
async def test_each_no_says_what_comes_next(post: Post, to: str, error: type[sdk.VendorError], code: str) -> None:
    with pytest.raises(error) as caught:
        await send_mail(post.context(), LETTER.model_copy(update={"to": [f"{to}@x.com"]}))
    assert (caught.value.code, post.desk.mails) == (code, [])
    assert caught.value.hint.zh


async def test_one_recipient_who_is_busy_keeps_the_mail_back_from_all(post: Post) -> None:
    with pytest.raises(sdk.Transient):
        await send_mail(post.context(), LETTER.model_copy(update={"to": ["li@x.com", "busy@x.com"]}))
    assert post.desk.mails == []
    made = await send_mail(post.context(), LETTER.model_copy(update={"to": ["li@x.com", "nobody@x.com"]}))
    assert (made.refused, len(post.desk.mails)) == (["nobody@x.com"], 1)


async def test_a_wrong_password_is_tried_once_and_needs_a_person(post: Post) -> None:
    ctx = post.context(password="wrong-password")
    with pytest.raises(sdk.NeedsReauth) as caught:
        await send_mail(ctx, LETTER)
    assert caught.value.code == "535"
    said = ctx.exchanges[-1].answer
    assert said.count("(sign-in)") == 1
    assert "wrong-password" not in said


async def test_a_server_that_is_away_is_tried_again(post: Post) -> None:
    with pytest.raises(sdk.Transient):
        await send_mail(post.context(smtp_port=1), LETTER)
    with pytest.raises(sdk.NeedsReauth, match="smtp_host"):
        await send_mail(post.context(smtp_host="", imap_host="127.0.0.1"), LETTER)


async def test_a_worker_that_lost_its_lease_sends_nothing(post: Post) -> None:
    ctx = post.context()
    leases = iter((True, False))
    ctx.alive = lambda: next(leases)
    with pytest.raises(sdk.NotReady):
        await send_mail(ctx, LETTER)
    assert post.desk.mails == []


async def lose(post: Post, ctx: sdk.Context[Any], filed: bool) -> None:
    """The mail is taken, and filed or not; nobody hears of it."""
    post.desk.silent = True
    if filed:
        post.desk.taken = post.file
    with pytest.raises(sdk.Ambiguous) as caught:
        await send_mail(ctx, LETTER)
    assert caught.value.hint.zh
    assert len(post.desk.mails) == 1
    post.desk.silent = False


async def test_an_answer_lost_after_the_fact_is_found_in_the_sent_folder(post: Post) -> None:
    await lose(post, post.looking(), filed=True)
    found = await find_mail(post.looking(), LETTER)

    (raw,) = post.desk.mails
    assert found is not None
    assert f"Message-ID: <{found.id}>".encode() in raw


async def test_after_doubt_the_action_itself_looks_before_it_sends(post: Post) -> None:
    await lose(post, post.looking(), filed=True)
    made = await send_mail(post.looking(), LETTER)

    assert len(post.desk.mails) == 1
    assert await find_mail(post.looking(), LETTER) == made


async def test_what_is_not_in_the_sent_folder_after_a_while_was_not_sent(post: Post) -> None:
    await lose(post, post.looking(), filed=False)
    for _ in range(2):
        with pytest.raises(sdk.Ambiguous):
            await find_mail(post.looking(), LETTER)
        with pytest.raises(sdk.Ambiguous):
            await send_mail(post.looking(), LETTER)
    post.later = SETTLED

    assert await find_mail(post.looking(), LETTER) is None
    assert (await send_mail(post.looking(), LETTER)).id
    assert len(post.desk.mails) == 2


async def test_a_look_that_fails_never_lets_it_be_sent_again(post: Post) -> None:
    await lose(post, post.looking(), filed=True)
    post.later = SETTLED
    with pytest.raises(sdk.Ambiguous):
        await find_mail(post.looking(imap_port=1), LETTER)
    with pytest.raises(sdk.NeedsReauth):
        await find_mail(post.looking(imap_security="starttls"), LETTER)
    with pytest.raises(sdk.Ambiguous):
        await send_mail(post.looking(imap_port=1), LETTER)

    assert len(post.desk.mails) == 1


@pytest.mark.parametrize("changes", [{}, {"save_sent": "append"}, {"sent_folder": "没有这个"}], ids=str)
async def test_where_the_sent_folder_tells_nothing_a_person_is_asked(post: Post, changes: dict[str, str]) -> None:
    def again() -> sdk.Context[Any]:
        return post.looking(**changes) if changes else post.context()

    await lose(post, again(), filed=False)
    for _ in range(2):
        with pytest.raises(sdk.Rejected) as caught:
            await find_mail(again(), LETTER)
        assert caught.value.hint == errors.UNKNOWN
    assert len(post.desk.mails) == 1
    post.later = SETTLED
    assert await find_mail(again(), LETTER) is None
    assert (await send_mail(again(), LETTER)).id


async def test_a_server_that_files_nothing_gets_a_copy_in_its_sent_folder(post: Post) -> None:
    made = await send_mail(post.looking(save_sent="append"), LETTER)
    assert post.sent() == 1
    assert await find_mail(post.looking(save_sent="append"), LETTER) == made


async def test_a_copy_that_cannot_be_filed_does_not_unsend_the_mail(post: Post) -> None:
    ctx = post.looking(save_sent="append", imap_port=1)
    assert (await send_mail(ctx, LETTER)).id
    assert "not filed" in ctx.exchanges[-1].answer
