"""The chat archive through a compiled library in a child process: what people said arrives, and nothing else."""

import base64
import hashlib
import os
import random
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.wecom.archive.media import MOST_BYTES
from hub import sdk
from tests.connectors.wecom.archive_host import ANNA, BEN, Host, read_all, serve


@pytest.fixture(scope="module")
def server() -> Iterator[Host]:
    with serve() as host:
        yield host


@pytest.fixture
def host(server: Host) -> Host:
    """The same server, emptied."""
    server.archive.records.clear()
    server.archive.agreed.clear()
    server.archive.manners = {}
    server.memory = sdk.LocalMemory()
    return server


def agree(host: Host, customer: str = ANNA, member: str = "zhangsan") -> None:
    host.archive.agreed[member, customer] = "Agree"


def chat(text: str, **changes: Any) -> dict[str, Any]:
    return {"from": ANNA, "to": ["zhangsan"], "kind": "text", "text": text, **changes}


def attach(kind: str, content: bytes, **changes: Any) -> dict[str, Any]:
    return {"from": ANNA, "to": ["zhangsan"], "kind": kind, "content": base64.b64encode(content).decode(), **changes}


async def test_what_a_customer_and_a_member_say_is_told_in_order(host: Host) -> None:
    agree(host)
    first = host.archive.say(chat("你好，主轴\n异响\x01 “急”", at=1767225600123))
    host.archive.say({"from": "zhangsan", "to": [ANNA], "kind": "text", "text": "马上看"})
    page = await host.pull()
    told, answered = page.events
    assert (told.type, told.subject, told.dedupe_key) == ("message.archived", ANNA, f"archive:{first}")
    assert told.occurred_at.isoformat() == "2026-01-01T00:00:00.123000+00:00"
    assert dict(told.data) == {
        "msgid": first,
        "kind": "text",
        "from": ANNA,
        "to": ["zhangsan"],
        "room": "",
        "at": "2026-01-01T00:00:00.123000+00:00",
        "text": "你好，主轴\n异响\x01 “急”",
        "files": [],
        "missing_files": [],
        "external_user_id": ANNA,
        "staff_user_id": "zhangsan",
        "direction": "in",
        "revokes": "",
        "consent": True,
        "raw": {},
    }
    assert (answered.data["direction"], answered.data["staff_user_id"], answered.subject) == ("out", "zhangsan", ANNA)
    assert page.more


async def test_pages_follow_the_sequence_until_nothing_is_left(host: Host) -> None:
    agree(host)
    said = [host.archive.say(chat(f"第 {n} 句")) for n in range(7)]
    pages: list[sdk.Page] = []
    cursor = ""
    while not pages or pages[-1].more:
        pages.append(await host.pull(cursor, archive_page=3))
        cursor = pages[-1].cursor
    assert [len(page.events) for page in pages] == [3, 3, 1, 0]
    assert [data["msgid"] for data in read_all(pages)] == said
    assert cursor == sdk.dumps({"seq": host.archive.records[-1]["seq"]})
    assert [page.cursor for page in (await host.pull(cursor), await host.pull(cursor))] == [cursor, cursor]


async def test_a_connection_without_an_archive_is_left_alone(host: Host) -> None:
    before = host.sign_ins
    assert await host.pull("", archive_library="") == sdk.Page((), "")
    assert host.sign_ins == before


async def test_the_first_sequence_number_is_a_setting(host: Host) -> None:
    agree(host)
    for n in range(3):
        host.archive.say(chat(str(n)))
    page = await host.pull(archive_since=host.archive.records[1]["seq"])
    assert [event.data["text"] for event in page.events] == ["2"]


