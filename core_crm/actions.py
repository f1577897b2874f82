"""The home system as the hub sees it: the events it tells and the actions that bring the world's answers back."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

from pydantic import AwareDatetime

from core_crm import commands, facts, people, timeline, told
from core_crm.model import Decision
from core_crm.news import (
    EnrichedCustomer,
    NotedInteraction,
    RecordedPosting,
    RemovedContact,
    RevokedInteraction,
    SavedContact,
)
from core_crm.origins import KINDS
from core_crm.shapes import Currency, Given, Money, Name, Note, Short
from hub import sdk

home = sdk.HomeSystem(
    id="crm",
    title=sdk.Text("客户关系管理", "CRM"),
    events=frozenset(told.EVENTS),
    kinds=KINDS,
    told=told.EVENTS,
)


class RecordApproval(Given):
    contract_id: Short
    instance_id: Name


class DecideApproval(Given):
    """`decided_at`: ISO text with a zone."""

    instance_id: Name
    decision: Decision
    decided_at: AwareDatetime


class ApproveContract(Given):
    contract_id: Short
    reason: Name


class BookReceivable(Given):
    """`amount`: decimal text or Decimal, two places, in `currency`."""

    contract_id: Short
    external_id: Name
    number: Name
    amount: Money
    currency: Currency
    due_on: date


class RecordPayment(Given):
    """`amount`: decimal text or Decimal, two places, in `currency`; `receivable_number` may be ""."""

    external_id: Name
    number: Name
    receivable_number: Note = ""
    amount: Money
    currency: Currency
    paid_on: date
    modified_at: AwareDatetime


@home.action("record_approval", title=sdk.Text("登记审批", "Record an approval"))
async def record_approval(unit: sdk.Unit, given: RecordApproval) -> sdk.Made:
    """Remember which approval decides on a contract. Safe to repeat."""
    with refusing():
        contract = await commands.record_approval(unit, given.contract_id, given.instance_id)
    return sdk.Made(id=contract["id"], number=contract["number"])


@home.action("decide_approval", title=sdk.Text("审批结果写回合同", "Apply an approval's decision"))
async def decide_approval(unit: sdk.Unit, given: DecideApproval) -> sdk.Made:
    """Move the contract on as decided. Safe to repeat. NotReady until the approval is recorded."""
    with refusing():
        contract = await commands.decide_approval(unit, given.instance_id, given.decision, given.decided_at)
    return sdk.Made(id=contract["id"], number=contract["number"])


@home.action("approve_contract", title=sdk.Text("按规则批准合同", "Approve a contract by rule"))
async def approve_contract(unit: sdk.Unit, given: ApproveContract) -> sdk.Made:
    """Approve a submitted contract without asking a person. Safe to repeat."""
    with refusing():
        contract = await commands.approve_contract(unit, given.contract_id, given.reason)
    return sdk.Made(id=contract["id"], number=contract["number"])


@home.action("book_receivable", title=sdk.Text("登记应收", "Book a receivable"))
async def book_receivable(unit: sdk.Unit, given: BookReceivable) -> sdk.Made:
    """Keep the receivable that finance booked for a contract. Safe to repeat."""
    with refusing():
        made = await commands.book_receivable(unit, **dict(given))
    return sdk.Made(id=made, number=given.number)


@home.action("record_payment", title=sdk.Text("登记回款", "Record a payment"))
async def record_payment(unit: sdk.Unit, given: RecordPayment) -> sdk.Made:
    """Keep a payment, allocated when its receivable is known. Safe to repeat; newer news corrects."""
    with refusing():
        made = await commands.record_payment(unit, **dict(given))
    return sdk.Made(id=made, number=given.number)


@home.action("record_posting", title=sdk.Text("登记其他财务系统的入账", "Record a booking elsewhere"))
async def record_posting(unit: sdk.Unit, given: RecordedPosting) -> sdk.Made:
    """Remember that one more finance system has booked a contract. Safe to repeat."""
    with refusing():
        made = await commands.record_posting(unit, **dict(given))
    return sdk.Made(id=made, number=given.number)


@home.action("enrich_customer", title=sdk.Text("写入工商信息", "Keep registry data of a customer"))
async def enrich_customer(unit: sdk.Unit, given: EnrichedCustomer) -> sdk.Made:
    """Keep what a registry says of a customer, each field with its source. Safe to repeat; newer news win."""
    with refusing():
        customer = await facts.enrich_customer(unit, given)
    return sdk.Made(id=customer["id"], number=customer["number"])


@home.action("save_contact", title=sdk.Text("保存联系人", "Save a contact"))
async def save_contact(unit: sdk.Unit, given: SavedContact) -> sdk.Made:
    """Keep a person of another system as a contact. Safe to repeat; newer news win."""
    return sdk.Made(id=await people.save_contact(unit, given), number=given.external_id)


@home.action("remove_contact", title=sdk.Text("标记联系人已移除", "Mark a contact as removed"))
async def remove_contact(unit: sdk.Unit, given: RemovedContact) -> sdk.Made:
    """Mark that another system has a person no longer. Safe to repeat; newer news win."""
    return sdk.Made(id=await people.remove_contact(unit, given.external_id, given.removed_at), number=given.external_id)


@home.action("note_interaction", title=sdk.Text("登记往来", "Note an interaction"))
async def note_interaction(unit: sdk.Unit, given: NotedInteraction) -> sdk.Made:
    """Keep what was said in another system, on its contact's timeline if there is one. Safe to repeat."""
    return sdk.Made(id=await timeline.note_interaction(unit, given), number=given.external_id)


@home.action("revoke_interaction", title=sdk.Text("撤回往来", "Revoke an interaction"))
async def revoke_interaction(unit: sdk.Unit, given: RevokedInteraction) -> sdk.Made:
    """Forget the words of what was revoked. Safe to repeat. NotReady until it is recorded."""
    made = await timeline.revoke_interaction(unit, given.external_id, given.revoked_at)
    return sdk.Made(id=made, number=given.external_id)


@contextmanager
def refusing() -> Iterator[None]:
    """Our own Problem becomes what the hub knows to do with a delivery: it will never pass."""
    try:
        yield
    except sdk.Problem as problem:
        raise sdk.Rejected(problem.message, code=problem.code, hint=problem.hint) from problem
