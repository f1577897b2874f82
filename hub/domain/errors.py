"""Every way the hub can fail, named by what it does next.

* HubError
  x VendorError        a vendor refused, or fell silent
    - Transient        try again with back-off; spends an attempt
    - Throttled        wait as told; spends nothing
    - NotReady         a record this one needs is not there yet; spends nothing
    - NeedsReauth      a person must reconnect; the connection's lanes are held
    - Rejected         this payload will never pass; dead letter
    - Ambiguous        it may have happened; look before trying again
    - Drifted          the source's data changed its shape; held until a person has looked, nothing was sent
  x MappingError       our own translation is wrong; dead letter, nothing was sent
  x ConfigError        refused at start-up or at load, never at run time
  x BadSignature       an inbound request is not from the vendor; 401, counted
  x Unreadable         a verified inbound request makes no sense; its receipt is kept
"""

from datetime import timedelta
from enum import Enum
from typing import ClassVar

from hub.domain.text import NOTHING, Text


class Verdict(Enum):
    """The next move after a vendor error."""

    RETRY = "retry"
    SNOOZE = "snooze"
    HOLD = "hold"
    DEAD = "dead"
    CHECK = "check"


class HubError(Exception):
    """Anything the hub knows how to react to. `hint` says in one imperative sentence what to do."""

    def __init__(self, message: str, *, hint: Text = NOTHING) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class VendorError(HubError):
    """A vendor call that did not do what was asked.

    Attributes:
        code: the vendor's own code as text ("42001"), or "http 503".
        request_id: the vendor's trace id, empty when it sends none.
        retry_after: how long the vendor asked us to wait, if it did.
        answer: the vendor's words, at most 50 KB, for the attempt's record.
    """

    verdict: ClassVar[Verdict]

    def __init__(
        self,
        message: str,
        *,
        code: str,
        hint: Text = NOTHING,
        request_id: str = "",
        retry_after: timedelta | None = None,
        answer: str = "",
    ) -> None:
        super().__init__(message, hint=hint)
        self.code = code
        self.request_id = request_id
        self.retry_after = retry_after
        self.answer = answer

    def __str__(self) -> str:
        return f"[{self.code}] {self.message}"


class Transient(VendorError):
    """Nothing was done; the same request may pass later."""

    verdict = Verdict.RETRY


class Throttled(VendorError):
    """The vendor asks us to slow down."""

    verdict = Verdict.SNOOZE


class NotReady(VendorError):
    """A record this one needs is not there yet."""

    verdict = Verdict.SNOOZE


class NeedsReauth(VendorError):
    """The connection's credentials are refused."""

    verdict = Verdict.HOLD


class Rejected(VendorError):
    """The vendor will never take this payload."""

    verdict = Verdict.DEAD


class Ambiguous(VendorError):
    """The request left us and no clear answer came; the record may exist."""

    verdict = Verdict.CHECK


class Drifted(VendorError):
    """The source tells its events otherwise than before, and its stream is to be held then; nothing was sent."""

    verdict = Verdict.HOLD


class MappingError(HubError):
    """A mapping could not make a valid payload."""


class ConfigError(HubError):
    """A file or setting is refused at load; the message names file, line, column where there are any."""


class BadSignature(HubError):
    """An inbound request failed verification."""


class Unreadable(HubError):
    """A verified inbound request could not be parsed."""


ODD_SHAPES = (LookupError, TypeError, ValueError, AttributeError, ArithmeticError)
"""What a connector's code runs into when a vendor answers in a shape nobody knows."""
