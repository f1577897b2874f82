"""Our fake mail provider under bad input, hang-ups, floods and ordered faults: it lives on, and does not grow."""

import imaplib
import json
import signal
import smtplib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from imap_tools.errors import MailboxFolderSelectError

from tests.connectors.email.strangers import LI, SENT, Wire, imap, letter, look, screen, signed_in, smtp
from tests.connectors.sandboxes import Running, sandbox


@pytest.fixture
def mail(tmp_path: Path) -> Iterator[Running]:
    with sandbox("email", tmp_path) as running:
        yield running


STRANGER = [
    (b"a LOGIN " + b"x" * 200_000, b"* BAD Command line too long"),
    (b"\xff\xfe\x00\x80garbage", b"* BAD"),
    (b"", b"* BAD"),
    (b"a", b"a BAD"),
    (b"a NOSUCH thing", b"a BAD"),
    (b"a SELECT INBOX", b"a BAD"),
    (b"a LOGIN (((", b"a BAD"),
    (b"a LOGIN )", b"a BAD"),
    (b'a LOGIN "open', b"a BAD"),
    (b"a LOGIN one", b"a BAD"),
    (b"a LOGIN {9000}", b"a BAD [TOOBIG]"),
    (b"a LOGIN {999999999999}", b"a BAD [TOOBIG]"),
    (b"a LOGIN {9000+}", b"* BYE [TOOBIG]"),
    (b"a AUTHENTICATE PLAIN !!!", b"a BAD"),
    (b"a AUTHENTICATE PLAIN /w==", b"a BAD"),
    (b"a AUTHENTICATE KERBEROS", b"a NO"),
    (b"a STARTTLS", b"a BAD"),
]
GUEST = [
    (b"a SELECT nowhere", b"a NO"),
    (b"a UID", b"a BAD"),
    (b"a UID SELECT INBOX", b"a BAD"),
    (b"a UID FETCH 1 (BODY[)", b"a BAD"),
    (b"a FETCH 1 ENVELOPE", b"a BAD"),
    (b"a FETCH 1 BODY[1.MIME]", b"a BAD"),
    (b"a FETCH x FLAGS", b"a BAD"),
    (b"a FETCH 1", b"a BAD"),
    (b"a FETCH 1:2:3 FLAGS", b"a BAD"),
    (b"a FETCH 99999999999 FLAGS", b"a BAD"),
    (b"a SEARCH" + b" NOT" * 5000 + b" ALL", b"a BAD"),
    (b"a SEARCH " + b"(" * 60 + b"ALL" + b")" * 60, b"a BAD"),
    (b"a SEARCH SINCE 31-Feb-2026", b"a BAD"),
    (b"a SEARCH HEADER Message-ID", b"a BAD"),
    (b"a SEARCH CHARSET X-UNKNOWN ALL", b"a NO [BADCHARSET"),
    (b"a STORE 1 +FLAGS (\\Seen", b"a BAD"),
    (b"a STORE 1 +FLAGS (a*b)", b"a BAD"),
    (b"a STATUS INBOX (MOOD)", b"a BAD"),
    (b"a LIST", b"a BAD"),
    (b'a LIST "" ' + b"*a" * 80, b"a BAD"),
    (b"a APPEND INBOX", b"a BAD"),
    (b"a APPEND INBOX {36000000}", b"a BAD [TOOBIG]"),
]


def test_what_no_client_should_say_is_refused_and_the_server_lives_on(mail: Running) -> None:
    screen(mail, "deliver", **LI)
    for line, answer in STRANGER:
        stranger = Wire(mail)
        stranger.send(line + b"\r\n")
        assert answer in stranger.until(answer[:5]), line[:60]
        stranger.close()
    guest = Wire(mail)
    guest.ask(b"a LOGIN %b %b" % guest.pair)
    guest.ask(b"a SELECT INBOX")
    for line, answer in GUEST:
        if b"nowhere" not in line:
            guest.ask(b"a SELECT INBOX")
        assert guest.ask(line).splitlines()[-1].startswith(answer), line[:60]


