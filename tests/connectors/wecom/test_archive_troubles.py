"""The archive in trouble: a library that crashes, hangs, is missing or foreign; keys, secrets and answers gone wrong.

Each: the right error with a hint, nothing lost, and this process unharmed.
"""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.wecom.archive.child import ABI
from connectors.wecom.archive.library import CHILD, RESTARTS
from connectors.wecom.sandbox.archive import SECRET, add_archive
from hub import sdk
from hub.sdk.sandbox import EffectLedger, Faults
from tests.connectors.wecom.archive_host import ANNA, CORP, Host, children, read_all, serve


@pytest.fixture(scope="module")
def server() -> Iterator[Host]:
    with serve() as host:
        yield host


@pytest.fixture
def host(server: Host) -> Host:
    """The same server with one message of a customer who agreed."""
    server.archive.records.clear()
    server.archive.agreed = {("zhangsan", ANNA): "Agree"}
    server.archive.manners = {}
    server.memory = sdk.LocalMemory()
    server.archive.say(said("在吗"))
    return server


def said(text: str, **changes: Any) -> dict[str, Any]:
    return {"from": ANNA, "to": ["zhangsan"], "kind": "text", "text": text, **changes}


async def refusal(host: Host, cursor: str = "", **changes: Any) -> sdk.VendorError:
    with pytest.raises(sdk.VendorError) as caught:
        await host.pull(cursor, **changes)
    assert caught.value.hint.zh
    assert caught.value.hint.en
    assert SECRET not in str(caught.value)
    return caught.value


async def first_child() -> int:
    """The child of a poll that has just begun, once it runs its own program."""
    async with asyncio.timeout(5):
        return await asyncio.to_thread(wait_for_child)


def wait_for_child() -> int:
    while not (found := children()):
        time.sleep(0.02)
    return found[0]


@pytest.mark.parametrize(
    ("library", "kind", "code"),
    [
        ("crash", sdk.Transient, "SIGSEGV"),
        ("kill", sdk.Transient, "SIGKILL"),
        ("code 10002", sdk.Transient, "10002"),
        ("code 10003", sdk.Transient, "10003"),
        ("code 10009", sdk.NeedsReauth, "10009"),
        ("code 10010", sdk.NeedsReauth, "10010"),
        ("code 10011", sdk.NeedsReauth, "10011"),
        ("code 4711", sdk.NeedsReauth, "4711"),
    ],
)
async def test_a_library_that_fails_is_told_and_the_next_poll_loses_nothing(
    host: Host, library: str, kind: type[sdk.VendorError], code: str
) -> None:
    host.archive.manners = {"library": library, "times": RESTARTS}
    error = await refusal(host)
    assert (type(error), error.code) == (kind, code)
    host.archive.manners = {}
    assert [data["text"] for data in read_all([await host.pull()])] == ["在吗"]


async def test_a_library_that_hangs_is_ended_within_its_patience(host: Host) -> None:
    host.archive.manners = {"library": "hang"}
    began = time.monotonic()
    error = await refusal(host, patience_s=0.7)
    assert (type(error), error.code) == (sdk.Transient, "SIGALRM")
    assert time.monotonic() - began < 3
    assert children() == []


async def test_a_poll_that_is_broken_off_leaves_no_process(host: Host) -> None:
    host.archive.manners = {"library": "hang"}
    task = asyncio.create_task(host.pull())
    await first_child()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert children() == []


def test_the_kernel_ends_a_hanging_child_whose_parent_is_gone(host: Host) -> None:
    host.archive.manners = {"library": "hang"}
    child = subprocess.Popen([sys.executable, "-I", "-S", str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    assert child.stdin is not None
    account = {"do": "open", "corp": CORP, "secret": SECRET, "proxy": host.url, "password": "", "timeout": 5}
    path = host.archive.credentials()["archive_library"]
    for question in ({**account, "path": path}, {"do": "messages", "seq": 0, "limit": 10}):
        frame = sdk.dumps({**question, "seconds": 1}).encode()
        child.stdin.write(len(frame).to_bytes(4) + frame)
        child.stdin.flush()
    child.stdin.close()
    assert child.wait(5) == -signal.SIGALRM


async def test_secrets_are_neither_in_the_arguments_nor_in_the_environment_of_the_child(host: Host) -> None:
    host.archive.manners = {"library": "hang"}
    task = asyncio.create_task(host.pull(patience_s=1.0))
    place = Path(f"/proc/{await first_child()}")
    assert SECRET.encode() not in (place / "cmdline").read_bytes()
    assert (place / "environ").read_bytes() == b""
    await asyncio.gather(task, return_exceptions=True)


async def test_a_missing_library_needs_a_person(host: Host, tmp_path: Path) -> None:
    error = await refusal(host, archive_library=str(tmp_path / "none.so"))
    assert (type(error), error.code) == (sdk.NeedsReauth, "library")
    assert "none.so" in error.message


@pytest.fixture
def foreign(host: Host, tmp_path: Path) -> str:
    """The library as if built for another machine."""
    image = bytearray(Path(host.archive.credentials()["archive_library"]).read_bytes())
    image[18:20] = (0xF3).to_bytes(2, "little")  # e_machine: RISC-V
    made = tmp_path / "foreign.so"
    made.write_bytes(image)
    return str(made)


@pytest.fixture
def other(tmp_path: Path) -> str:
    """A library of something else."""
    made = tmp_path / "other.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-x", "c", "-o", str(made), "-"], input=b"int a;", check=True)
    return str(made)


async def test_a_library_for_another_machine_needs_a_person(host: Host, foreign: str) -> None:
    assert (await refusal(host, archive_library=foreign)).code == "library"


