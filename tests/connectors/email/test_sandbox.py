"""Our fake mail provider, driven by strangers: imaplib, imap-tools, smtplib, aiosmtplib, authlib; not by our client."""

import asyncio
import imaplib
import smtplib
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import aiosmtplib
import pytest
from authlib.oauth2.auth import ClientAuth
from authlib.oauth2.rfc6749.parameters import prepare_token_request
from imap_tools.errors import MailboxFolderSelectError, MailboxLoginError
from imap_tools.mailbox import MailBox, MailBoxStartTls

from hub.sdk.client import make_client
from hub.sdk.http import LOOPBACK
from tests.connectors.email.strangers import LI, SENT, Wire, imap, letter, look, port, screen, signed_in, smtp, tools
from tests.connectors.sandboxes import Running, sandbox


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Running]:
    with sandbox("email", tmp_path) as running:
        yield running


def aio(running: Running) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(hostname="127.0.0.1", port=port(running, "smtp"), start_tls=False, timeout=10)


def test_imaplib_as_an_oracle_reads_without_a_trace_and_falls_into_the_star_trap(mail: Running) -> None:
    made = screen(mail, "deliver", **LI, message_id="a@hengrui.cn", at="2026-02-03T08:00:00+08:00").json()
    screen(mail, "deliver", **LI, message_id="b@hengrui.cn", in_reply_to="a@hengrui.cn", references=["a@hengrui.cn"])
    assert made == {"message_id": "<a@hengrui.cn>", "uid": 1}
    client = imap(mail)
    assert {"IDLE", "ID", "SPECIAL-USE"} <= set(client.capability()[1][0].decode().split())
    assert client.select("INBOX", readonly=True) == ("OK", [b"2"])
    assert client.uid("SEARCH", "UID", "3:*") == ("OK", [b"2"])
    assert client.uid("SEARCH", "HEADER", "Message-ID", '"<a@hengrui.cn>"') == ("OK", [b"1"])
    assert client.uid("SEARCH", "SINCE", "4-Feb-2026") == ("OK", [b"2"])
    _, told = client.uid("FETCH", "1:2", "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[HEADER] BODY[TEXT]<0.4>)")
    head, header = told[0]
    assert b'1 (UID 1 FLAGS () INTERNALDATE " 3-Feb-2026 08:00:00 +0800" RFC822.SIZE' in head
    assert header.startswith(b"From: =?utf-8?b?5p2O5bel?= <li@hengrui.cn>\r\n")
    assert header.endswith(b"\r\n\r\n")
    assert told[1] == (b" BODY[TEXT]<0> {4}", told[1][1][:4])
    _, told = client.uid("FETCH", "2", "(BODY.PEEK[HEADER.FIELDS (REFERENCES IN-REPLY-TO)])")
    assert told[0][1] == b"In-Reply-To: <a@hengrui.cn>\r\nReferences: <a@hengrui.cn>\r\n\r\n"
    assert [row["flags"] for row in look(mail, "folder?name=INBOX")] == [[], []]
    client.select("INBOX")
    client.uid("FETCH", "1", "(BODY.PEEK[])")
    client.uid("FETCH", "2", "(BODY[])")
    assert [row["flags"] for row in look(mail, "folder?name=INBOX")] == [[], ["\\Seen"]]
    client.logout()


