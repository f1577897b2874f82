"""A vendor renames a field and tells nobody: `python -m tests.benchmarks.drift`, one JSON with every step.

The partner of `hub sandbox webhook` tells of payments over its own socket, signed; `hub serve` takes them, `hub work`
makes each a payment in the CRM, by a mapping that lies beside the shipped ones. Once the stream is learned and set to
hold, the partner's upgrade calls the receivable's number otherwise. All that is done about it is done by commands, as
an operator does it, and all that is looked at is looked at over REST.

With `--vendor kingdee` it is a field of the receipts that the shipped connector polls: Kingdee refuses a query for a
key it does not know, so the poll fails, is told, and goes on where it stood once the field is there again.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import simplejson

from hub.cli.processes import Processes
from hub.embedded.local import start
from hub.sdk.exact import dumps
from tests.benchmarks.run import folder

TENANT, PARTNER, EVENT = "acme", "partner", "event.received"
SHIPPED = Path(__file__).parents[2] / "mappings"
OLD, NEW = "bill_no", "receivable_no"
JSON = {"content-type": "application/json"}
PATIENCE_S = 60.0
AGAIN_S = 0.5
IN_FORCE_S = 5.0
"""So long a worker may go by the policy it knew."""

MAPPING = """mapping: partner.payment__crm.payment
version: {version}
from: webhook.event.received
to: crm.record_payment
fields:
  external_id: {{ take: payload.id, required: true }}
  number: {{ take: payload.data.number, required: true }}
  receivable_number: {{ take: payload.data.order.{name} }}
  amount: {{ take: payload.data.amount, required: true, unit: 元 }}
  currency: {{ value: CNY }}
  paid_on: {{ take: payload.data.paid_on, required: true }}
  modified_at: {{ take: at, required: true }}
examples:
  - name: 没有金额的收款
    given: {{ payload: {{ id: a, data: {{ number: P-1 }} }} }}
    error: amount is required
"""
FLOW = """flow: partner-payment
title: {{ zh: 伙伴的收款成为回款, en: Payments at the partner become payments }}
when: {{ connection: partner, connector: webhook, event: event.received }}
do:
  - {{ action: crm.record_payment, on: crm, using: partner.payment__crm.payment@{version} }}
