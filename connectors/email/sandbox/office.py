"""What every door of the fake provider shares: the account, who is let in, the manners, the ledger."""

import asyncio
import secrets
from collections import deque
from datetime import datetime
from typing import Any

from connectors.email.sandbox.folders import INBOX, SENT, Account, Mail
from connectors.email.sandbox.grants import Grants
from connectors.email.sandbox.letters import SHANGHAI, compose, moment, summary
from connectors.email.sandbox.troubles import Troubles
from hub import sdk

ADDRESS, PASSWORD = "sales@example.com", "sandbox-mail-word-41f7"
MOST = 35_000_000
"""Bytes of the largest mail taken, by SMTP or APPEND."""
CONNECTIONS = 32
"""Connections at a time, at each door."""


class Office:
    """One mailbox at one provider."""

    def __init__(self, kit: sdk.SandboxKit) -> None:
        options = kit.options
        self.kit = kit
        self.security = options.get("security", "plain")
        if self.security not in ("plain", "starttls", "tls"):
            raise sdk.ConfigError(f"unknown security {self.security!r}; known: plain, starttls, tls")
        self.oauth_only = options.get("auth") == "oauth"
        self.netease = options.get("netease") == "1"
        self.marks = options.get("marks", "1") == "1"
        self.files_sent = options.get("sent", "server") == "server"
        self._sent_s = int(options.get("sent_ms", "0")) / 1000
        self.account = Account(int(options.get("quota_mb", "256")) << 20)
        self.grants = Grants(int(options.get("token_s", "3600")))
        self.troubles = Troubles(kit)
        self.accepted: deque[dict[str, Any]] = deque(maxlen=1000)

    def admits(self, user: str, password: str) -> bool:
        """Whether the authorization code is right."""
        right = secrets.compare_digest(password.encode(), PASSWORD.encode())
        return right and user.lower() == ADDRESS and not self.oauth_only

    def admits_token(self, user: str, token: str) -> bool:
        """Whether the access token is right."""
        return self.grants.good(token) and user.lower() == ADDRESS

    def deliver(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A mail comes for us, twice when the plan says so; ValueError when it is none, FullError without room."""
        raw = compose(asked, ADDRESS)
        uid = self.arrive(raw, moment(asked))
        if self.kit.faults.hit("duplicate"):
            self.arrive(raw, moment(asked))
        return {"message_id": summary(raw)["message_id"], "uid": uid}

    def arrive(self, raw: bytes, at: datetime) -> int:
        """A mail is put into the inbox."""
        uid = self.account.file(self.account.folders[INBOX], Mail(raw, at))
        self.kit.ledger.write("mail.delivered", **summary(raw), uid=uid)
        return uid

    def accept(self, raw: bytes, to: list[str]) -> None:
        """A mail of ours goes out: it is filed in Sent, and delivered when it goes to ourselves. FullError."""
        self.account.make_room(2 * len(raw))
        told = {**summary(raw), "to": to}
        self.kit.ledger.write("mail.accepted", **told, size=len(raw))
        self.accepted.append({**told, "raw": raw[:20_000].decode("utf-8", "replace")})
        if self.files_sent and self._sent_s:
            asyncio.get_running_loop().call_later(self._sent_s, self._file_sent, raw)
        elif self.files_sent:
            self._file_sent(raw)
        if ADDRESS in [each.lower() for each in to]:
            self.arrive(raw, datetime.now(SHANGHAI))

    def _file_sent(self, raw: bytes) -> None:
        self.account.folders[SENT].add(Mail(raw, datetime.now(SHANGHAI), {r"\Seen"}))
