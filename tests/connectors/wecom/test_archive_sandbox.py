"""The archive as a person has it: `hub sandbox wecom`, its screens, and the connection its credentials make."""

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest

from connectors.wecom import connector
from connectors.wecom.sandbox.archive import add_archive
from hub import sdk
from hub.sdk import testing
from hub.sdk.sandbox import EffectLedger, Faults
from tests.connectors.sandboxes import Running, sandbox
from tests.connectors.wecom.archive_host import ANNA, read_all

TEXT = {"from": ANNA, "to": ["zhangsan"], "kind": "text"}
PLAN = b"%PDF-1.7 plan"


async def ask(running: Running, path: str, told: dict[str, Any]) -> Any:
    async with httpx.AsyncClient(base_url=running.url) as screen:
        return (await screen.post(f"/_sandbox/archive{path}", json=told)).json()


async def pull(running: Running, cursor: str = "", **changes: str) -> sdk.Page:
    ctx = testing.open_context(connector, {**running.credentials, **changes})
    return await connector.polls["message.archived"].run(ctx, cursor)


@pytest.mark.parametrize("faults", ["", "latency=5ms"])
async def test_our_client_drives_our_sandbox_through_a_chat(tmp_path: Path, faults: str) -> None:
    with sandbox("wecom", tmp_path, "--option", "archive=1", "--faults", faults) as running:
        await ask(running, "", {"say": [{**TEXT, "text": "还没同意"}]})
        first = await pull(running)
        file = {**TEXT, "kind": "file", "name": "方案.pdf", "content": base64.b64encode(PLAN).decode()}
        say = [{**TEXT, "kind": "agree"}, {**TEXT, "text": "同意了"}, file]
        msgids = (await ask(running, "", {"say": say}))["msgids"]
        await ask(running, "", {"say": [{**TEXT, "kind": "revoke", "msgid": msgids[1]}]})
        second = await pull(running, first.cursor)
    told = [(data["kind"], data["text"], data["consent"]) for data in read_all([first, second])]
    assert told == [
        ("text", "", False),
        ("agree", "", True),
        ("text", "同意了", True),
        ("file", "", True),
        ("revoke", "", True),
    ]
    assert [(each.name, each.content) for each in second.files] == [("方案.pdf", PLAN)]
    assert second.events[3].data["revokes"] == msgids[1]
    kinds = [line["kind"] for line in running.effects() if line["effect"] == "message.said"]
    assert kinds == ["text", "agree", "text", "file", "revoke"]


async def test_a_rotated_key_holds_the_connection_until_it_is_entered(tmp_path: Path) -> None:
    with sandbox("wecom", tmp_path, "--option", "archive=1") as running:
        await ask(running, "", {"say": [{**TEXT, "kind": "agree"}, {**TEXT, "text": "旧"}]})
        rotated = await ask(running, "/rotate", {})
        await ask(running, "", {"say": [{**TEXT, "text": "新"}]})
        first = await pull(running)
        with pytest.raises(sdk.NeedsReauth) as caught:
            await pull(running, first.cursor)
        second = await pull(running, first.cursor, archive_private_keys=rotated["archive_private_keys"])
    assert caught.value.code == "key 2"
    assert [data["text"] for data in read_all([first, second])] == ["", "旧", "新"]


def test_a_sandbox_may_be_without_an_archive(tmp_path: Path) -> None:
    with sandbox("wecom", tmp_path, "--option", "archive=0") as running:
        assert [name for name in running.credentials if name.startswith("archive")] == []


def test_a_sandbox_that_must_have_an_archive_says_that_it_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sdk.ConfigError, match="compiler"):
        add_archive(sdk.SandboxKit(EffectLedger(None), Faults(), {"archive": "1"}))
    assert add_archive(sdk.SandboxKit(EffectLedger(None), Faults(), {})) is None