"""


@dataclass
class Drift:
    """The installation, what the partner told of, and the steps that were taken."""

    place: Path
    processes: Processes
    http: httpx.Client
    sandbox: str = ""
    url: str = ""
    told: list[dict[str, Any]] = field(default_factory=list)
    steps: list[dict[str, Any]] = field(default_factory=list)

    def hub(self, *words: str, ends: Iterable[int] = (0,)) -> str:
        """A command as an operator types it; what it printed. RuntimeError when it ends otherwise."""
        environment = {**os.environ, **self.processes.environment}
        ended = subprocess.run(
            [sys.executable, "-m", "hub", *words], env=environment, capture_output=True, text=True, check=False
        )
        if ended.returncode not in ends:
            raise RuntimeError(f"hub {' '.join(words)} ended with {ended.returncode}: {ended.stderr[-2000:]}")
        return ended.stdout or ended.stderr

    def step(self, name: str, command: str = "", **facts: Any) -> None:
        """Note what was done, by which command, and what was seen."""
        self.steps.append({"step": name, **({"command": command} if command else {}), **facts})
        sys.stderr.write(f"{name} {json.dumps(facts, ensure_ascii=False, default=str)}\n")

    def get(self, path: str, **params: str) -> Any:
        """What the API says, numbers exact."""
        answer = self.http.get(f"{self.url}/api/v1{path}", params=params)
        answer.raise_for_status()
        return simplejson.loads(answer.content, use_decimal=True)

    def every(self, path: str, **params: str) -> list[Any]:
        """Every item of a list, over all pages."""
        items: list[Any] = []
        cursor: str | None = ""
        while cursor is not None:
            page = self.get(path, limit="200", **params, **({"cursor": cursor} if cursor else {}))
            items, cursor = items + page["items"], page["next"]
        return items

    def stream(self, event: str = EVENT) -> dict[str, Any]:
        """The stream of this event with its open drifts; empty while nothing of it was read."""
        return next((each for each in self.get("/streams")["items"] if each["type"] == event), {})

    def until(self, what: str, seen: Callable[[], Any]) -> Any:
        """Wait until something is seen; what it is. TimeoutError after a minute."""
        ends = time.monotonic() + PATIENCE_S
        while not (found := seen()):
            if time.monotonic() > ends:
                raise TimeoutError(f"not within {PATIENCE_S:g} s: {what}")
            time.sleep(AGAIN_S)
        return found

    def pay(self, count: int) -> None:
        """So many payments happen at the partner, who tells us of each; RuntimeError for one that we do not take."""
        for number in range(len(self.told), len(self.told) + count):
            data = {
                "number": f"P-{number:05}",
                "order": {OLD: f"AR-{number:05}", "shop": "苏州"},
                "amount": Decimal(10_000 + 37 * number) / 100,
                "paid_on": "2026-11-28",
            }
            self.told.append(data)
            sent = self.people("send", type="payment.settled", data=data, url=f"{self.url}/hooks/{TENANT}.{PARTNER}")
            if sent["status"] != 200:
                raise RuntimeError(f"payment {number} was answered with {sent['status']}")

    def people(self, name: str, **told: Any) -> Any:
        """The people at the partner's own screens."""
        answer = self.http.post(f"{self.sandbox}/_sandbox/{name}", content=dumps(told), headers=JSON)
        answer.raise_for_status()
        return answer.json()

    def write(self, version: int, name: str) -> None:
        """The operator's mapping, which takes the receivable's number from there, and its flow."""
        mappings = self.place / "mappings"
        (mappings / "partner").mkdir(exist_ok=True)
        (mappings / "partner" / "payment__crm_payment.yaml").write_text(
            MAPPING.format(version=version, name=name), "utf-8"
        )
        (mappings / "flows" / "partner-payment.yaml").write_text(FLOW.format(version=version), "utf-8")

    def apply(self, name: str) -> dict[str, Any]:
        """See the difference, then make it run; the files that differ and the release's number."""
        planned = json.loads(self.hub("plan", "--json", ends=(2,)))
        made = json.loads(self.hub("apply", "--yes", "--json", "--note", name))
        differs = [each["name"] for each in planned["changes"]]
        self.step(name, "hub plan; hub apply --yes", release=made["release"], files=len(differs))
        return {"release": made["release"], "changes": differs}

    def post(self, path: str, once: str, **body: Any) -> Any:
        """A command to the CRM, by its key at most once; its answer."""
        answer = self.http.post(
            f"{self.url}/api/v1{path}", content=dumps(body), headers={"idempotency-key": once, **JSON}
        )
        answer.raise_for_status()
        return simplejson.loads(answer.content, use_decimal=True)

    def payments(self) -> list[dict[str, Any]]:
        """All payments that stand in the CRM."""
        return self.every("/payments")

    def held(self) -> list[dict[str, Any]]:
        """All deliveries that are held."""
        return self.every("/deliveries", state="held", connection="crm")


def set_up(stage: Drift, connector: str, name: str) -> None:
    """Tables, a tenant, the vendor's sandbox, `hub serve` and `hub work`, a connection and a release: by commands."""
    stage.hub("db", "upgrade")
    stage.hub("db", "tenant", TENANT, "示例公司")
    stage.processes.start(name, "sandbox", connector, "--json", "--ledger", str(stage.place / "vendor.jsonl"))
    stage.processes.start("serve", "serve")
    stage.processes.start("work", "work", announces=False)
    told = stage.processes.told(name)
    stage.sandbox, stage.url = told["url"], stage.processes.told("serve")["url"]
    values = [word for field_, value in told["credentials"].items() for word in ("--set", f"{field_}={value}")]
    stage.hub("connections", "add", connector, "--name", name, *values)
    key = json.loads(stage.hub("keys", "create", "ops", "--scope", "admin", "--json"))["key"]
    stage.http.headers["authorization"] = f"Bearer {key}"
    first = stage.apply("the first release")
    runs = f"hub_release {first['release']}.0"
    stage.until("the release runs", lambda: runs in stage.http.get(f"{stage.url}/metrics").text)