HALVES = [
    ("imap", b"a LOGIN {20}\r\nsal"),
    ("imap", b"a LOGIN sales"),
    ("imap", b"a AUTHENTICATE PLAIN\r\nAH"),
    ("imap", b"\xff" * 99_999),
    ("smtp", b"EHLO x\r\nAUTH LOGIN\r\nAH"),
    ("smtp", b"\x00" * 99_999),
]


def test_clients_that_hang_up_in_the_middle_leave_nothing(mail: Running) -> None:
    for door, half in HALVES * 10:
        stranger = Wire(mail, door)
        assert stranger.greeting.startswith((b"* OK", b"220"))
        stranger.send(half)
        stranger.close()
    assert imap(mail).select("INBOX") == ("OK", [b"0"])
    assert smtp(mail).noop()[0] == 250


def test_a_mail_that_is_cut_off_half_way_is_no_mail(mail: Running) -> None:
    guest = Wire(mail)
    guest.ask(b"a LOGIN %b %b" % guest.pair)
    guest.send(b"a APPEND INBOX {500000}\r\n" + b"x" * 1000)
    guest.close()
    client = smtp(mail)
    for word in (f"MAIL FROM:<{mail.credentials['address']}>", "RCPT TO:<a@hengrui.cn>", "DATA"):
        client.docmd(word)
    client.send(b"From: sales@example.com\r\n\r\nhalf")
    client.close()
    assert imap(mail).select("INBOX") == ("OK", [b"0"])
    assert (look(mail, "sent"), mail.effects()) == ([], [])


SMTP_NOISE = [
    b"",
    b"\xff\xfe",
    b"NOSUCH",
    b"MAIL FROM",
    b"MAIL FROM:<<<",
    b"RCPT TO:<x>",
    b"DATA",
    b"AUTH PLAIN AAAA",
    b"AUTH XOAUTH2 !!!",
    b"AUTH XOAUTH2 /w==",
    b"x" * 100_000,
]


def test_smtp_noise_is_answered_with_noes(mail: Running) -> None:
    for noise in SMTP_NOISE:
        stranger = Wire(mail, "smtp")
        stranger.send(b"EHLO x\r\n")
        stranger.until(b"250 ")
        stranger.send(noise + b"\r\n\r\n")
        assert stranger.until(b"5").splitlines()[-1].startswith(b"5"), noise[:40]
        stranger.close()
    assert smtp(mail).send_message(letter(mail, "a@hengrui.cn")) == {}


TROUBLES = [
    ("search", "no", b"a NO as ordered\r\n"),
    ("search", "bad", b"a BAD as ordered\r\n"),
    ("search", "bye", b"* BYE as ordered\r\n"),
    ("search", "drop_before", b""),
    ("idle", "bye", b"* BYE as ordered\r\n"),
]


def test_ordered_troubles_of_imap_come_once(mail: Running) -> None:
    for at, do, answer in TROUBLES:
        screen(mail, "trouble", at=at, do=do, text="as ordered")
        guest = Wire(mail)
        guest.ask(b"a LOGIN %b %b" % guest.pair)
        guest.ask(b"a SELECT INBOX")
        assert guest.ask(b"a UID SEARCH ALL" if at == "search" else b"a IDLE") == answer
        assert signed_in(mail).uids() == []


def test_an_append_may_take_effect_and_never_be_answered(mail: Running) -> None:
    screen(mail, "trouble", at="append", do="drop_after")
    with pytest.raises((imaplib.IMAP4.abort, OSError)):
        signed_in(mail).append(b"Message-ID: <a@b>\r\n\r\n", SENT)
    (filed,) = mail.effects()
    assert (filed["effect"], filed["message_id"], filed["folder"]) == ("mail.filed", "<a@b>", SENT)


