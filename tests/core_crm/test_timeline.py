"""What was said elsewhere: once, with whom it was said, nothing lost, and forgotten when it is revoked."""

from functools import partial
from itertools import permutations
from typing import Any

import pytest
from pydantic import ValidationError

from core_crm.news import TEXT_MAX
from hub import sdk
from tests.core_crm.samples import act, meet, rows
from tests.core_crm.test_people import contact, customer, save
from tests.core_crm.works import Works

CHAT: dict[str, Any] = {
    "external_id": "msg_1",
    "kind": "chat",
    "direction": "in",
    "at": "2026-11-28T09:30:00+08:00",
    "text": "合同收到了，这周安排付款。",
    "contact": {"external_id": "wm_li", "name": "李工"},
}
PAGE = {"name": "盖章页.txt", "content_type": "text/plain", "size": 8, "digest": "ab" * 32}
MAIL: dict[str, Any] = {
    "external_id": "<1@hengrui.example>",
    "kind": "email",
    "direction": "in",
    "at": "2026-11-28T09:31:00+08:00",
    "subject": "关于合同",
    "text": "您好：\n\n合同条款已确认。",
    "thread": "<0@lianshu.example>",
    "contact": {"email": "Li.Gong@Hengrui.example", "name": "李工"},
    "attachments": [PAGE],
}
WHOSE = "SELECT contact_id, customer_id FROM interactions"


async def chat(works: Works, tenant: str = "demo", **changes: Any) -> str:
    return (await act(works, "wecom", "note_interaction", tenant, **{**CHAT, **changes})).id


async def mail(works: Works, **changes: Any) -> str:
    return (await act(works, "mail", "note_interaction", **{**MAIL, **changes})).id


async def revoke(works: Works, revoked_at: str = "2026-11-28T09:32:00+08:00") -> str:
    made = await act(works, "wecom", "revoke_interaction", external_id="msg_1", revoked_at=revoked_at)
    return made.id


async def test_a_chat_is_on_the_timeline_of_the_person_with_that_id(works: Works) -> None:
    owner = await customer(works)
    person = await save(works)
    assert len({await chat(works) for _ in range(3)}) == 1
    assert await rows(works, WHOSE) == [(person, owner)]


async def test_the_same_id_at_another_source_is_somebody_else(works: Works) -> None:
    await save(works)
    await act(works, "dingtalk", "note_interaction", **CHAT)
    assert await rows(works, WHOSE) == [(None, None)]


async def test_a_mail_is_on_the_timeline_of_the_person_with_that_address_in_any_case(works: Works) -> None:
    owner = await customer(works)
    person = await contact(works, owner, name="李工", email="li.gong@hengrui.example")
    await mail(works)
    assert await rows(works, WHOSE) == [(person, owner)]
    assert await rows(works, "SELECT text, attachments FROM interactions") == [(MAIL["text"], [PAGE])]


async def test_an_address_that_two_customers_share_is_nobodys(works: Works) -> None:
    for n, name in enumerate(("甲公司", "乙公司")):
        await contact(works, await customer(works, f"C-{n}", name), name="客服", email="li.gong@hengrui.example")
    await mail(works)
    assert await rows(works, WHOSE) == [(None, None)]


@pytest.mark.parametrize("order", list(permutations(range(4))))
async def test_chat_mail_person_and_customer_meet_in_every_order(works: Works, order: tuple[int, ...]) -> None:
    doings = (
        partial(chat, works),
        partial(mail, works),
        partial(save, works, email="li.gong@hengrui.example"),
        partial(customer, works),
    )
    made = {n: await doings[n]() for n in order}
    assert await rows(works, WHOSE) == [(made[2], made[3])] * 2


async def test_all_of_it_at_once_meets_too(works: Works) -> None:
    said = [partial(chat, works, external_id=f"msg_{n}") for n in range(8)]
    person, owner, *_ = await meet(works, partial(save, works), partial(customer, works), *said)
    assert await rows(works, f"{WHOSE} GROUP BY 1, 2") == [(person, owner)]


async def test_twenty_tellings_at_once_are_one_interaction(works: Works) -> None:
    assert len(set(await meet(works, *[partial(chat, works) for _ in range(20)]))) == 1
    assert await rows(works, "SELECT count(*) FROM interactions") == [(1,)]


async def test_without_consent_no_words_and_no_files_are_kept(works: Works) -> None:
    await mail(works, consent=False)
    found = await rows(works, "SELECT consent, subject, text, attachments, counterpart_name FROM interactions")
    assert found == [(False, "", "", [], "李工")]


async def test_a_text_too_long_is_cut_and_says_so(works: Works) -> None:
    await chat(works, text="长" * (TEXT_MAX + 1))
    await chat(works, external_id="msg_2", text="长" * TEXT_MAX)
    (cut,), (whole,) = await rows(works, "SELECT text FROM interactions ORDER BY external_id")
    assert (cut[:TEXT_MAX], "100001" in cut[TEXT_MAX:]) == ("长" * TEXT_MAX, True)
    assert whole == "长" * TEXT_MAX


async def test_odd_characters_and_an_empty_text_lose_nothing(works: Works) -> None:
    await mail(works, subject="a\r\nb\x00\x07c", text="x\x00y", thread="")
    await mail(works, external_id="2", subject=None, text=None, thread=None, contact={"external_id": None})
    found = await rows(works, "SELECT subject, text FROM interactions ORDER BY external_id")
    assert found == [("", ""), ("a b c", "xy")]


@pytest.mark.parametrize(
    "wrong",
    [
        {"external_id": ""},
        {"kind": "telepathy"},
        {"direction": "up"},
        {"at": "2026-11-28T09:30:00"},
        {"attachments": [{**PAGE, "digest": "../etc"}]},
        {"attachments": [{**PAGE, "size": -1}]},
    ],
)
async def test_what_decides_is_strict(works: Works, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        await chat(works, **wrong)
    assert await rows(works, WHOSE) == []


async def test_a_revoked_message_is_forgotten_but_was_said_and_a_repeat_does_not_bring_it_back(works: Works) -> None:
    made = await chat(works, attachments=[PAGE])
    assert {await revoke(works), await revoke(works, "2026-11-29T00:00:00+08:00")} == {made}
    assert await chat(works, attachments=[PAGE]) == made
    found = await rows(works, "SELECT text, attachments, to_char(revoked_at, 'DD HH24:MI') FROM interactions")
    assert found == [("", [], "28 01:32")]


async def test_a_revocation_that_comes_first_waits(works: Works) -> None:
    with pytest.raises(sdk.NotReady) as waits:
        await revoke(works)
    assert (waits.value.code, bool(waits.value.hint.zh), bool(waits.value.hint.en)) == (
        "interaction-unknown",
        True,
        True,
    )


async def test_another_tenant_neither_sees_nor_revokes_nor_collides(works: Works) -> None:
    await save(works)
    await chat(works)
    with pytest.raises(sdk.NotReady):
        await act(works, "wecom", "revoke_interaction", "other", external_id="msg_1", revoked_at=CHAT["at"])
    await chat(works, "other")
    assert await rows(works, WHOSE, "other") == [(None, None)]
    assert await rows(works, "SELECT count(*) FROM interactions") == [(1,)]