def partner(stage: Drift, usual: int, renamed: int) -> dict[str, Any]:
    """Play it: so many payments before the upgrade, so many after it; all steps, and what stands in the CRM."""
    stage.write(1, OLD)
    set_up(stage, "webhook", PARTNER)
    place = f"{PARTNER} {EVENT}"
    stage.pay(usual)
    stage.until("all are booked", lambda: len(stage.payments()) == usual)
    stage.until("all are learned", lambda: stage.stream().get("events") == usual)
    stage.step("learned", "hub streams list", events=usual)
    stage.hub("streams", "policy", PARTNER, EVENT, "hold")
    time.sleep(IN_FORCE_S)
    stage.step("set to hold", f"hub streams policy {place} hold")

    stage.people("rename", names={f"order.{OLD}": NEW})
    began = time.monotonic()
    stage.pay(renamed)
    (drift,) = stage.until("the drift is told", lambda: stage.stream()["drifts"])
    told_s = round(time.monotonic() - began, 1)
    listed = json.loads(stage.hub("streams", "list", "--json"))[0]["drifts"]
    stage.until("the renamed are held", lambda: len(stage.held()) == renamed)
    stage.until("every one is counted", lambda: stage.stream()["drifts"][0]["seen"] == renamed)
    alert = [line for line in (stage.processes.logs / "work.log").read_text("utf-8").splitlines() if "drifts" in line]
    facts = {name: drift[name] for name in ("what", "path", "now", "mappings")}
    stage.step("told", "hub streams list", seconds=told_s, **facts, in_list=len(listed), in_log=len(alert))
    held = stage.held()
    stage.step("held", "hub deliveries list --state held", count=len(held), hint=held[0]["error"]["hint"]["zh"])
    before = stage.payments()

    refused = stage.hub("streams", "release", PARTNER, EVENT, "--why", "too early", ends=(1,))
    stage.step("not released before the fix", f"hub streams release {place}", said=refused.strip())
    stage.write(2, NEW)
    stage.apply(f"{OLD} is called {NEW}")
    report = json.loads(stage.hub("streams", "release", PARTNER, EVENT, "--why", f"{OLD} → {NEW}", "--json"))
    stage.step("released", f"hub streams release {place}", replay=report["id"], chosen=report["chosen"])
    stage.until("the held ones arrive", lambda: len(stage.payments()) == usual + renamed)
    stage.pay(renamed)
    stage.until("later ones arrive", lambda: len(stage.payments()) == usual + 2 * renamed)
    stage.step("arrived", "hub deliveries list", open_drifts=len(stage.stream()["drifts"]))
    return {"steps": stage.steps, "told_after_s": told_s, "booked_while_held": len(before) - usual, **sums(stage)}


