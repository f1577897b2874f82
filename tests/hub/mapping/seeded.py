"""Shipped mappings with one edit each, as an IT person makes it: 40 wrong ones, 20 right ones; and shipped flows, 10
wrong and 8 right. Printed as a table by `python -m tests.hub.mapping.seeded`.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from core_crm import home
from hub.credentials import Vault
from hub.flows import lint as flow_lint
from hub.flows import parse_flow
from hub.flows.catalogue import plain
from hub.mapping import MappingFile, parse_mapping, read_mappings
from hub.mapping.checks.finding import Finding
from hub.mapping.checks.lint import findings
from hub.mapping.checks.types import Type
from hub.registry import Registry, discover
from hub.registry.told import told_streams
from hub.sdk.http import LOOPBACK

ROOT = Path(__file__).parents[3] / "mappings"

Changes = tuple[tuple[str, str], ...]
"""What stands in the file once, and what stands there instead."""


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a file. `words`: what the finding says; "" where types cannot tell, or where all is right."""

    about: str
    file: str
    changes: Changes
    words: str = ""


def edit(about: str, file: str, old: str, new: str, words: str = "") -> Edit:
    """An edit in one place."""
    return Edit(about, f"{file}.yaml", ((old, new),), words)


def tabled(about: str, file: str, old: str, new: str, table: str, words: str = "") -> Edit:
    """An edit that looks a value up in a table of its own."""
    lookups = ("examples:", f"lookups:\n  seeded: {table}\n\nexamples:")
    return Edit(about, f"{file}.yaml", ((old, new), lookups), words)


KINGDEE, YONYOU, MAIL = (
    "crm/contract__kingdee_receivable",
    "crm/contract__yonyou_receivable",
    "crm/contract__email_mail",
)
DINGTALK, BOOKED, PAID = (
    "crm/contract__dingtalk_approval",
    "kingdee/receivable__crm_receivable",
    "kingdee/receipt__crm_payment",
)
COMPANY, CONTACT, CHAT = (
    "enrichment/company__crm_customer",
    "wecom/contact__crm_contact",
    "wecom/message__crm_interaction",
)
STATUS = "status: { take: result.status, required: true }"
STATUS_BY_TABLE = "status: { take: result.status, lookup: seeded, required: true }"

FAULTS = (
    edit("unknown path", KINGDEE, "contract.signed_on,", "contract.sign_on,", "did you mean 'signed_on'"),
    edit("unknown path", KINGDEE, "take: unit_price", "take: price", "unknown 'price', did you mean 'unit_price'"),
    edit(
        "unknown path", KINGDEE, "each: contract.lines", "each: contract.line", "unknown 'line', did you mean 'lines'"
    ),
    edit("unknown path", KINGDEE, "take: tax_rate", "take: contract.tax_rate", "unknown 'contract'"),
    edit("unknown path", BOOKED, "result.number", "result.no", "unknown 'no'"),
    edit("unknown path", BOOKED, "cause.contract.id", "cause.contract_id", "did you mean 'contract'"),
    edit("unknown path", BOOKED, "payload.lines[].amount", "payload.lines[].amont", "did you mean 'amount'"),
    edit("unknown path", PAID, "take: booked_on", "take: book_on", "did you mean 'booked_on'"),
    edit("unknown path", DINGTALK, "text(customer.name)", "text(contract.customer.name)", "unknown 'customer'"),
    edit("text → decimal", KINGDEE, "take: quantity", "take: spec", "may be text, and the target takes decimal"),
    edit("text → decimal", PAID, "take: amount", "take: number", "may be text, and the target takes decimal"),
    edit(
        "text → decimal",
        YONYOU,
        "take: tax_rate, required: true",
        "value: 13%",
        "is text, and the target takes decimal",
    ),
    edit(
        "decimal → text",
        KINGDEE,
        "take: contract.title",
        "take: contract.amount",
        "is decimal, and the target takes text",
    ),
    edit(
        "decimal → text", DINGTALK, "money(contract.amount)", "contract.amount", "is decimal, and the target takes text"
    ),
    edit("text → date", YONYOU, "take: contract.due_on", "take: contract.title", "takes text (date)"),
    edit(
        "decimal → date",
        YONYOU,
        "take: contract.due_on",
        "take: contract.amount",
        "is decimal, and the target takes text",
    ),
    edit("date → instant", PAID, "take: modified_at", "take: booked_on", "is no instant"),
    edit("list → scalar", CONTACT, "result.mobiles[0]", "result.mobiles", "is list, and the target takes text"),
    edit(
        "list → scalar",
        BOOKED,
        "sum(payload.lines[].amount)",
        "payload.lines[].amount",
        "is list, and the target takes decimal",
    ),
    edit("list → scalar", KINGDEE, "take: contract.title", "take: contract.lines.product", "is asked of list"),
    edit("scalar → list", MAIL, ".email | [:1]", ".email | [0]", "is text, and the target takes list"),
    edit(
        "scalar → list",
        "crm/contract__wecom_text",
        'value: ["@all"]',
        'value: "@all"',
        "is text, and the target takes list",
    ),
    edit(
        "scalar → list", COMPANY, "take: result.former_names", "take: \"join('、', result.former_names)\"", "takes list"
    ),
    edit("each over no list", KINGDEE, "each: contract.lines", "each: contract", "is no list"),
    edit("nullable → required", MAIL, '.email | [:1]", required: true', '.email | [:1]"', "may come to nothing"),
    edit(
        "nullable → required",
        BOOKED,
        "take: result.number, required: true",
        "take: result.number",
        "may come to nothing",
    ),
    edit(
        "too long",
        "crm/contract__crm_approve",
        "，按制度自动批准 }\n",
        f"，{'按制度自动批准' * 40} }}\n",
        "takes at most 200",
    ),
    edit(
        "too long", "crm/contract__crm_approve", "take: contract.id", "take: contract.title", "may have 200 characters"
    ),
    edit("unknown enum value", CHAT, "value: chat", "value: wechat", "unknown 'wechat', did you mean 'chat'"),
    edit("unknown enum value", "email/mail__crm_interaction", "value: in", "value: incoming", "unknown 'incoming'"),
    tabled(
        *("unknown enum value", COMPANY, STATUS, STATUS_BY_TABLE),
        *("{ found: found, ambiguous: several, none: none }", "unknown 'several'"),
    ),
    tabled("table lacks a value", COMPANY, STATUS, STATUS_BY_TABLE, "{ found: found, none: none }", "lacks ambiguous"),
    edit(
        "comparison never true",
        KINGDEE,
        "each: contract.lines",
        "each: \"contract.lines[?tax_rate == '13']\"",
        "can never be true",
    ),
    edit(
        "comparison never true",
        KINGDEE,
        "take: contract.title",
        "take: \"contract.status == 'aproved' && contract.title\"",
        "did you mean 'approved'",
    ),
    edit("comparison never true", BOOKED, "lines[].amount", "lines[?amount > '0'].amount", "can never be true"),
    edit(
        "wrong type to a function", KINGDEE, "['AR', contract.number]", "['AR', contract.amount]", "join() takes text"
    ),
    edit(
        "wrong type to a function", BOOKED, "sum(payload.lines[].amount)", "sum(payload.lines)", "sum() takes decimal"
    ),
    edit("beyond types: dates swapped", KINGDEE, "take: contract.due_on", "take: contract.signed_on"),
    edit("beyond types: price without tax", KINGDEE, "take: unit_price", "take: amount"),
    edit("beyond types: the other's number", KINGDEE, "take: customer.number", "take: contract.number"),
)