async def test_without_consent_the_fact_is_told_and_nothing_of_what_was_said(host: Host) -> None:
    host.archive.say(chat("机密"))
    host.archive.say(attach("file", b"secret plans", name="机密.pdf"))
    host.archive.say(chat("x", kind="link", body={"link": {"title": "机密"}}))
    page = await host.pull()
    assert [event.data["consent"] for event in page.events] == [False] * 3
    assert [event.data["kind"] for event in page.events] == ["text", "file", "link"]
    assert list(page.files) == []
    told = sdk.dumps([dict(event.data) for event in page.events])
    assert "机密" not in told
    assert "sdkfileid" not in told


async def test_an_agreement_in_the_chat_counts_at_once_though_the_no_was_remembered(host: Host) -> None:
    host.archive.say(chat("早"))
    first = await host.pull()
    host.archive.say(chat("", kind="agree"))
    host.archive.say(chat("现在可以了"))
    second = await host.pull(first.cursor)
    host.archive.say(chat("", kind="disagree"))
    host.archive.say(chat("又不行了"))
    third = await host.pull(second.cursor)
    told = [(data["kind"], data["text"], data["consent"]) for data in read_all([first, second, third])]
    assert told == [
        ("text", "", False),
        ("agree", "", True),
        ("text", "现在可以了", True),
        ("disagree", "", False),
        ("text", "", False),
    ]


async def test_a_stranger_among_those_asked_about_spoils_only_their_own(host: Host) -> None:
    host.archive.say(chat("留下"))
    host.archive.say(chat("不留", **{"from": BEN}))
    agree(host)
    del host.archive.agreed["zhangsan", BEN]
    assert [data["text"] for data in read_all([await host.pull()])] == ["留下", ""]


async def test_in_a_room_every_customer_must_have_agreed(host: Host) -> None:
    room = {"room": "wrOgQhDgAAMYQiS5ol9G7gK9JVAAAA", "to": ["zhangsan", "lisi", BEN]}
    host.archive.say(chat("一", **room))
    for customer in (ANNA, BEN):
        host.archive.agreed[str(room["room"]), customer] = "Agree"
    first = await host.pull()
    host.archive.agreed[str(room["room"]), BEN] = "Disagree"
    host.memory = sdk.LocalMemory()
    host.archive.say(chat("二", **room))
    second = await host.pull(first.cursor)
    assert [(data["text"], data["consent"], data["room"]) for data in read_all([first, second])] == [
        ("一", True, room["room"]),
        ("", False, room["room"]),
    ]
    assert first.events[0].subject == room["room"]


async def test_members_among_themselves_need_no_consent(host: Host) -> None:
    asked = host.sign_ins
    host.archive.say({"from": "wongka", "to": ["lisi"], "kind": "text", "text": "内部"})
    (event,) = (await host.pull()).events
    assert (event.data["text"], event.data["external_user_id"], event.subject) == ("内部", "", "lisi|wongka")
    assert host.sign_ins == asked + 1  # the library's, none for consent


async def test_a_revocation_names_what_it_takes_back(host: Host) -> None:
    agree(host)
    first = host.archive.say(chat("发错了"))
    host.archive.say(chat("", kind="revoke", msgid=first))
    _, revoked = (await host.pull()).events
    assert (revoked.data["kind"], revoked.data["revokes"], revoked.data["text"]) == ("revoke", first, "")


async def test_an_unknown_kind_is_kept_raw_without_text(host: Host) -> None:
    agree(host)
    place = {"location": {"longitude": 120.5853, "title": "苏州\x00", "zoom": 10**40}}
    host.archive.say(chat("", kind="location", body=place))
    (event,) = (await host.pull()).events
    assert (event.data["kind"], event.data["text"]) == ("location", "")
    assert event.data["raw"] == {"location": {"longitude": "120.5853", "title": "苏州�", "zoom": str(10**40)}}
    assert sdk.loads(sdk.dumps(dict(event.data))) == event.data


