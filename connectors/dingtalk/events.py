"""DingTalk callbacks → hub events. Pure: the message has been verified and decrypted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from hashlib import sha256

from hub import sdk

EVENTS = frozenset({"approval.finished"})


def parse(message: sdk.Json) -> Iterator[sdk.Inbound]:
    """One event for an approval that ended; nothing for check_url, a start, a task, or any other event.

    `subject` is the process instance id; times are milliseconds since 1970. The event holds no form values.
    """
    if message["EventType"] != "bpms_instance_change":
        return
    decision = _decision(message)
    if decision is None:
        return
    instance = message["processInstanceId"]
    ended = message.get("finishTime") or message.get("EventTime") or message["createTime"]
    at = datetime.fromtimestamp(int(ended) // 1000, UTC)
    yield sdk.Inbound(
        type="approval.finished",
        subject=instance,
        dedupe_key=f"approval.finished:{_identity(message)}",
        occurred_at=at,
        data={
            "instance_id": instance,
            "decision": decision,
            "title": message.get("title", ""),
            "decided_at": at.isoformat(),
            "staff_id": message.get("staffId", ""),
            "process_code": message.get("processCode", ""),
        },
    )


def _decision(message: sdk.Json) -> str | None:
    match message["type"]:
        case "finish":
            return {"agree": "approved", "refuse": "rejected"}[message["result"]]
        case "terminate" | "delete":
            return "cancelled"
    return None


def _identity(message: sdk.Json) -> str:
    """DingTalk's event id; the old registration sends none, there what happened when is the identity."""
    if message.get("eventId"):
        return str(message["eventId"])
    told = [
        str(message.get(k, "")) for k in ("EventType", "processInstanceId", "taskId", "type", "result", "finishTime")
    ]
    return sha256("|".join(told).encode()).hexdigest()
