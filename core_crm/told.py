"""The data of each event that the home system tells; mappings are checked against it.

Every field is always there; one that may be "" has that as its default. Dates are ISO text.
"""

from datetime import date
from decimal import Decimal

from pydantic import BaseModel, Field

from core_crm.model import Status
from core_crm.shapes import Currency, Name, Note, Short


class ToldPerson(BaseModel):
    id: Short
    name: Name
    title: Note = ""
    mobile: Note = ""
    email: Note = ""


class ToldCustomer(BaseModel):
    """`contacts`: oldest first."""

    id: Short
    number: Short
    name: Name
    credit_code: str = ""
    contacts: list[ToldPerson] = []


class ToldLine(BaseModel):
    """`unit_price` and `amount` include tax; `tax_rate` is percent ("13.00")."""

    line_no: int
    product: Name
    spec: Note = ""
    unit: Short
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    amount: Decimal


class ToldContract(BaseModel):
    id: Short
    number: Short
    title: Name
    status: Status
    currency: Currency
    amount: Decimal
    signed_on: date
    due_on: date
    lines: list[ToldLine] = Field(min_length=1)


class CustomerTold(BaseModel):
    customer: ToldCustomer


class ContractTold(BaseModel):
    contract: ToldContract
    customer: ToldCustomer


EVENTS: dict[str, type[BaseModel]] = {
    "customer.created": CustomerTold,
    **dict.fromkeys(("contract.submitted", "contract.approved", "contract.rejected"), ContractTold),
}
"""Event type → its data."""
