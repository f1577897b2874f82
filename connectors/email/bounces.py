"""Mail that came back (RFC 3464): whom it did not reach, and why."""

import re

from connectors.email.ids import read_ids
from connectors.email.mime import Part, parameter, read_part
from hub import sdk

ORIGINALS = ("message/rfc822", "text/rfc822-headers")
MOST = 100
LONGEST_REASON = 500


def read_bounce(mail: Part) -> dict[str, sdk.Json] | None:
    """{"message_id" of the mail that came back, "recipients": [{address, action, status, reason}]}.

    None for anything but a multipart/report of deliveries; plain words about a failure are no such report.
    """
    kind = parameter(mail.raw("content-type"), "report-type").lower()
    if mail.kind != "multipart/report" or kind not in ("", "delivery-status"):
        return None
    leaves = list(mail.leaves())
    reports = [leaf for leaf in leaves if leaf.kind == "message/delivery-status"]
    original = next((leaf for leaf in leaves if leaf.kind in ORIGINALS), None)
    known = read_ids(read_part(original.content).raw("message-id")) if original else []
    recipients = [told for report in reports for told in _recipients(report)]
    return {"message_id": next(iter(known), ""), "recipients": recipients[:MOST]} if reports else None


def _recipients(report: Part) -> list[dict[str, sdk.Json]]:
    """The report's groups of fields; the first group is about the server and names no recipient."""
    blocks = [read_part(block) for block in report.content.replace(b"\r\n", b"\n").split(b"\n\n")]
    groups = [block for block in blocks if "final-recipient" in block.head]
    return [
        {
            "address": _typed(group, "final-recipient")[:254],
            "action": group.words("action").lower()[:50],
            "status": group.words("status")[:50],
            "reason": _typed(group, "diagnostic-code")[:LONGEST_REASON],
        }
        for group in groups
    ]


def _typed(group: Part, name: str) -> str:
    """A value without its "rfc822;" or "smtp;"."""
    return re.sub(r"^[\w.-]+\s*;\s*", "", group.words(name))
