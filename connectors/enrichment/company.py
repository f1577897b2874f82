"""The neutral company model: what any registry says, in the same words. What is not said is "" or None."""

from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from hub import sdk


class Wanted(BaseModel):
    """Whom to look for: a name, a code, or both. The code decides where it is a good one."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    name: str = Field("", max_length=200)
    credit_code: str = Field("", max_length=40)

    @model_validator(mode="after")
    def _one_of_both(self) -> "Wanted":
        if not self.name and not self.credit_code:
            raise ValueError("要有名称或统一社会信用代码 / a name or a credit code is needed")
        return self


class Candidate(BaseModel):
    """A company that may be the one meant. `id` is the provider's.

    `special`: not an ordinary mainland company; `formerly`: found by an old name. Neither is told on.
    """

    id: str
    name: str
    credit_code: str = ""
    region: str = ""
    special: bool = Field(False, exclude=True)
    formerly: bool = Field(False, exclude=True)


class Company(sdk.Made):
    """What was found. `id` is the provider's company id, `number` the credit code; both "" unless found.

    Attributes:
        fetched_at: when the registry said it (ISO, UTC); older than now when it was remembered.
        credit_code_valid: its check character is right; a warning, nothing else follows from it.
        registration_number: the registry's own number; of a Hong Kong company its only one.
        registered_capital: in units of `capital_currency` (ISO 4217), not in 万; `capital_text` as printed.
        renamed: it was looked for by a name it no longer bears.
        name_matches: its name, or a former one, is the one looked for; false when only the code fits.
        order_number: the provider's billing reference of the last call; "" where it gives none.
        cost: yuan this delivery was charged; 0 when everything was remembered.
    """

    status: Literal["found", "ambiguous", "none"] = "found"
    provider: str = ""
    fetched_at: str = ""
    name: str = ""
    credit_code: str = ""
    credit_code_valid: bool = False
    registration_number: str = ""
    legal_representative: str = ""
    registered_capital: Decimal | None = None
    capital_currency: str = ""
    capital_text: str = ""
    established_on: str = ""
    company_status: str = ""
    address: str = ""
    industry: str = ""
    former_names: list[str] = []
    renamed: bool = False
    name_matches: bool = False
    candidates: list[Candidate] = []
    order_number: str = ""
    cost: Decimal = Decimal(0)


def said(value: sdk.Json) -> str:
    """A registry's value as text; null and the dashes it prints for "nothing" are ""."""
    text = "" if value is None else str(value).strip()
    return "" if text.strip("-—－") == "" else text


def day(text: str) -> str:
    """The ISO date in the first ten characters, or "" when there is none."""
    try:
        return date.fromisoformat(text[:10]).isoformat()
    except ValueError:
        return ""
