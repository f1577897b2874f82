"""WeCom callbacks → hub events. Pure: the message has been verified, decrypted and read."""

from collections.abc import Iterator
from datetime import UTC, datetime

from hub import sdk

CHANGES = {
    "add_external_contact": "contact.added",
    "add_half_external_contact": "contact.added",
    "edit_external_contact": "contact.edited",
    "del_external_contact": "contact.removed",
    "del_follow_user": "contact.removed",
    "msg_audit_approved": "contact.agreed",
}
EVENTS = frozenset(CHANGES.values())
ARCHIVE = "message.archived"


def parse(message: sdk.Json) -> Iterator[sdk.Inbound | sdk.Nudge]:
    """One event for a customer added, edited, removed or agreed to archiving; a nudge when the archive has news.

    Nothing for any other message. A provider's suite says InfoType and TimeStamp for Event and CreateTime.
    `subject` is the external user id. The key has no nonce in it, so a retry tells the same fact; the vendor's own
    advice (FromUserName and CreateTime) would merge different customers, for whom the sender is always "sys".
    The welcome code is left out: it is a secret of 20 seconds.
    """
    match message.get("Event") or message.get("InfoType"):
        case "msgaudit_notify":
            yield sdk.Nudge(ARCHIVE)
        case "change_external_contact" if message["ChangeType"] in CHANGES:
            yield _fact(message)


def _fact(message: sdk.Json) -> sdk.Inbound:
    change, user, customer = message["ChangeType"], message["UserID"], message["ExternalUserID"]
    seconds = int(message.get("CreateTime") or message["TimeStamp"])
    at = datetime.fromtimestamp(seconds, UTC)
    data = {
        "external_user_id": customer,
        "user_id": user,
        "state": message.get("State", ""),
        "change": change,
        "at": at.isoformat(),
    }
    return sdk.Inbound(
        type=CHANGES[change],
        subject=customer,
        dedupe_key=f"{CHANGES[change]}:{change}:{user}:{customer}:{seconds}",
        occurred_at=at,
        data=data,
    )
