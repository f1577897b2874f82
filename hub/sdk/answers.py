"""What a vendor answered, and the table that names each of its refusals by the next move."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from hub.domain.errors import Rejected, VendorError
from hub.domain.text import Text
from hub.sdk.exact import Json


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, read whole. `body` is exact JSON, or None when it is not JSON; `text` is capped at 50 KB."""

    status: int
    headers: Mapping[str, str]
    body: Json
    text: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """A vendor's no, in its own words."""

    code: str
    message: str
    request_id: str = ""
    retry_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """What a vendor code means to us, and one sentence for the operator."""

    error: type[VendorError]
    hint: Text


@dataclass(frozen=True, slots=True)
class ErrorTable:
    """A connector's success rule and the meaning of its codes.

    Attributes:
        read: return None for success, a Refusal for a no; raise LookupError, TypeError or ValueError for a
            shape that is neither (that is Ambiguous for a write, Transient for a read). Called for every
            status but 3xx, 429 and 5xx without a JSON body.
        rows: vendor code → Row. `rows` may hold a code's prefix ending in "*".
    """

    read: Callable[[Answer], Refusal | None]
    rows: Mapping[str, Row]
    default: Row = field(
        default=Row(
            Rejected,
            Text(
                "对方拒绝了这条数据：按对方的原话改正后重放。",
                "The vendor refused it: correct what its words name, then replay.",
            ),
        )
    )

    def row(self, code: str) -> Row:
        """The row of a code: exact, else the longest prefix row, else the default."""
        if code in self.rows:
            return self.rows[code]
        prefixes = [k for k in self.rows if k.endswith("*") and code.startswith(k[:-1])]
        return self.rows[max(prefixes, key=len)] if prefixes else self.default

    def error(self, refusal: Refusal, answer: Answer) -> VendorError:
        """The refusal as the error that says what to do next."""
        row = self.row(refusal.code)
        return row.error(
            refusal.message,
            code=refusal.code,
            hint=row.hint,
            request_id=refusal.request_id,
            retry_after=refusal.retry_after,
            answer=answer.text,
        )
