"""Contracts and their money. A command changes rows and tells its events in the one transaction of its unit."""

from datetime import date, datetime
from decimal import Decimal

from core_crm import model, store
from core_crm.model import Decision, Status
from core_crm.refuse import conflict, demand, missing, unless_taken
from core_crm.shapes import NewContract
from core_crm.store import Row
from hub import sdk

APPROVAL_UNKNOWN = sdk.Text(
    "审批实例尚未登记：稍后自动再试；若一直如此，检查发起审批的投递。",
    "The approval is not recorded yet: it is tried again; if that lasts, look at the delivery that started it.",
)


async def create_contract(unit: sdk.Unit, given: NewContract) -> str:
    """Create a contract in draft with its lines; its id. Problem 409 when the number is taken."""
    await demand(unit, store.CUSTOMERS, given.customer_id)
    head = (given.customer_id, given.number, given.title, given.currency, given.total, given.signed_on, given.due_on)
    made = unless_taken(await store.insert(unit, store.CONTRACT, "ctr", *head), "contract", given.number)
    for line_no, line in enumerate(given.lines, start=1):
        what = (line.product, line.spec, line.unit, line.quantity, line.unit_price, line.tax_rate, line.total)
        await store.insert(unit, store.LINE, "lin", made, line_no, *what)
    return made


async def submit_contract(unit: sdk.Unit, contract_id: str) -> None:
    """draft or rejected → submitted, and tell it. Problem 409 for any other status: a second submit is refused."""
    await _move(unit, await _locked(unit, contract_id), Status.SUBMITTED)


async def record_approval(unit: sdk.Unit, contract_id: str, instance_id: str) -> Row:
    """Remember which approval of the source decides on a contract; the contract. Safe to repeat."""
    contract = await _locked(unit, contract_id)
    values = (contract_id, unit.source, instance_id, contract["submission_no"])
    if await store.insert(unit, store.APPROVAL, "apr", *values) is None:
        known = await store.find_approval(unit, instance_id)
        if known is None or known["contract_id"] != contract_id:
            raise conflict("approval-taken", f"approval {instance_id} belongs to another contract")
    return contract


async def decide_approval(unit: sdk.Unit, instance_id: str, decision: Decision, decided_at: datetime) -> Row:
    """Close an approval and move its contract on; the contract.

    Safe to repeat. The first decision stands: another one is Problem 409. A contract that has moved on meanwhile
    (approved by rule, submitted anew) keeps its status. NotReady while the approval is not recorded.
    """
    approval = await store.find_approval(unit, instance_id)
    if approval is None:
        raise sdk.NotReady(f"approval {instance_id} is unknown", code="approval-unknown", hint=APPROVAL_UNKNOWN)
    contract = await _locked(unit, approval["contract_id"])
    approval = await store.find_approval(unit, instance_id) or approval
    if approval["status"] == decision:
        return contract
    if approval["status"] != "pending":
        raise conflict("approval-decided", f"approval {instance_id} is already {approval['status']}")
    await store.decide(unit, approval["id"], decision, decided_at)
    if (contract["status"], contract["submission_no"]) == (Status.SUBMITTED, approval["submission_no"]):
        await _move(unit, contract, model.AFTER_DECISION[decision])
    return contract


async def approve_contract(unit: sdk.Unit, contract_id: str, reason: str) -> Row:
    """submitted → approved by a rule, told with its reason; the contract. Safe to repeat."""
    contract = await _locked(unit, contract_id)
    if contract["status"] not in (Status.APPROVED, Status.BOOKED):
        await _move(unit, contract, Status.APPROVED, reason)
    return contract


async def book_receivable(
    unit: sdk.Unit, contract_id: str, external_id: str, number: str, amount: Decimal, currency: str, due_on: date
) -> str:
    """Keep the receivable that finance booked for an approved contract, with the payments that came before; its id.

    Safe to repeat: the same external id corrects number, amount and due date. Problem 409 when the contract already
    has another receivable, the number is another contract's, or the contract is not approved.
    """
    contract = await _locked(unit, contract_id)
    await store.guard(unit, "booking", external_id)
    await store.guard(unit, "receivable", number)
    if others := await store.rivals(unit, contract_id, external_id, number, currency):
        raise conflict("receivable-taken", f"{others[0]['number']} ({others[0]['external_id']}) stands there")
    if contract["status"] != Status.BOOKED:
        await _move(unit, contract, Status.BOOKED)
    values = (contract_id, unit.source, external_id, number, currency, amount, due_on)
    made = str(await store.insert(unit, store.RECEIVABLE, "rcv", *values))
    await store.allocate_waiting(unit, made, number, currency)
    await store.sum_up(unit, made)
    return made