async def test_a_library_without_the_functions_needs_a_person(host: Host, other: str) -> None:
    error = await refusal(host, archive_library=other)
    assert error.code == "library"
    assert ABI[0][0] in error.message


async def test_a_wrong_secret_needs_a_person_though_the_library_calls_it_a_network_fault(host: Host) -> None:
    error = await refusal(host, archive_secret="wrong")
    assert (type(error), error.code) == (sdk.NeedsReauth, "40001")
    assert "会话内容存档" in error.hint.zh
    assert (await refusal(host, archive_secret="")).code == "10000"


async def test_no_network_is_waited_for(host: Host) -> None:
    error = await refusal(host, archive_proxy="http://127.0.0.1:1")
    assert (type(error), error.code) == (sdk.Transient, "10001")


@pytest.mark.parametrize(
    ("errcode", "kind"),
    [
        (301042, sdk.NeedsReauth),
        (301052, sdk.NeedsReauth),
        (301053, sdk.NeedsReauth),
        (48002, sdk.NeedsReauth),
        (42001, sdk.Transient),
        (45009, sdk.Throttled),
        (-1, sdk.Transient),
    ],
)
async def test_an_errcode_inside_the_slice_is_read_though_the_library_returns_0(
    host: Host, errcode: int, kind: type[sdk.VendorError]
) -> None:
    host.archive.manners = {"errcode": errcode}
    error = await refusal(host)
    assert (type(error), error.code) == (kind, str(errcode))


async def test_a_token_that_died_early_is_renewed_for_library_and_consent(host: Host) -> None:
    first = await host.pull()
    host.archive.token = "another-token"
    host.archive.agreed["lisi", ANNA] = "Agree"
    host.archive.say(said("换人", to=["lisi"]))
    (event,) = (await host.pull(first.cursor)).events
    assert event.data["text"] == "换人"


async def test_a_message_of_a_key_we_lack_holds_and_is_told_once_the_key_is_there(host: Host) -> None:
    old = host.archive.credentials()["archive_private_keys"]
    version = max(host.archive.keys) + 1
    host.archive.keys[version] = host.archive.keys[1]
    host.archive.say(said("新钥匙"))
    first = await host.pull(archive_private_keys=old)
    error = await refusal(host, first.cursor, archive_private_keys=old)
    second = await host.pull(first.cursor)
    del host.archive.keys[version]
    assert (type(error), error.code) == (sdk.NeedsReauth, f"key {version}")
    assert [data["text"] for data in read_all([first, second])] == ["在吗", "新钥匙"]
    assert first.more


async def test_keys_pasted_on_one_line_are_understood(host: Host) -> None:
    flat = host.archive.credentials()["archive_private_keys"].replace("\n", " ")
    assert len((await host.pull(archive_private_keys=flat)).events) == 1


@pytest.mark.parametrize("keys", ["", "version: 1\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----"])
async def test_no_key_or_a_broken_one_needs_a_person(host: Host, keys: str) -> None:
    error = await refusal(host, archive_private_keys=keys)
    assert (type(error), error.code) == (sdk.NeedsReauth, "key 1")


async def test_a_key_of_another_pair_needs_a_person_and_eats_no_message(host: Host) -> None:
    right = host.archive.credentials()["archive_private_keys"]
    other = add_archive(sdk.SandboxKit(EffectLedger(None), Faults(), {}, host.url))
    assert other is not None
    error = await refusal(host, archive_private_keys=other.credentials()["archive_private_keys"])
    assert (type(error), error.code) == (sdk.NeedsReauth, "key 1")
    assert len((await host.pull(archive_private_keys=right)).events) == 1


@pytest.mark.parametrize("sealed", ["AAAA", "A" * 64, "!!"], ids=["kills the library", "garbage", "not base64"])
async def test_a_message_that_cannot_be_opened_is_told_and_the_others_too(host: Host, sealed: str) -> None:
    broken = host.archive.say(said("", encrypt_chat_msg=sealed))
    host.archive.say(said("还在"))
    page = await host.pull()
    assert [event.data["kind"] for event in page.events] == ["text", "unreadable", "text"]
    assert (page.events[1].subject, page.events[1].data["consent"]) == (broken, False)
    assert page.events[1].dedupe_key == f"archive:{broken}:unreadable"
    assert page.events[2].data["text"] == "还在"


async def test_a_message_whose_key_is_damaged_is_told_once_the_private_key_has_proved_good(host: Host) -> None:
    host.archive.say(said("坏"))
    host.archive.records[-1]["encrypt_random_key"] = "A" * 344
    first = await host.pull()
    host.archive.records.append({**host.archive.records[-1], "seq": 90, "msgid": "later_external"})
    second = await host.pull(first.cursor)
    assert [data["kind"] for data in read_all([first, second])] == ["text", "unreadable", "unreadable"]


async def test_odd_messages_never_stop_the_page(host: Host) -> None:
    rng = random.Random(11)
    odd = [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"action":"send"}',
        b'{"action":"send","msgtype":"text","from":"a","msgtime":"x"}',
    ]
    odd += [
        b'{"action":"send","msgtype":"text","from":"a","msgtime":1e999}',
        b"[" * 5000,
        *map(rng.randbytes, range(1, 40)),
    ]
    for place, content in enumerate(odd):
        host.archive.keep(f"odd_{place}", content)
    page = await host.pull()
    assert [event.data["kind"] for event in page.events] == ["text", *["unreadable"] * len(odd)]
    sdk.dumps([dict(event.data) for event in page.events])