def test_imap_tools_as_an_oracle_reads_marks_copies_and_deletes(mail: Running) -> None:
    file = {"name": "盖章页.pdf", "type": "application/pdf", "content_base64": "JVBERi0="}
    screen(mail, "deliver", **LI, attachments=[file], html="<p>您好</p>", cc=["wang@hengrui.cn"])
    raw = "U3ViamVjdDog0MK6xc28DQoNCsTjusM="
    screen(mail, "deliver", raw_base64=raw)
    with signed_in(mail) as box:
        first, second = box.fetch(mark_seen=False)
        assert (first.subject, first.from_, first.cc) == ("关于合同", "li@hengrui.cn", ("wang@hengrui.cn",))
        assert [(a.filename, a.payload) for a in first.attachments] == [("盖章页.pdf", b"%PDF-")]
        assert (first.text.strip(), first.html.strip()) == ("您好：条款已确认。", "<p>您好</p>")
        assert second.obj.as_bytes().startswith(b"Subject: ")
        assert box.uids("SUBJECT 合同", charset="UTF-8") == ["1"]
        names = {folder.name: folder.flags for folder in box.folder.list()}
        assert "\\Sent" in names[SENT]
        assert "\\Junk" in names["垃圾邮件"]
        box.flag("1", ["\\Flagged"], True)
        assert box.uids("FLAGGED NOT SEEN") == ["1"]
        box.copy("1", "垃圾邮件")
        box.delete("2")
        status = box.folder.status("INBOX")
        assert (status["MESSAGES"], status["UIDNEXT"], status["UNSEEN"]) == (1, 3, 1)
        box.append(b"From: a@b.cn\r\nMessage-ID: <k@b.cn>\r\n\r\nx", SENT, flag_set=["\\Seen"])
        box.folder.set(SENT, readonly=True)
        assert [m.obj["Message-ID"] for m in box.fetch("ALL")] == ["<k@b.cn>"]
    assert [line["effect"] for line in mail.effects()] == ["mail.delivered", "mail.delivered", "mail.filed"]


def test_imap_tools_as_an_oracle_is_woken_from_idle_and_feels_it_break(mail: Running) -> None:
    box = signed_in(mail)
    idle: Any = box.idle
    for number in (1, 2):
        idle.start()
        screen(mail, "deliver", **LI)
        assert idle.poll(timeout=10) == [b"* %d EXISTS" % number]
        idle.stop()
    idle.start()
    screen(mail, "remove", uid=1)
    assert idle.poll(timeout=10) == [b"* 1 EXPUNGE"]
    assert screen(mail, "kill_idle").json() == {"killed": 1}
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        idle.stop()
    assert signed_in(mail).uids() == ["2"]


def test_smtplib_as_an_oracle_sends_and_what_it_sent_is_filed_and_reaches_ourselves(mail: Running) -> None:
    client = smtp(mail)
    assert client.send_message(letter(mail, "buyer@hengrui.cn", mail.credentials["address"])) == {}
    client.quit()
    effects = mail.effects()
    assert [line["effect"] for line in effects] == ["mail.accepted", "mail.delivered"]
    assert {line["message_id"] for line in effects} == {"<q1@example.com>"}
    assert effects[0]["to"] == ["buyer@hengrui.cn", mail.credentials["address"]]
    (sent,) = look(mail, "sent")
    assert (sent["subject"], sent["message_id"]) == ("报价单", "<q1@example.com>")
    with signed_in(mail, SENT) as box:
        assert box.uids('HEADER Message-ID "<q1@example.com>"') == ["1"]


def test_recipients_that_are_noes(mail: Running) -> None:
    client = smtp(mail)
    for to, code in (("busy@hengrui.cn", 451), ("nobody@hengrui.cn", 550)):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as caught:
            client.send_message(letter(mail, to))
        assert caught.value.recipients[to][0] == code
        assert client.send_message(letter(mail, to, "fine@hengrui.cn")).keys() == {to}


def test_silence_before_or_after_a_mail_was_accepted(mail: Running) -> None:
    for to, accepted in (("cut@hengrui.cn", 0), ("silent@hengrui.cn", 1)):
        client = smtp(mail)
        with pytest.raises(smtplib.SMTPServerDisconnected):
            client.send_message(letter(mail, to))
        assert len(look(mail, "sent")) == len(look(mail, f"folder?name={SENT}")) == accepted


TROUBLES: list[tuple[str, Any, type[Exception]]] = [
    ("auth", 535, smtplib.SMTPAuthenticationError),
    ("mail", 421, smtplib.SMTPSenderRefused),
    ("rcpt", 451, smtplib.SMTPRecipientsRefused),
    ("data", 554, smtplib.SMTPDataError),
    ("data", "drop_before", smtplib.SMTPServerDisconnected),
    ("data", "drop_after", smtplib.SMTPServerDisconnected),
]