@pytest.mark.parametrize("kind", ["image", "file"])
async def test_a_file_arrives_whole_by_chunks(host: Host, kind: str) -> None:
    agree(host)
    content = random.Random(7).randbytes(1_300_000)
    host.archive.say(attach(kind, content, name="图纸.pdf"))
    page = await host.pull()
    (file,), (event,) = page.files, page.events
    assert hashlib.sha256(file.content).digest() == hashlib.sha256(content).digest()
    assert event.data["files"] == [file.about]
    assert (file.name, file.content_type) == (
        ("图纸.pdf", "application/pdf") if kind == "file" else ("image.jpg", "image/jpeg")
    )


@pytest.mark.parametrize(
    ("changes", "problem"),
    [({"md5": "0" * 32}, "md5"), ({"size": 5}, "size"), ({"size": MOST_BYTES + 1}, "too large")],
)
async def test_a_file_that_is_not_what_was_said_is_told_as_missing(
    host: Host, changes: dict[str, Any], problem: str
) -> None:
    agree(host)
    host.archive.say(attach("file", b"contents", name="a.txt", **changes))
    page = await host.pull()
    (event,) = page.events
    size = changes.get("size", 8)
    assert list(page.files) == []
    assert event.data["files"] == []
    assert event.data["missing_files"] == [
        {"name": "a.txt", "content_type": "text/plain", "size": size, "problem": problem}
    ]


async def test_an_empty_checksum_is_no_reason_to_lose_a_file(host: Host) -> None:
    agree(host)
    host.archive.say(attach("file", b"contents", name="a.txt", md5=""))
    assert [file.content for file in (await host.pull()).files] == [b"contents"]


async def test_a_file_that_is_gone_is_waited_for_three_times_and_then_told_as_missing(host: Host) -> None:
    agree(host)
    host.archive.say(attach("file", b"contents", name="a.txt"))
    host.archive.media.clear()
    for _ in range(3):
        with pytest.raises(sdk.Transient) as caught:
            await host.pull()
        assert caught.value.code == "10002"
    (event,) = (await host.pull()).events
    assert event.data["missing_files"][0]["problem"] == "10002"


@pytest.mark.parametrize(("order", "code", "patience"), [("crash", "SIGSEGV", 3), ("code 10010", "10010", 0)])
async def test_a_library_that_fails_at_a_file_stops_neither_for_ever_nor_silently(
    host: Host, order: str, code: str, patience: int
) -> None:
    agree(host)
    host.archive.say(attach("image", b"\xff\xd8"))
    host.archive.say(chat("后面的话"))
    host.archive.manners = {"media": order}
    for _ in range(patience):
        with pytest.raises(sdk.Transient) as caught:
            await host.pull()
        assert caught.value.code == code
    image, after = (await host.pull()).events
    assert image.data["missing_files"][0]["problem"] == ("crash" if order == "crash" else code)
    assert after.data["text"] == "后面的话"


async def test_a_network_that_fails_at_a_file_is_waited_for(host: Host) -> None:
    agree(host)
    host.archive.say(attach("image", b"\xff\xd8"))
    host.archive.manners = {"media": "code 10001"}
    for _ in range(5):
        with pytest.raises(sdk.Transient):
            await host.pull()
    host.archive.manners = {}
    assert [file.content for file in (await host.pull()).files] == [b"\xff\xd8"]


async def test_a_page_ends_early_when_its_files_grow_heavy(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.wecom.archive.pull.PAGE_BYTES", 1000)
    agree(host)
    for n in range(3):
        host.archive.say(attach("file", os.urandom(800), name=f"{n}.bin"))
    first = await host.pull()
    second = await host.pull(first.cursor)
    assert [len(first.files), len(second.files)] == [2, 1]


async def test_a_pull_that_is_too_large_is_halved(host: Host) -> None:
    agree(host)
    for n in range(40):
        host.archive.say(chat(str(n)))
    host.archive.manners = {"most": 30}
    assert len((await host.pull(archive_page=100)).events) == 25


async def test_a_stored_message_that_comes_again_has_the_same_key(host: Host) -> None:
    agree(host)
    host.archive.say(chat("一次"))
    again = [(await host.pull()).events[0].dedupe_key for _ in range(2)]
    assert again[0] == again[1]