def kingdee(stage: Drift, usual: int, renamed: int) -> dict[str, Any]:
    """The same with receipts in Kingdee, for contracts that are approved by rule and booked there."""
    set_up(stage, "kingdee", "kingdee")
    customer = stage.post("/customers", "customer", number="C-1", name="苏州恒锐精密机械有限公司")["id"]
    line = {"product": "备件", "spec": "", "unit": "件", "quantity": 1, "unit_price": Decimal("100.00")}
    for number in range(usual + renamed):
        about = {"number": f"HT-{number:05}", "title": "备件", "currency": "CNY", "amount": Decimal("100.00")}
        days = {"signed_on": "2026-11-20", "due_on": "2026-12-31"}
        lines = [{**line, "tax_rate": Decimal("13.00")}]
        made = stage.post("/contracts", f"make {number}", customer_id=customer, lines=lines, **about, **days)["id"]
        stage.post(f"/contracts/{made}/submit", f"submit {number}")
    booked = stage.until("all are booked", lambda: _all(stage.every("/receivables"), usual + renamed))

    def receive(several: list[dict[str, Any]]) -> None:
        for each in several:
            amount = Decimal(len(stage.told) + 1) / 100
            made = stage.people("receipts", receivable_number=each["number"], amount=str(amount))
            stage.told.append({"number": made["number"], "order": {OLD: each["number"]}, "amount": amount})

    receive(booked[:usual])
    stage.until("the usual arrive", lambda: len(stage.payments()) == usual)
    stage.step("usual", events=usual)

    stage.people("rename", names={"FSRCBILLNO": "FSOURCEBILLNO"})
    began = time.monotonic()
    receive(booked[usual:])
    poll = stage.until("the poll's failure is told", lambda: stage.stream("receipt.booked").get("poll"))
    told_s = round(time.monotonic() - began, 1)
    said = [line for line in stage.hub("streams", "list").splitlines() if line.startswith("✕")]
    log = (stage.processes.logs / "work.log").read_text("utf-8")
    stage.step("told", "hub streams list", seconds=told_s, said=said, error=poll["error"], in_log="a poll fails" in log)
    before = stage.payments()
    stage.people("rename", names={})
    stage.until("all arrive", lambda: len(stage.payments()) == usual + renamed)
    stage.until("the poll is well", lambda: stage.stream("receipt.booked").get("poll") is None)
    stage.step("arrived", "hub streams list", unallocated=len(stage.every("/payments", status="unallocated")))
    return {"steps": stage.steps, "told_after_s": told_s, "booked_while_held": len(before) - usual, **sums(stage)}


def _all(several: list[Any], count: int) -> list[Any]:
    """All of them once there are so many, else none."""
    return several if len(several) == count else []


def sums(stage: Drift) -> dict[str, Any]:
    """What the partner told against what the CRM holds."""
    there = stage.payments()
    told = Counter((each["number"], each["order"][OLD], each["amount"]) for each in stage.told)
    kept = Counter((each["number"], each["receivable_number"], Decimal(each["amount"])) for each in there)
    return {
        "told": len(stage.told),
        "in_crm": len(there),
        "lost": sum((told - kept).values()),
        "doubled_or_other": sum((kept - told).values()),
        "nulled": sum(not each["receivable_number"] for each in there),
        "told_sum": str(sum((each["amount"] for each in stage.told), Decimal(0))),
        "crm_sum": str(sum((Decimal(each["amount"]) for each in there), Decimal(0))),
        "not_done": [each["id"] for each in stage.every("/deliveries") if each["state"] != "done"],
    }


SCENES = {"webhook": partner, "kingdee": kingdee}


def play(vendor: str, usual: int, renamed: int) -> dict[str, Any]:
    """An installation of its own, the scene on it, and its end."""
    with folder() as place, httpx.Client(timeout=30) as http:
        local = asyncio.run(start(place, "hub_drift", fresh=True))
        shutil.copytree(SHIPPED, place / "mappings")
        mine = {"HUB_TENANT": TENANT, "HUB_MAPPINGS_DIR": str(place / "mappings")}
        stage = Drift(place, Processes(place, {**local.environment, **mine}), http)
        try:
            return SCENES[vendor](stage, usual, renamed)
        finally:
            stage.processes.stop()


def main() -> None:
    """Read the options, run, print JSON."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--vendor", choices=sorted(SCENES), default="webhook")
    options.add_argument("--usual", type=int, default=60)
    options.add_argument("--renamed", type=int, default=20)
    chosen = options.parse_args()
    began = time.monotonic()
    found = play(chosen.vendor, chosen.usual, chosen.renamed)
    found["took_s"] = round(time.monotonic() - began, 1)
    sys.stdout.write(json.dumps(found, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