async def record_payment(
    unit: sdk.Unit,
    external_id: str,
    number: str,
    receivable_number: str,
    amount: Decimal,
    currency: str,
    paid_on: date,
    modified_at: datetime,
) -> str:
    """Keep a payment and lower what is outstanding; its id.

    Safe to repeat: one row for each external id of the source, corrected by news of the same or a later
    `modified_at`; older news changes nothing. A payment whose receivable is unknown is kept unallocated.
    """
    await store.guard(unit, "payment", external_id)
    known = await store.find_payment(unit, external_id)
    numbers = {receivable_number, known["receivable_number"] if known else ""} - {""}
    for each in sorted(numbers):
        await store.guard(unit, "receivable", each)
    known = await store.find_payment(unit, external_id)
    receivable_id = await store.receivable_of(unit, receivable_number, currency)
    values = (unit.source, external_id, number, receivable_number, receivable_id, currency, amount, paid_on)
    made = await store.insert(unit, store.PAYMENT, "pay", *values, modified_at)
    touched = {receivable_id, known["receivable_id"] if known else None} - {None}
    for each in sorted(filter(None, touched)):
        await store.sum_up(unit, each)
    return made or str(known and known["id"])


async def record_posting(
    unit: sdk.Unit, contract_id: str, external_id: str, number: str, amount: Decimal, currency: str
) -> str:
    """Remember that one more finance system has booked an approved contract; the posting's id.

    Safe to repeat: the same external id corrects the number. The receivable stays the leading finance system's.
    Problem 409 when the amount or currency is not the contract's, the source has booked the contract under another
    external id, this external id is another contract's, or the contract is not approved.
    """
    await _locked(unit, contract_id)
    contract = await demand(unit, store.CONTRACTS, contract_id)
    if contract["status"] not in (Status.APPROVED, Status.BOOKED):
        raise conflict("contract-status", f"contract {contract['number']} is {contract['status']}, not approved")
    if (amount, currency) != (contract["amount"], contract["currency"]):
        ours = f"{contract['amount']} {contract['currency']}"
        raise conflict("posting-amount", f"{number} is {amount} {currency}, contract {contract['number']} is {ours}")
    for known in await store.postings(unit, contract_id):
        if known["source"] == unit.source and known["external_id"] != external_id:
            raise conflict("posting-taken", f"{known['number']} ({known['external_id']}) stands there")
    values = (contract_id, unit.source, external_id, number, currency, amount)
    made = await store.insert(unit, store.POSTING, "pst", *values)
    if made is None:
        raise conflict("posting-taken", f"{number} ({external_id}) is another contract's")
    return made


async def _locked(unit: sdk.Unit, contract_id: str) -> Row:
    contract = await store.lock_contract(unit, contract_id)
    if contract is None:
        raise missing("contract")
    return contract


async def _move(unit: sdk.Unit, contract: Row, to: Status, reason: str = "") -> None:
    """Change a locked contract's status by the table, and tell the changes that others wait for."""
    now = Status(contract["status"])
    if to not in model.TRANSITIONS[now]:
        raise conflict("contract-status", f"contract {contract['number']} is {now} and cannot become {to}")
    submission_no = contract["submission_no"] + (to is Status.SUBMITTED)
    await store.set_status(unit, contract["id"], to, submission_no, reason)
    if to in (Status.SUBMITTED, Status.APPROVED, Status.REJECTED):
        await unit.emit(await _fact(unit, contract["id"], f"contract.{to}", submission_no))


async def _fact(unit: sdk.Unit, contract_id: str, kind: str, submission_no: int) -> sdk.Inbound:
    contract = await demand(unit, store.CONTRACTS, contract_id)
    customer = await demand(unit, store.CUSTOMERS, contract["customer_id"])
    told = {
        **{name: contract[name] for name in ("id", "number", "title", "status", "currency", "amount")},
        "signed_on": contract["signed_on"].isoformat(),
        "due_on": contract["due_on"].isoformat(),
        "lines": await store.lines(unit, contract_id),
    }
    who: sdk.Json = {name: customer[name] for name in ("id", "number", "name", "credit_code")}
    who["contacts"] = await store.people(unit, customer["id"])
    key = f"{kind}:{contract_id}:{submission_no}"
    return sdk.Inbound(kind, contract_id, key, unit.now, {"contract": told, "customer": who})