RIGHT = (
    edit("another text", KINGDEE, "take: contract.title", "take: contract.number"),
    edit("amount as text", KINGDEE, "take: contract.title", "take: text(contract.amount)"),
    edit("longer number", KINGDEE, "['AR', contract.number]", "['AR', customer.number, contract.number]"),
    edit("only some lines", KINGDEE, "each: contract.lines", "each: 'contract.lines[?amount > `0`]'"),
    edit("fallback", KINGDEE, "take: spec", "take: spec || product"),
    edit("fallback to a constant", KINGDEE, "take: unit }", "take: unit, default: 台 }"),
    edit("constant for a decimal", YONYOU, "take: tax_rate, required: true", "value: 13.00"),
    edit("decimal text", YONYOU, "take: tax_rate, required: true", 'value: "13.00"'),
    edit("constant date", YONYOU, "take: contract.due_on, required: true", 'value: "2026-12-31"'),
    edit(
        "known status",
        YONYOU,
        "take: contract.title",
        "take: \"contract.status == 'approved' && contract.title || ''\"",
    ),
    edit("two recipients", MAIL, "| [:1]", "| [:2]"),
    edit("no null", MAIL, "contacts[?email != '']", "contacts[?email]"),
    edit("first of a list", BOOKED, "payload.due_date", "payload.due_date || cause.contract.due_on"),
    edit("sum of quantities", BOOKED, "sum(payload.lines[].amount)", "sum(payload.lines[*].amount)"),
    edit("product of a function", DINGTALK, "text(quantity)", "join(' ', [text(quantity), unit])"),
    edit("another field of the result", COMPANY, "take: result.address", "take: result.registration_number"),
    edit("list of texts", COMPANY, "take: result.former_names", "take: 'result.former_names[?@]'"),
    tabled(
        *("table with all values", COMPANY, STATUS, STATUS_BY_TABLE),
        "{ found: found, ambiguous: ambiguous, none: none }",
    ),
    tabled(
        *("table with a default", COMPANY, STATUS, "status: { take: result.status, lookup: seeded, default: none }"),
        "{ found: found, ambiguous: none }",
    ),
    edit("last instead of first", CONTACT, "result.mobiles[0]", "result.mobiles[-1]"),
)


APPROVAL, TO_KINGDEE, TO_MAIL = "flows/contract-approval", "flows/contract-to-kingdee", "flows/contract-to-mail"
PAYMENT, WRITTEN, CHATS = "flows/receipt-to-payment", "flows/receivable-to-crm", "flows/wecom-chat-to-timeline"
HEARD = "event: receipt.booked }"