def test_ordered_troubles_come_as_often_as_ordered(mail: Running) -> None:
    for at, do, error in TROUBLES:
        before = len(look(mail, "sent"))
        screen(mail, "trouble", at=at, do=do, times=4 if at == "auth" else 2)  # smtplib tries PLAIN, then LOGIN
        for _ in range(2):
            with pytest.raises(error):
                smtp(mail).send_message(letter(mail, "a@hengrui.cn"))
        assert smtp(mail).send_message(letter(mail, "a@hengrui.cn")) == {}
        assert len(look(mail, "sent")) - before == (3 if do == "drop_after" else 1)


async def test_aiosmtplib_as_an_oracle_hears_who_may_send(mail: Running) -> None:
    ours, word = mail.credentials["address"], mail.credentials["password"]
    async with aio(mail) as client:
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match="Authentication required"):
            await client.send_message(letter(mail, "a@hengrui.cn"))
        with pytest.raises(aiosmtplib.SMTPAuthenticationError, match="authorization code"):
            await client.login(ours, "wrong")
        await client.login(ours, word)
        with pytest.raises(aiosmtplib.SMTPSenderRefused, match="must equal authorized user"):
            await client.send_message(letter(mail, "a@hengrui.cn"), sender="boss@example.com")
        with pytest.raises(aiosmtplib.SMTPDataError, match="From"):
            await client.send_message(letter(mail, "a@hengrui.cn", sender="boss@example.com"), sender=ours)
        errors, _ = await client.send_message(letter(mail, "a@hengrui.cn"))
    assert errors == {}


def test_encrypted_doors_show_a_certificate_of_their_own_authority(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "security=tls") as mail:
        trusting = ssl.create_default_context(cadata=mail.credentials["ca_certificate"])
        ours, word = mail.credentials["address"], mail.credentials["password"]
        with smtplib.SMTP_SSL("127.0.0.1", port(mail, "smtp"), context=trusting, timeout=10) as client:
            client.login(ours, word)
            client.send_message(letter(mail, ours))
        with pytest.raises(ssl.SSLCertVerificationError):
            MailBox("127.0.0.1", port(mail, "imap"), 10, ssl_context=ssl.create_default_context())
        with MailBox("127.0.0.1", port(mail, "imap"), 10, ssl_context=trusting).login(ours, word) as box:
            assert [each.subject for each in box.fetch()] == ["报价单"]


def test_starttls_comes_before_any_sign_in_and_carries_a_big_mail(tmp_path: Path) -> None:
    big = b"From: a@b.cn\r\n\r\n" + b"x" * 70 + b"\r\n" * 1_000_000
    with sandbox("email", tmp_path, "--option", "security=starttls") as mail:
        trusting = ssl.create_default_context(cadata=mail.credentials["ca_certificate"])
        ours, word = mail.credentials["address"], mail.credentials["password"]
        with pytest.raises(imaplib.IMAP4.error, match="PRIVACYREQUIRED"):
            imap(mail)
        with pytest.raises(smtplib.SMTPException):
            smtp(mail)
        with smtplib.SMTP("127.0.0.1", port(mail, "smtp"), timeout=10) as client:
            client.starttls(context=trusting)
            client.login(ours, word)
            client.send_message(letter(mail, "a@hengrui.cn"))
        with MailBoxStartTls("127.0.0.1", port(mail, "imap"), 10, ssl_context=trusting).login(ours, word) as box:
            box.append(big, SENT)
            box.folder.set(SENT)
            assert [each.size_rfc822 for each in box.fetch()][1] == len(big)


async def token(running: Running, kind: str, refresh: str = "", how: str = "client_secret_post", **odd: str) -> Any:
    """Ask for a token as authlib writes it."""
    told = {**running.credentials, **odd}
    body = prepare_token_request(kind, scope=told["scope"], **({"refresh_token": refresh} if refresh else {}))
    auth: Any = ClientAuth(told["client_id"], told["client_secret"], how)
    form = {"content-type": "application/x-www-form-urlencoded"}
    url, headers, body = auth.prepare("POST", told["token_url"], form, body)
    async with make_client(egress=LOOPBACK) as http:
        return (await http.post(url, headers=headers, content=body)).json()