def test_seeded_faults_deliver_twice_and_refuse(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--faults", "duplicate=1,throttle=1,latency=1ms") as mail:
        screen(mail, "deliver", **LI)
        rows = look(mail, "folder?name=INBOX")
        assert ([row["uid"] for row in rows], len({row["message_id"] for row in rows})) == ([1, 2], 1)
        assert len(mail.effects()) == 2
        with pytest.raises(MailboxFolderSelectError, match="busy"):
            signed_in(mail)
        with pytest.raises(smtplib.SMTPSenderRefused, match="slow down"):
            smtp(mail).send_message(letter(mail, "a@hengrui.cn"))


def test_a_provider_without_marks_that_does_not_file_tells_so(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "marks=0", "--option", "sent=client") as mail:
        assert (mail.credentials["sent_folder"], mail.credentials["save_sent"]) == (SENT, "append")
        smtp(mail).send_message(letter(mail, "a@hengrui.cn"))
        box = signed_in(mail, SENT)
        assert (box.uids(), "\\Sent" in str(box.folder.list())) == ([], False)


def test_what_was_sent_may_be_filed_late(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "sent_ms=500") as mail:
        smtp(mail).send_message(letter(mail, "a@hengrui.cn"))
        assert (len(look(mail, "sent")), look(mail, f"folder?name={SENT}")) == (1, [])
        box = signed_in(mail, SENT)
        idle: Any = box.idle
        assert idle.wait(timeout=10) == [b"* 1 EXISTS"]


def test_a_command_that_is_never_answered_holds_no_place(mail: Running) -> None:
    screen(mail, "trouble", at="noop", do="hang", times=40)
    for _ in range(40):
        guest = Wire(mail)
        guest.ask(b"a LOGIN %b %b" % guest.pair)
        guest.send(b"a NOOP\r\nb NOOP\r\n")
        guest.close()
    assert signed_in(mail).uids() == []


def test_the_room_of_a_mailbox_ends(tmp_path: Path) -> None:
    with sandbox("email", tmp_path, "--option", "quota_mb=1") as mail:
        big = b"From: a@b.cn\r\n\r\n" + b"x" * 70 + b"\r\n" * 300_000
        client = imap(mail)
        assert client.append("INBOX", "", "", big)[0] == "OK"
        assert "OVERQUOTA" in str(client.append("INBOX", "", "", big))
        assert screen(mail, "deliver", **{**LI, "text": "x" * 500_000}).status_code == 507
        made = letter(mail, "a@hengrui.cn")
        made.set_content("x\n" * 150_000)
        line = smtp(mail)
        with pytest.raises(smtplib.SMTPDataError, match="552"):
            line.send_message(made)
        assert look(mail, "sent") == []


def test_more_clients_than_the_provider_takes_are_sent_away(mail: Running) -> None:
    for door, end in (("imap", b"* BYE"), ("smtp", b"")):
        crowd = [Wire(mail, door) for _ in range(33)]
        assert crowd[-1].greeting[:5] == end
        for each in crowd:
            each.close()
    assert signed_in(mail).uids() == []


NONSENSE: list[tuple[str, dict[str, Any]]] = [
    ("deliver", {}),
    ("deliver", {"raw_base64": "?"}),
    ("deliver", {"from": "a@b\r\nBcc: x@y", "text": ""}),
    ("remove", {"uid": 7}),
    ("uidvalidity", {"folder": "nowhere"}),
    ("trouble", {}),
]


def test_nonsense_at_the_screens_is_told(mail: Running) -> None:
    for path, told in NONSENSE:
        assert screen(mail, path, **told).status_code == 400, (path, told)


def test_hub_sandbox_tells_its_line_and_ends_on_an_interrupt_while_a_client_waits() -> None:
    command = [sys.executable, "-m", "hub", "sandbox", "email", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    told = json.loads(process.stdout.readline())
    waiting = Wire(Running(told["url"], told["credentials"], Path()))
    waiting.ask(b"a LOGIN %b %b" % waiting.pair)
    waiting.send(b"a IDLE\r\n")
    process.send_signal(signal.SIGINT)
    process.wait(10)
    assert (process.stdout.read(), waiting.until(b"a ")) == ("", b"+ idling\r\n")
