"""What a mail says, as China writes it; and that every mail, however spoiled, is told."""

import base64
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from imap_tools.imap_utf7 import utf7_decode, utf7_encode

from connectors.email.charsets import decode_words, to_text
from connectors.email.imap import xoauth2
from connectors.email.mails import MOST_CHARACTERS, Fetched, tell
from connectors.email.sandbox.grants import bearer_of
from hub import sdk

VECTORS = json.loads(Path(__file__).with_name("fixtures").joinpath("vectors.json").read_text("utf-8"))
ARRIVED = datetime(2026, 11, 28, 4, tzinfo=UTC)


def told(*lines: str | bytes, **changes: Any) -> dict[str, Any]:
    """The data of a mail of these lines."""
    raw = b"\r\n".join(line if isinstance(line, bytes) else line.encode() for line in lines)
    event, _ = tell(Fetched("1.1", raw, ARRIVED, **changes))
    return dict(event.data)


@pytest.mark.parametrize("vector", VECTORS["cases"], ids=lambda vector: str(vector["name"]))
def test_charsets_are_read_as_they_were_meant(vector: dict[str, Any]) -> None:
    event, _ = tell(Fetched("1.1", base64.b64decode(vector["raw_base64"]), ARRIVED))
    assert {"subject": event.data["subject"], "text": event.data["text"]} == vector["expect"]


@pytest.mark.parametrize(("coded", "name"), VECTORS["folders"].items())
def test_folder_names_are_modified_utf_7(coded: str, name: str) -> None:
    assert (utf7_decode(coded.encode()), utf7_encode(name)) == (name, coded.encode())


@pytest.mark.parametrize("vector", VECTORS["xoauth2"], ids=lambda vector: str(vector["user"]))
def test_an_access_token_is_shown_as_the_vendors_print_it(vector: dict[str, str]) -> None:
    assert base64.b64encode(xoauth2(vector["user"], vector["token"]).encode()).decode() == vector["sasl_ir"]
    told = base64.b64decode(vector["sasl_ir"]).decode()
    assert bearer_of(told) == (vector["user"], vector["token"]), "our sandbox reads it by its own code"


@pytest.mark.parametrize(
    ("label", "raw", "said"),
    [
        ("gb2312", "朱镕基".encode("gb18030"), "朱镕基"),
        ("utf-8", "你好世界".encode("gb18030"), "你好世界"),
        ("big5", "報價單".encode("big5"), "報價單"),
        ("default_charset", "询价".encode("gb18030"), "询价"),
        ("utf8mb4", "询价".encode(), "询价"),
        ("unicode_escape", b"\\u4f60", "\\u4f60"),
        ("", b"\xff\xfe\xff", "���"),
        ("utf-8", b"a\x00b", "ab"),
    ],
)
def test_a_label_is_believed_only_when_it_fits(label: str, raw: bytes, said: str) -> None:
    assert to_text(raw, label) == said


def test_a_header_without_a_label_takes_the_bodys_charset() -> None:
    raw = "Subject: 報價單".encode("big5")
    assert told(raw, "Content-Type: text/plain; charset=big5", "", "x")["subject"] == "報價單"
    assert decode_words("询价 =?gbk?B?0a+827WlCg==?=".encode()) == "询价 询价单\n"


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("attachment; filename*=GBK''%CD%BC%D6%BD.dwg", "图纸.dwg"),
        ("attachment; filename=\"old.dwg\"; filename*=utf-8''%E5%9B%BE%E7%BA%B8.dwg", "图纸.dwg"),
        ("attachment; filename*1*=%BE.dwg; filename*0*=utf-8''%E5%9B", "图.dwg"),
        ('attachment; filename="=?gb2312?B?zbzWvQ==?=.dwg"', "图纸.dwg"),
        ("attachment; filename=a\\b/../图 纸.dwg", "图 纸.dwg"),
        ('attachment; filename="say \\"hi\\".txt"', 'say "hi".txt'),
        ("attachment", "attachment.pdf"),
    ],
)
def test_attachments_are_named_in_every_way_there_is(header: str, name: str) -> None:
    data = told("Subject: x", "Content-Type: application/pdf", f"Content-Disposition: {header}", "", "x")
    assert [file["name"] for file in data["files"]] == [name]