async def test_authlib_as_an_oracle_gets_tokens_and_each_refresh_token_once(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "auth=oauth") as mail:
        first = await token(mail, "refresh_token", mail.credentials["refresh_token"])
        again = await token(mail, "refresh_token", mail.credentials["refresh_token"])
        second = await token(mail, "refresh_token", first["refresh_token"], "client_secret_basic")
        own = await token(mail, "client_credentials", how="client_secret_basic")
        wrong = await token(mail, "client_credentials", client_secret="wrong")
        odd = await token(mail, "password")
    assert (again["error"], wrong["error"], odd["error"]) == (
        "invalid_grant",
        "invalid_client",
        "unsupported_grant_type",
    )
    assert len({told["access_token"] for told in (first, second, own)}) == 3
    assert (first["token_type"], own["expires_in"], "refresh_token" in own) == ("Bearer", 3600, False)


def test_strangers_sign_in_with_access_tokens_until_they_end(tmp_path: Path) -> None:
    async def send(bearer: str) -> None:
        async with aio(mail) as line:
            await line.auth_xoauth2(ours, bearer)
            await line.send_message(letter(mail, "a@hengrui.cn"))

    with sandbox("email", tmp_path, "--option", "auth=oauth") as mail:
        ours = mail.credentials["address"]
        good = asyncio.run(token(mail, "client_credentials"))["access_token"]
        with pytest.raises(imaplib.IMAP4.error, match="AUTHENTICATE failed"):
            tools(mail).xoauth2(ours, "stale")
        with pytest.raises(MailboxLoginError, match="password error"):
            tools(mail).login(ours, "sandbox-mail-word-41f7")
        asyncio.run(send(good))
        idle: Any = tools(mail).xoauth2(ours, good).idle
        idle.start()
        screen(mail, "expire_tokens")
        assert idle.poll(timeout=10) == [b"* BYE Session invalidated - AccessTokenExpired"]
        with pytest.raises(aiosmtplib.SMTPAuthenticationError):
            asyncio.run(send(good))
        screen(mail, "expire_tokens", refresh=True)
        gone = asyncio.run(token(mail, "refresh_token", mail.credentials["refresh_token"]))
    assert gone["error"] == "invalid_grant"


def test_neteases_ways_no_idle_and_nothing_opens_before_id(mail: Running) -> None:
    screen(mail, "unsafe")
    with pytest.raises(MailboxFolderSelectError, match="Unsafe Login"):
        signed_in(mail)
    client = imap(mail)
    assert "X-CM-EXT-1" in client.capability()[1][0].decode()
    assert "IDLE" not in client.capability()[1][0].decode()
    assert client.select("INBOX")[0] == "NO"
    assert client.status("INBOX", "(MESSAGES)") == ("NO", [b"STATUS State error"])
    good = Wire(mail)
    assert good.ask(b"a LOGIN %b %b" % good.pair).endswith(b"a OK LOGIN completed\r\n")
    assert b'* ID ("name"' in good.ask(b'a ID ("name" "lianshu" "version" "1")')
    assert b"a BAD" in good.ask(b"a IDLE")
    assert b"a OK [READ-ONLY]" in good.ask(b"a EXAMINE INBOX")


def test_a_rebuilt_folder_has_new_uids_and_sends_its_readers_away(mail: Running) -> None:
    for _ in range(3):
        screen(mail, "deliver", **LI)
    screen(mail, "remove", uid=1)
    client = imap(mail)
    client.select("INBOX")
    before = int(client.response("UIDVALIDITY")[1][0] or 0)
    assert client.uid("SEARCH", "ALL") == ("OK", [b"2 3"])
    assert screen(mail, "uidvalidity").json() == {"uidvalidity": before + 1}
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        client.noop()
    again = imap(mail)
    again.select("INBOX")
    assert again.response("UIDVALIDITY")[1] == [str(before + 1).encode()]
    assert again.uid("SEARCH", "ALL") == ("OK", [b"1 2"])
