"""What other systems tell us of people, companies and conversations.

What the outside world wrote is taken as it is and made storable (control characters out, too long cut), so that
nothing is lost over a stray character; what decides (ids, amounts, instants, statuses) is strict.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Literal, get_args

from pydantic import AwareDatetime, BeforeValidator, Field, StringConstraints

from core_crm import model
from core_crm.shapes import ONE_LINE, Attachment, Currency, Direction, Fact, Given, Kind, Money, Name, Short

TEXT_MAX = 100_000


def one_line(value: object) -> object:
    """Text without line breaks and control characters, 200 characters at most; null is ""."""
    if value is None:
        return ""
    return re.sub(r"[\s\x00-\x1f\x7f]+", " ", value).strip()[:200] if isinstance(value, str) else value


def whole(value: object) -> object:
    """Text of any lines; what is longer than 100 000 characters is cut and says so. null is ""."""
    if not isinstance(value, str):
        return "" if value is None else value
    text = value.replace("\x00", "").strip()
    if len(text) <= TEXT_MAX:
        return text
    return f"{text[:TEXT_MAX]}\n…（原文 {len(text)} 字，已截断 / cut, {len(text)} characters）"


def nothing(value: object) -> object:
    """An empty text means that it is not known."""
    return None if value == "" else value


def capital(value: object) -> Decimal | None:
    """Decimal of six places at most, or None when it is not known."""
    return None if value in ("", None) else model.exact(value, 6, digits=24)


ExternalId = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500, pattern=ONE_LINE)]
MaybeId = Annotated[
    str,
    BeforeValidator(lambda value: "" if value is None else value),
    StringConstraints(strip_whitespace=True, max_length=500, pattern=ONE_LINE),
]
Line = Annotated[str, BeforeValidator(one_line)]
Words = Annotated[str, BeforeValidator(whole)]

Status = Literal["found", "ambiguous", "none"]
FIELDS = ("name", "credit_code", *get_args(Fact))


class SavedContact(Given):
    """A person as the source knows it: `owner` looks after it there, `changed_at` is when this was true."""

    external_id: ExternalId
    name: Line = ""
    owner: Line = ""
    remark: Line = ""
    company: Line = ""
    mobile: Line = ""
    email: Line = ""
    title: Line = ""
    changed_at: AwareDatetime


class RemovedContact(Given):
    external_id: ExternalId
    removed_at: AwareDatetime


class Candidate(Given):
    """A company that may be the one meant. `id` is the provider's."""

    id: Line
    name: Line
    credit_code: Line = ""
    region: Line = ""


class EnrichedCustomer(Given):
    """What a registry says of a customer's company. "" and null mean that it does not say.

    `registered_capital`: units of `capital_currency` (not 10 000s), six places at most; `capital_text` as printed.
    """

    customer_id: Short
    status: Status
    provider: Name
    provider_id: Line = ""
    fetched_at: AwareDatetime
    name: Line = ""
    credit_code: Line = ""
    legal_representative: Line = ""
    registered_capital: Annotated[Decimal | None, BeforeValidator(capital)] = None
    capital_currency: Line = ""
    capital_text: Line = ""
    established_on: Annotated[date | None, BeforeValidator(nothing)] = None
    company_status: Line = ""
    address: Line = ""
    industry: Line = ""
    former_names: list[Line] = []
    candidates: list[Candidate] = []

    @property
    def facts(self) -> dict[str, str]:
        """Field → its value as text, those that are said."""
        said: dict[str, Any] = {name: getattr(self, name) for name in FIELDS}
        if self.registered_capital is not None:
            said["registered_capital"] = f"{self.registered_capital.normalize():f}"
        said["established_on"] = self.established_on.isoformat() if self.established_on else ""
        said["former_names"] = "、".join(filter(None, self.former_names))
        return {name: value for name, value in said.items() if value}


class Counterpart(Given):
    """Whom it was said with, as far as the source tells."""

    external_id: MaybeId = ""
    email: Line = ""
    name: Line = ""


class NotedInteraction(Given):
    """Something said in another system. Without `consent` its words and attachments are not kept."""

    external_id: ExternalId
    kind: Kind
    direction: Direction = ""
    at: AwareDatetime
    subject: Line = ""
    text: Words = ""
    thread: MaybeId = ""
    contact: Counterpart = Counterpart()
    attachments: list[Attachment] = Field([], max_length=1000)
    consent: bool = True


class RevokedInteraction(Given):
    external_id: ExternalId
    revoked_at: AwareDatetime


class RecordedPosting(Given):
    """`amount`: decimal text or Decimal, two places, in `currency`."""

    contract_id: Short
    external_id: Name
    number: Name
    amount: Money
    currency: Currency