@pytest.mark.parametrize(
    ("header", "people"),
    [
        ('"Li, Gong" <li@x.com>, 王 <wang@x.com>', [("Li, Gong", "li@x.com"), ("王", "wang@x.com")]),
        ("=?utf-8?B?5p2O?= =?utf-8?B?5bel?= <li@x.com>", [("李工", "li@x.com")]),
        ("undisclosed-recipients:;", []),
        ("li@x.com <", [("", "li@x.com")]),
    ],
)
def test_people_are_read_with_their_names(header: str, people: list[tuple[str, str]]) -> None:
    assert [(each["name"], each["address"]) for each in told(f"To: {header}", "", "x")["to"]] == people


@pytest.mark.parametrize("known", ["<>", "<[1234]@x>", "", "<a b@x>"])
def test_odd_ids_never_fail_and_never_collide(known: str) -> None:
    one, other = told(f"Message-ID: {known}", "Subject: 1", "", "x"), told(f"Message-ID: {known}", "Subject: 2", "")
    assert one["message_id"]
    assert (one["message_id"] == other["message_id"]) == bool(known.strip("<>"))


def test_when_it_was_sent_is_the_senders_word_but_never_after_it_came() -> None:
    early = told("Date: Fri, 27 Nov 2026 20:00:00 +0800", "", "x")
    assert early["at"] == "2026-11-27T12:00:00+00:00"
    for wrong in ("Mon, 29 Nov 2027 20:00:00 +0800", "Fri, 27 Nov 2026 20:00:00 -0000", "yesterday", ""):
        assert told(f"Date: {wrong}", "", "x")["at"] == ARRIVED.isoformat()


def test_long_texts_are_cut_and_say_so() -> None:
    text = told("Subject: x", "", "长" * 60_000)["text"]
    assert len(text) == MOST_CHARACTERS
    assert "60000" in text


@pytest.mark.parametrize("depth", [5, 300])
def test_parts_in_parts_in_parts_are_read_as_deep_as_is_sane(depth: int) -> None:
    inside = "\r\n".join(f"--b{n}\r\nContent-Type: multipart/mixed; boundary=b{n + 1}\r\n" for n in range(depth))
    raw = f"Content-Type: multipart/mixed; boundary=b0\r\n\r\n{inside}\r\n--b{depth}\r\n\r\nwords"
    data = told(raw)
    assert (data["text"].endswith("words"), data["problem"]) == (True, "")


def test_of_very_many_parts_the_first_hundred_files_are_kept() -> None:
    raw = "Content-Type: multipart/mixed; boundary=b\r\n\r\n" + "--b\r\nContent-Type: image/png\r\n\r\nx\r\n" * 20_000
    assert len(told(raw)["files"]) == 100


PIECES = st.sampled_from(
    [
        b"Content-Type: multipart/mixed; boundary=b\r\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=b\r\n",
        b"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822;\xc4\xe3\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\n",
        b"Content-Disposition: attachment; filename*0*=x''%; filename*999999999999*=y\r\n",
        b"From: =?gb2312?Q?=C4=E3,?= <\xc4@x\r\nTo: a@b\r\n\t,,<<\r\n",
        b"Message-ID: <>\r\nReferences: <a\r\n b> <",
        b"Date: Thu, 99 Zzz 99999 99:99:99 +9999\r\n",
        b"--b\r\n",
        b"--b--\r\n",
        b"\r\n\r\n",
        b"\x00\xed\xa0\x80",
    ]
)


@given(st.lists(st.one_of(PIECES, st.binary(max_size=40))).map(b"".join))
@example(b"")
def test_whatever_the_bytes_the_mail_is_told_and_can_be_kept(raw: bytes) -> None:
    event, files = tell(Fetched("1.1", raw, ARRIVED))
    data = event.data
    kept = sdk.dumps(dict(data))
    assert "\\u0000" not in kept
    kept.encode("utf-8")
    assert data["problem"] == ""
    assert data["message_id"]
    assert max(len(data["message_id"]), len(data["thread"]), len(event.dedupe_key)) <= 205
    assert [file.about for file in files] == data["files"]
    assert not any(re.search(r"[\x00-\x1f\\/]", file.name) for file in files)
