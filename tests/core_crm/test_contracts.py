"""Contracts move by the table, tell each change once, and one of two who come at once wins."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from core_crm import commands, home, people, timeline
from core_crm.model import Decision
from core_crm.shapes import NewContact, NewInteraction
from hub import sdk
from tests.core_crm.samples import AGREED, APPROVAL, act, approved, draft, meet, rows, submitted
from tests.core_crm.works import Works

EVENTS = "SELECT type, dedupe_key FROM events WHERE type LIKE 'contract.%' ORDER BY id"


async def status(works: Works, contract_id: str) -> str:
    async with works.begin("demo") as unit:
        found = await unit.fetchval("SELECT status FROM contracts WHERE id = $1", contract_id)
    return str(found)


async def test_submitting_tells_the_whole_contract_and_its_customer_exactly(works: Works) -> None:
    made = await submitted(works)

    async with works.begin("demo") as unit:
        event = await unit.fetchrow(
            "SELECT connection, type, subject, dedupe_key, data FROM events WHERE subject = $1", made
        )
        customer = await unit.fetchrow("SELECT id FROM customers")

    assert event is not None
    assert customer is not None
    assert (event["connection"], event["type"], event["subject"]) == ("crm", "contract.submitted", made)
    assert event["dedupe_key"] == f"contract.submitted:{made}:1"
    contract: dict[str, Any] = event["data"]["contract"]
    lines = contract.pop("lines")
    assert contract == {
        "id": made,
        "number": "HT-1",
        "title": "设备采购",
        "status": "submitted",
        "currency": "CNY",
        "amount": Decimal("628000.00"),
        "signed_on": "2026-11-20",
        "due_on": "2026-12-31",
    }
    assert str(contract["amount"]) == "628000.00"
    assert [line["line_no"] for line in lines] == list(range(1, 11))
    assert sum(line["amount"] for line in lines) == contract["amount"]
    assert lines[1] == {
        "line_no": 2,
        "product": "加工中心 2",
        "spec": "VMC-850",
        "unit": "台",
        "quantity": Decimal("1.0000"),
        "unit_price": Decimal("99999.9900"),
        "tax_rate": Decimal("13.00"),
        "amount": Decimal("99999.99"),
    }
    assert event["data"]["customer"] == {
        "id": customer["id"],
        "number": "C-HT-1",
        "name": "苏州恒锐精密机械有限公司",
        "credit_code": "91520000214434146R",
        "contacts": [],
    }


async def test_every_event_told_is_one_the_home_system_declares(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": "rejected"})
    await approved(works, "HT-2")
    told = {kind for (kind,) in await rows(works, "SELECT type FROM events")}
    assert told == home.events


async def test_an_agreed_approval_approves_its_contract_and_a_repeat_changes_nothing(works: Works) -> None:
    made = await submitted(works)
    for _ in range(2):
        await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    for _ in range(2):
        answer = await act(works, "dingtalk", "decide_approval", **AGREED)
        assert (answer.id, answer.number) == (made, "HT-1")
    assert await status(works, made) == "approved"
    assert await rows(works, "SELECT instance_id, status, source FROM approvals") == [
        ("proc-1", "approved", "dingtalk")
    ]
    told = await rows(works, EVENTS)
    assert told == [(f"contract.{s}", f"contract.{s}:{made}:1") for s in ("submitted", "approved")]


async def test_a_rejected_contract_can_be_submitted_again_and_is_told_again(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": "rejected"})
    assert await status(works, made) == "rejected"
    async with works.begin("demo") as unit:
        await commands.submit_contract(unit, made)
    await act(works, "dingtalk", "record_approval", contract_id=made, instance_id="proc-2")
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "instance_id": "proc-2"})
    keys = [key for _, key in await rows(works, EVENTS)]
    assert keys == [
        f"contract.{s}:{made}:{n}" for n, s in ((1, "submitted"), (1, "rejected"), (2, "submitted"), (2, "approved"))
    ]


async def test_a_withdrawn_approval_puts_the_contract_back_into_draft_and_tells_nobody(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": "cancelled"})
    assert await status(works, made) == "draft"
    assert [kind for kind, _ in await rows(works, EVENTS)] == ["contract.submitted"]


async def test_a_decision_of_an_earlier_submission_leaves_the_contract_alone(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, instance_id="proc-old")
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": "cancelled"})
    async with works.begin("demo") as unit:
        await commands.submit_contract(unit, made)
    await act(works, "dingtalk", "decide_approval", **{**AGREED, "instance_id": "proc-old"})
    assert await status(works, made) == "submitted"


async def test_a_decision_on_an_approval_not_yet_recorded_waits(works: Works) -> None:
    await submitted(works)
    with pytest.raises(sdk.NotReady) as waits:
        await act(works, "dingtalk", "decide_approval", **AGREED)
    assert waits.value.code == "approval-unknown"
    assert waits.value.hint.zh
    assert waits.value.hint.en


async def test_the_same_instance_id_of_another_source_is_another_approval(works: Works) -> None:
    await act(works, "dingtalk", "record_approval", contract_id=await submitted(works), **APPROVAL)
    with pytest.raises(sdk.NotReady):
        await act(works, "wecom", "decide_approval", **AGREED)


async def test_a_second_and_different_decision_is_refused(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "decide_approval", **AGREED)
    with pytest.raises(sdk.Rejected, match="already approved") as refused:
        await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": "rejected"})
    assert refused.value.code == "approval-decided"
    assert await status(works, made) == "approved"


async def test_an_instance_cannot_decide_on_two_contracts(works: Works) -> None:
    await act(works, "dingtalk", "record_approval", contract_id=await submitted(works), **APPROVAL)
    with pytest.raises(sdk.Rejected, match="another contract"):
        await act(works, "dingtalk", "record_approval", contract_id=await submitted(works, "HT-2"), **APPROVAL)


async def test_a_rule_approves_once_and_its_reason_stays_through_booking(works: Works) -> None:
    made = await approved(works)
    await act(works, "crm", "approve_contract", contract_id=made, reason="另一个理由")
    booked = {"external_id": "1", "number": "AR-1", "amount": "1", "currency": "CNY", "due_on": "2026-12-31"}
    await act(works, "kingdee", "book_receivable", contract_id=made, **booked)
    assert await rows(works, "SELECT status, reason FROM contracts") == [("booked", "金额未超过 50 万元")]
    assert [k for k, _ in await rows(works, EVENTS)] == ["contract.submitted", "contract.approved"]


async def test_a_draft_cannot_be_approved(works: Works) -> None:
    with pytest.raises(sdk.Rejected, match="draft and cannot become approved") as refused:
        await act(works, "crm", "approve_contract", contract_id=await draft(works), reason="规则")
    assert refused.value.code == "contract-status"


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("record_approval", APPROVAL),
        ("approve_contract", {"reason": "规则"}),
        (
            "book_receivable",
            {"external_id": "1", "number": "1", "amount": "1", "currency": "CNY", "due_on": "2026-01-01"},
        ),
    ],
)
async def test_an_unknown_or_foreign_contract_is_rejected_alike(works: Works, name: str, given: dict[str, str]) -> None:
    foreign = await submitted(works, tenant="other")
    words = set()
    for contract_id in (foreign, "ctr_unknown"):
        with pytest.raises(sdk.Rejected) as refused:
            await act(works, "x", name, contract_id=contract_id, **given)
        words.add(str(refused.value))
    assert words == {"[contract-not-found] no such contract"}


async def test_of_twenty_submits_at_once_one_wins_and_nineteen_conflict(works: Works) -> None:
    made = await draft(works)

    async def submit() -> int:
        try:
            async with works.begin("demo") as unit:
                await commands.submit_contract(unit, made)
        except sdk.Problem as problem:
            return problem.status
        return 200

    assert sorted(await meet(works, *[submit] * 20)) == [200] + [409] * 19
    assert len(await rows(works, EVENTS)) == 1


async def test_a_decision_waits_for_one_not_yet_committed_and_then_finds_the_contract_decided(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)
    await act(works, "dingtalk", "record_approval", contract_id=made, instance_id="proc-2")
    no = {**AGREED, "instance_id": "proc-2", "decision": "rejected"}
    async with works.applying("dingtalk") as unit:
        await commands.decide_approval(unit, "proc-1", Decision.APPROVED, unit.now)
        deciding = asyncio.create_task(act(works, "dingtalk", "decide_approval", **no))
        await asyncio.sleep(0.3)
        assert not deciding.done()
    await deciding
    assert await status(works, made) == "approved"
    assert [kind for kind, _ in await rows(works, EVENTS)] == ["contract.submitted", "contract.approved"]


async def test_an_approval_and_a_withdrawal_of_one_instance_at_once_leave_one_decision(works: Works) -> None:
    made = await submitted(works)
    await act(works, "dingtalk", "record_approval", contract_id=made, **APPROVAL)

    async def decide(decision: str) -> str:
        try:
            await act(works, "dingtalk", "decide_approval", **{**AGREED, "decision": decision})
        except sdk.Rejected as refused:
            return refused.code
        return decision

    answers = await meet(works, lambda: decide("approved"), lambda: decide("cancelled"))
    (decided,) = set(answers) - {"approval-decided"}
    assert await rows(works, "SELECT status FROM approvals") == [(decided,)]
    assert await status(works, made) == {"approved": "approved", "cancelled": "draft"}[decided]


async def test_a_change_that_breaks_off_tells_nothing(works: Works) -> None:
    made = await draft(works)

    async def break_off() -> None:
        async with works.begin("demo") as unit:
            await commands.submit_contract(unit, made)
            raise RuntimeError("boom")

    with pytest.raises(RuntimeError):
        await break_off()
    assert await status(works, made) == "draft"
    assert await rows(works, EVENTS) == []


async def test_numbers_are_unique_within_a_tenant_and_free_in_another(works: Works) -> None:
    await draft(works)
    await draft(works, tenant="other")
    with pytest.raises(sdk.Problem) as taken:
        await draft(works)
    assert (taken.value.status, list(taken.value.fields)) == (409, ["number"])


async def test_nothing_can_be_hung_on_another_tenants_customer_or_contract(works: Works) -> None:
    await draft(works, tenant="other")
    await draft(works)
    foreign, contract = (await rows(works, "SELECT customer_id, id FROM contracts", "other"))[0]
    own = (await rows(works, "SELECT id FROM customers"))[0][0]
    note = NewInteraction(customer_id=own, contract_id=contract, kind="note", text="x")
    with pytest.raises(sdk.Problem, match="no such customer"):
        async with works.begin("demo") as unit:
            await people.create_contact(unit, NewContact(customer_id=foreign, name="王工"))
    with pytest.raises(sdk.Problem, match="no such contract"):
        async with works.begin("demo") as unit:
            await timeline.create_interaction(unit, note)


async def test_an_interaction_names_a_contract_of_its_own_customer(works: Works) -> None:
    await draft(works, "HT-1")
    await draft(works, "HT-2")
    (one, contract), (two, _) = await rows(works, "SELECT customer_id, id FROM contracts ORDER BY number")
    async with works.begin("demo") as unit:
        note = NewInteraction(customer_id=one, contract_id=contract, kind="visit", text="验收")
        assert (await timeline.create_interaction(unit, note)).startswith("int_")
    with pytest.raises(sdk.Problem, match="another customer"):
        async with works.begin("demo") as unit:
            await timeline.create_interaction(unit, note.model_copy(update={"customer_id": two}))
