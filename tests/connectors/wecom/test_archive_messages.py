"""Decrypted messages → events, as recorded; and whose consent is asked for."""

from pathlib import Path
from typing import Any

import pytest

from connectors.wecom.archive.consent import pairs
from connectors.wecom.archive.messages import read_message
from hub import sdk
from tests.connectors.wecom.archive_fixtures import tell_given
from tests.connectors.wecom.archive_host import ANNA, BEN, serve

FOLDER = Path(__file__).parents[3] / "connectors" / "wecom" / "fixtures" / "events"
FILES = sorted(FOLDER.glob("message_archived__*.json"))


@pytest.mark.parametrize("case", [sdk.loads(f.read_bytes()) for f in FILES], ids=[f.stem for f in FILES])
def test_archived_messages_become_events_as_recorded(case: dict[str, Any]) -> None:
    got = [
        {
            "type": event.type,
            "subject": event.subject,
            "dedupe_key": event.dedupe_key,
            "occurred_at": event.occurred_at.isoformat(),
            "data": dict(event.data),
        }
        for event in tell_given(case["given"])
    ]
    assert sdk.dumps(got) == sdk.dumps(case["expect"])


def said(sender: str, to: list[str], room: str = "") -> sdk.Json:
    body = {"action": "send", "from": sender, "tolist": to, "roomid": room, "msgtime": 0, "msgtype": "text"}
    return read_message("1_external", sdk.dumps(body).encode())


def test_consent_is_asked_of_each_customer_to_each_member_or_of_the_room() -> None:
    assert pairs(said(ANNA, ["zhangsan"])) == [("zhangsan", ANNA)]
    assert pairs(said("zhangsan", [ANNA, BEN])) == [("zhangsan", ANNA), ("zhangsan", BEN)]
    assert pairs(said("zhangsan", [ANNA, "lisi"], "wr1")) == [("room wr1", ANNA)]
    assert pairs(said("wongka", ["lisi"])) == []


async def test_a_message_with_a_customer_nobody_recognises_is_kept_without_its_words() -> None:
    with serve() as host:
        plain = {"action": "send", "from": "x1", "tolist": ["y1"], "msgtime": 0, "msgtype": "text"}
        host.archive.keep("1_external", sdk.dumps({**plain, "text": {"content": "机密"}}).encode())
        host.archive.keep("2", sdk.dumps({**plain, "text": {"content": "内部"}}).encode())
        events = (await host.pull()).events
    assert [(event.data["text"], event.data["consent"]) for event in events] == [("", False), ("内部", True)]


@pytest.mark.parametrize("counts", [False, True])
async def test_whether_a_default_yes_counts_is_a_setting(counts: bool) -> None:
    with serve() as host:
        host.archive.agreed["zhangsan", ANNA] = "Default_Agree"
        host.archive.say({"from": ANNA, "to": ["zhangsan"], "kind": "text", "text": "你好"})
        (event,) = (await host.pull(archive_default_agree=counts)).events
    assert event.data["consent"] is counts
