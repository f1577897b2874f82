"""How a recorded archive message is replayed: {"msgid", "plaintext" as DecryptData gives it, "consent", "files"}."""

from typing import Any

from connectors.wecom.archive.messages import read_message, tell
from hub import sdk


def tell_given(given: dict[str, Any]) -> list[sdk.Inbound]:
    """The events of one fixture `message_archived__<case>.json`."""
    said = read_message(given["msgid"], given["plaintext"].encode())
    return [tell(said, given["consent"], given.get("files", ()), given.get("missing_files", ()))]
