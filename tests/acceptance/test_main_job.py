"""The main job as a person starts it: real PostgreSQL, Redis, API and worker processes, sandboxes on real sockets."""

import os
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.sdk import loads


def play(folder: Path, *options: str) -> dict[str, Any]:
    """`hub demo --once --json …` with a data directory of its own; its report."""
    ended = subprocess.run(
        [sys.executable, "-m", "hub", "demo", "--once", "--json", *options],
        env={**os.environ, "HUB_DATA_DIR": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr[-3000:] + ended.stdout[-500:]
    told: dict[str, Any] = loads(ended.stdout)
    return told


def effects(told: dict[str, Any], vendor: str) -> Counter[str]:
    return Counter(line["effect"] for line in told[f"{vendor}_ledger"])


def test_one_contract_is_approved_booked_and_paid_exactly_once(tmp_path: Path) -> None:
    told = play(tmp_path)
    assert [step["step"] for step in told["steps"]] == [
        "dingtalk.create_approval",
        "crm.record_approval",
        "crm.decide_approval",
        "kingdee.ensure_customer",
        "kingdee.book_receivable",
        "crm.book_receivable",
        "crm.record_payment",
    ]
    assert {step["state"] for step in told["steps"]} == {"done"}
    assert effects(told, "kingdee")["receivable.audited"] == 1
    assert effects(told, "dingtalk")["approval.created"] == 1
    assert (told["contract"]["amount"], told["contract"]["status"]) == ("628000.00", "booked")
    assert (told["receivable"]["amount"], told["receivable"]["outstanding"]) == ("628000.00", "428000.00")
    assert told["payment"]["amount"] == "200000.00"


def test_all_six_vendors_take_part_and_every_ledger_shows_it_once(tmp_path: Path) -> None:
    told = play(tmp_path, "--with", "all", "--contracts", "2")
    assert told["missing"] == []
    steps = {step["step"]: step for step in told["steps"]}
    assert {
        "enrichment.find_company",
        "crm.enrich_customer",
        "wecom.fetch_contact",
        "crm.save_contact",
        "crm.note_interaction",
        "wecom.send_text",
        "email.send_mail",
        "yonyou.ensure_customer",
        "yonyou.book_receivable",
        "crm.record_posting",
    } <= steps.keys()
    assert all(step["record"] and step["state"] == "done" for step in told["steps"])
    assert all(step["external"] for step in told["steps"])
    assert {said["kind"]: bool(said["contact_id"]) for said in told["timeline"]} == {"chat": True, "email": True}
    assert told["customer"]["registry"]["status"] == "found"
    assert told["customer"]["facts"]["legal_representative"]["source"] == "tianyancha"
    assert [posting["source"] for posting in told["contract"]["postings"]] == ["yonyou"]
    counted = {
        vendor: effects(told, vendor)[effect]
        for vendor, effect in (
            ("kingdee", "receivable.audited"),
            ("yonyou", "receivable.saved"),
            ("dingtalk", "approval.created"),
            ("wecom", "message.sent"),
            ("email", "mail.accepted"),
            ("enrichment", "company.read"),
        )
    }
    assert counted == {"kingdee": 2, "yonyou": 2, "dingtalk": 2, "wecom": 2, "email": 2, "enrichment": 1}


@pytest.mark.parametrize(
    "trouble",
    [("--kill-redis",), ("--kill-worker", "5"), ("--kill-redis", "--kill-worker", "3")],
    ids=["redis killed", "worker killed five times", "both"],
)
def test_trouble_loses_nothing_and_doubles_nothing(tmp_path: Path, trouble: tuple[str, ...]) -> None:
    told = play(tmp_path, "--contracts", "30", *trouble)
    assert told["missing"] == []
    books, desk = effects(told, "kingdee"), effects(told, "dingtalk")
    assert [books[e] for e in ("receivable.saved", "receivable.audited", "receipt.booked")] == [30, 30, 30]
    assert [desk["approval.created"], desk["approval.agreed"]] == [30, 30]
    booked = [line["amount"] for line in told["kingdee_ledger"] if line["effect"] == "receivable.saved"]
    assert booked == [Decimal("628000.00")] * 30
