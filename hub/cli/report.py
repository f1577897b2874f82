"""What the demo tells at its end: every step with ids on both sides, every ledger, and what did not happen."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

import simplejson
from rich.console import Console
from rich.table import Table

from hub.cli.scenes import Scenery
from hub.cli.story import AMOUNT, CUSTOMER_EACH, PAID, Office, Outcome
from hub.sdk.exact import Json


async def report(
    office: Office, ledgers: Mapping[str, Path], contracts: int, outcome: Outcome, scenery: Scenery | None
) -> dict[str, Any]:
    """Everything as data: the first contract's steps and records, every vendor's ledger, and what is missing."""
    first = await office.get(f"/contracts/{await _first(office)}")
    deliveries = await office.all("/deliveries")
    receivable = first["receivable"] or {}
    payment = next((p for p in outcome.payments.values() if p["receivable_id"] == receivable.get("id")), None)
    known = {first["id"], first["customer_id"], *(a["instance_id"] for a in first["approvals"])}
    known |= {payment["external_id"]} if payment else set()
    known |= {d["record"] for d in deliveries if d["source"] in ("wecom", "email")}
    told = {
        "steps": [_step(d) for d in reversed(deliveries) if d["record"] in known],
        "contract": first,
        "receivable": receivable,
        "payment": payment,
        **{f"{vendor}_ledger": _read(path) for vendor, path in ledgers.items()},
        **({"customer": scenery.customer, "timeline": scenery.timeline} if scenery else {}),
        "contracts": contracts,
    }
    missing = _missing(told, contracts, outcome, deliveries) + (_missing_around(told, contracts) if scenery else [])
    return {**told, "missing": missing}


async def _first(office: Office) -> str:
    found = await office.get("/contracts", number="HT-2026-0001")
    return str(found["items"][0]["id"])


def _step(delivery: Json) -> Json:
    made = delivery["result"] or {}
    return {
        "step": delivery["action"],
        "flow": delivery["flow"],
        "from": delivery["source"],
        "to": delivery["connection"],
        "record": delivery["record"],
        "external": made.get("id", ""),
        "number": made.get("number", ""),
        "state": delivery["state"],
        "attempts": delivery["attempts"],
        "ms": delivery["ms"],
    }


def _read(ledger: Path) -> list[Json]:
    return [simplejson.loads(line, use_decimal=True) for line in ledger.read_text("utf-8").splitlines()]


def _missing(told: dict[str, Any], contracts: int, outcome: Outcome, deliveries: list[Json]) -> list[str]:
    """Each promise of the story that does not hold, in words; empty when all is well."""
    effects = _effects(told, "kingdee")
    counts = {
        "approvals": _effects(told, "dingtalk").count("approval.created"),
        "saved bills": effects.count("receivable.saved"),
        "audited bills": effects.count("receivable.audited"),
        "receivables": len(outcome.receivables),
        "payments": len(outcome.payments),
    }
    wrong = [f"{name}: {count}, not {contracts}" for name, count in counts.items() if count != contracts]
    booked = sum(Decimal(str(x["amount"])) for x in told["kingdee_ledger"] if x["effect"] == "receivable.saved")
    sums = {
        "booked in Kingdee": (booked, AMOUNT),
        "receivable in the CRM": (sum(Decimal(r["amount"]) for r in outcome.receivables.values()), AMOUNT),
        "paid in the CRM": (sum(Decimal(p["amount"]) for p in outcome.payments.values()), PAID),
        "outstanding": (sum(Decimal(r["outstanding"]) for r in outcome.receivables.values()), AMOUNT - PAID),
    }
    wrong += [f"{name}: {got}, not {each * contracts}" for name, (got, each) in sums.items() if got != each * contracts]
    return wrong + [f"{d['id']} {d['action']} is {d['state']}" for d in deliveries if d["state"] != "done"]


def _missing_around(told: dict[str, Any], contracts: int) -> list[str]:
    """The same for what the other four vendors were to do."""
    counts = {
        "Yonyou bills": (_effects(told, "yonyou").count("receivable.saved"), contracts),
        "postings on the contract": (len(told["contract"]["postings"]), 1),
        "app messages": (_effects(told, "wecom").count("message.sent"), contracts),
        "mails to the customer": (_effects(told, "email").count("mail.accepted"), min(contracts, CUSTOMER_EACH)),
        "chats on the timeline": ([i["kind"] for i in told["timeline"]].count("chat"), 1),
        "mails on the timeline": ([i["kind"] for i in told["timeline"]].count("email"), 1),
    }
    wrong = [f"{name}: {count}, not {due}" for name, (count, due) in counts.items() if count != due]
    booked = sum(Decimal(str(x["amount"])) for x in told["yonyou_ledger"] if x["effect"] == "receivable.saved")
    wrong += [] if booked == AMOUNT * contracts else [f"booked in Yonyou: {booked}, not {AMOUNT * contracts}"]
    return wrong + ([] if told["customer"]["facts"] else ["no registry facts on the customer"])


def _effects(told: dict[str, Any], vendor: str) -> list[str]:
    return [line["effect"] for line in told[f"{vendor}_ledger"]]


def show(told: dict[str, Any], say: Console) -> None:
    """The steps as a table, what is owed, what is missing."""
    table = Table("步骤 / step", "从 / from", "到 / to", "本方 / ours", "对方 / theirs", "次数", "ms")
    for step in told["steps"]:
        theirs = step["number"] or step["external"]
        cells = (step["step"], step["from"], step["to"], step["record"], theirs, step["attempts"], step["ms"])
        table.add_row(*(str(cell) for cell in cells))
    say.print(table)
    receivable = told["receivable"]
    if receivable:
        say.print(
            f"应收 {receivable['number']}：{receivable['amount']}，未收 / outstanding {receivable['outstanding']}"
        )
    for line in told["missing"]:
        say.print(f"[red]✕ {line}")
    say.print(f"同步日志 / sync log: {told['console']}")