FLOW_FAULTS = (
    edit(
        "unknown path", APPROVAL, "contract.amount >", "contract.amonut >", "when.if: 没有 'amonut'，是不是 'amount'？"
    ),
    edit("unknown path", TO_KINGDEE, "record: customer.id", "record: customer_id", "do.0.record: 没有 'customer_id'"),
    edit("unknown path", WRITTEN, "lane: record", "lane: recrod", "lane: 没有 'recrod'，是不是 'record'？"),
    edit("unknown path", CHATS, "kind != 'revoke'", "knd != 'revoke'", "when.if: 没有 'knd'，是不是 'kind'？"),
    edit(
        "comparison never true", APPROVAL, "`500000`", "'500000'", "这个比较永远不成立：一边是小数，一边是文本（数字）"
    ),
    edit(
        *("comparison never true", TO_MAIL, "customer.contacts[?email != '']", "contract.status == 'aproved'"),
        "是不是 'approved'？",
    ),
    edit("no condition", APPROVAL, "contract.amount > `500000`", "contract.amount", "这个条件总是成立：小数从不为空"),
    edit("no id", TO_KINGDEE, "record: customer.id", "record: customer", "编号是文本或整数，这里是对象"),
    edit("no id", PAYMENT, HEARD, f"{HEARD}\nlane: amount", "编号是文本或整数，这里可能是小数"),
    edit(
        *("beyond types: another's id", TO_KINGDEE, "record: customer.id", "record: contract.id"),
    ),
)
FLOW_RIGHT = (
    edit("another amount", APPROVAL, "`500000`", "`600000.50`"),
    edit("two conditions", APPROVAL, "`500000`", "`500000` && contract.currency == 'CNY'"),
    edit("has lines", APPROVAL, "contract.amount > `500000`", "contract.lines[?amount > `1`]"),
    edit("id of the event", TO_KINGDEE, "record: customer.id", "record: subject"),
    edit("lane of two ids", WRITTEN, "lane: record", "lane: \"join('/', [record, result.id])\""),
    edit("lane by what caused it", WRITTEN, "lane: record", "lane: cause.customer.id"),
    edit("lane by number", PAYMENT, HEARD, f"{HEARD}\nlane: number"),
    edit("another kind", CHATS, "kind != 'revoke'", "kind == 'text'"),
)


class Desk:
    """The shipped mappings and flows, and what the check says of one that is edited."""

    def __init__(self) -> None:
        registry = Registry(discover(), home, Vault(Vault.new_key()), LOOPBACK)
        self._inputs = {name: action.input for name, action in registry.actions.items()}
        self._streams = told_streams(registry)
        files = sorted(ROOT.rglob("*.yaml"))
        self.texts = {path.relative_to(ROOT).as_posix(): plain(path.read_text("utf-8")) for path in files}
        written = {name: text for name, text in self.texts.items() if not name.startswith("flows/")}
        tables, self._shipped = read_mappings(written)
        self._tables = {table.name: table.pairs for table in tables}

    def findings(self, mapping: MappingFile) -> Sequence[Finding]:
        """What is wrong with a mapping among the shipped ones."""
        return findings(mapping, self._inputs[mapping.target], self.source(mapping))

    def source(self, mapping: MappingFile) -> Type:
        """What a mapping among the shipped ones may be given."""
        return self._streams.source(mapping.sources, self._shipped)

    def shipped(self) -> Sequence[Finding]:
        """What is wrong with the shipped ones."""
        flows = [
            finding
            for name, text in self.texts.items()
            if name.startswith("flows/")
            for finding in self.flow(name, text)
        ]
        return [*flows, *(finding for mapping in self._shipped for finding in self.findings(mapping))]

    def flow(self, name: str, text: str) -> Sequence[Finding]:
        """What is wrong with a flow over the shipped mappings."""
        flow = parse_flow(text, name)
        return flow_lint.findings(flow, self._streams.source(flow.hears, self._shipped))

    def after(self, made: Edit) -> Sequence[Finding]:
        """What is wrong after an edit."""
        text = self.texts[made.file]
        for old, new in made.changes:
            head, found, tail = text.partition(old)
            assert found, (made.file, old)
            text = head + new + tail
        if made.file.startswith("flows/"):
            return self.flow(made.file, text)
        return self.findings(parse_mapping(text, made.file, self._tables))


def table() -> str:
    """Every fault, and what is said of it."""
    desk, lines = Desk(), []
    faults, rights = (*FAULTS, *FLOW_FAULTS), (*RIGHT, *FLOW_RIGHT)
    for number, fault in enumerate(faults, 1):
        found = desk.after(fault)
        level = "—" if not found else "error" if any(each.certain for each in found) else "warning"
        lines.append(f"{number:2} {fault.about:34} {level:8} {found[0] if found else 'not found'}")
    count = sum(bool(desk.after(fault)) for fault in faults)
    wrong = sum(bool(desk.after(right)) for right in rights)
    return "\n".join([*lines, f"{count} of {len(faults)} faults found; {wrong} of {len(rights)} right edits refused"])


if __name__ == "__main__":
    sys.stdout.write(table() + "\n")
