"""What goes in and out of the home system, pydantic at the border. Money is text or a JSON number, never float."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Generic, Literal, TypeVar

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationInfo,
    field_validator,
)

from core_crm import model
from core_crm.model import Decision, Status

T = TypeVar("T", bound=BaseModel)

ONE_LINE = r"^[^\x00-\x1f\x7f]*$"

Short = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=60, pattern=ONE_LINE)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=ONE_LINE)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]
Currency = Annotated[str, StringConstraints(pattern=r"^[A-Z]{3}$")]
CreditCode = Annotated[str, StringConstraints(max_length=60), AfterValidator(model.credit_code)]
Money = Annotated[Decimal, BeforeValidator(lambda v: model.exact(v, 2))]
Price = Annotated[Decimal, BeforeValidator(lambda v: model.exact(v, 4))]
Percent = Annotated[Decimal, BeforeValidator(lambda v: model.exact(v, 2, digits=5)), Field(ge=0, le=100)]


class Given(BaseModel):
    """Input: a field we do not know is refused, so that a typing error is not lost."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class NewCustomer(Given):
    number: Short
    name: Name
    credit_code: CreditCode = ""


class NewContact(Given):
    customer_id: Short
    name: Name
    title: Note = ""
    mobile: Note = ""
    email: Note = ""


class NewLine(Given):
    """A contract line. `unit_price` includes tax; `tax_rate` is percent ("13.00"); `amount` may be left to us."""

    product: Name
    spec: Note = ""
    unit: Short
    quantity: Annotated[Price, Field(gt=0)]
    unit_price: Annotated[Price, Field(ge=0)]
    tax_rate: Percent
    amount: Annotated[Money, Field(ge=0)] | None = None

    @field_validator("amount")
    @classmethod
    def _fits(cls, amount: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if amount is not None and {"quantity", "unit_price"} <= info.data.keys():
            model.check_line_amount(info.data["quantity"], info.data["unit_price"], amount)
        return amount

    @property
    def total(self) -> Decimal:
        """The stated amount, or quantity times price to the fen."""
        return model.line_amount(self.quantity, self.unit_price) if self.amount is None else self.amount


class NewContract(Given):
    """A contract in draft. Lines are numbered from 1 as they come; `amount`, when given, must be their sum."""

    customer_id: Short
    number: Short
    title: Name
    currency: Currency = "CNY"
    signed_on: date
    due_on: date
    lines: list[NewLine] = Field(min_length=1, max_length=500)
    amount: Money | None = None

    @field_validator("due_on")
    @classmethod
    def _after_signing(cls, due_on: date, info: ValidationInfo) -> date:
        if due_on < info.data.get("signed_on", due_on):
            raise ValueError("到期日早于签订日 / due before it was signed")
        return due_on

    @field_validator("lines")
    @classmethod
    def _countable(cls, lines: list[NewLine]) -> list[NewLine]:
        model.total(line.total for line in lines)
        return lines

    @field_validator("amount")
    @classmethod
    def _adds_up(cls, amount: Decimal | None, info: ValidationInfo) -> Decimal | None:
        if amount is not None and "lines" in info.data:
            model.check_total((line.total for line in info.data["lines"]), amount)
        return amount

    @property
    def total(self) -> Decimal:
        """The sum of the lines, to the fen."""
        return model.total(line.total for line in self.lines)


Kind = Literal["call", "visit", "message", "note", "chat", "email"]
Direction = Literal["in", "out", ""]
Fact = Literal[
    "legal_representative",
    "registered_capital",
    "capital_currency",
    "capital_text",
    "established_on",
    "company_status",
    "address",
    "industry",
    "former_names",
]
"""What a person may state of a company beside its name and code; registries tell the same fields."""


class NewInteraction(Given):
    """What was said or done with a customer. `at` needs a zone; left out, it is now."""

    customer_id: Short
    contract_id: Short | None = None
    contact_id: Short | None = None
    kind: Kind
    text: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=4000)]
    at: AwareDatetime | None = None


class NewFact(Given):
    """A person's word on a field; "" takes it back."""

    value: Note


class Attachment(Given):
    """A file that came with what was said. `size` in bytes; `digest`: sha256, "" when the file itself is not kept."""

    name: Annotated[str, StringConstraints(max_length=1000)] = ""
    content_type: Annotated[str, StringConstraints(max_length=1000)] = ""
    size: Annotated[int, Field(ge=0)] = 0
    digest: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{64})?$")] = ""


class Customer(BaseModel):
    id: str
    number: str
    name: str
    credit_code: str
    created_at: AwareDatetime


class Handle(BaseModel):
    """How another system knows a contact. `owner` looks after it there; `removed_at`: it has it no longer."""

    source: str
    external_id: str
    owner: str
    remark: str
    removed_at: AwareDatetime | None
    changed_at: AwareDatetime


class Contact(BaseModel):
    """A person. `customer_id` is null while no customer fits `company`; `source` told us of it first."""

    id: str
    customer_id: str | None
    name: str
    title: str
    mobile: str
    email: str
    company: str
    source: str
    handles: list[Handle]
    created_at: AwareDatetime


class Line(BaseModel):
    line_no: int
    product: str
    spec: str
    unit: str
    quantity: Decimal
    unit_price: Decimal
    tax_rate: Decimal
    amount: Decimal


class Contract(BaseModel):
    """A contract without its lines. `reason` says why it was approved without asking a person, if so."""

    id: str
    customer_id: str
    number: str
    title: str
    currency: str
    amount: Decimal
    signed_on: date
    due_on: date
    status: Status
    submission_no: int
    reason: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class Approval(BaseModel):
    id: str
    source: str
    instance_id: str
    submission_no: int
    status: Literal["pending"] | Decision
    started_at: AwareDatetime
    decided_at: AwareDatetime | None


class Receivable(BaseModel):
    """Money owed to us. `outstanding` = amount - paid; below zero, more was paid than owed."""

    id: str
    contract_id: str
    customer_id: str
    source: str
    external_id: str
    number: str
    currency: str
    amount: Decimal
    paid: Decimal
    outstanding: Decimal
    due_on: date
    status: Literal["open", "settled"]
    booked_at: AwareDatetime


class Payment(BaseModel):
    """Money that came. `unallocated`: no receivable of its number and currency is known yet."""

    id: str
    source: str
    external_id: str
    number: str
    receivable_number: str
    receivable_id: str | None
    currency: str
    amount: Decimal
    paid_on: date
    status: Literal["allocated", "unallocated"]
    modified_at: AwareDatetime
    recorded_at: AwareDatetime


class Counterpart(BaseModel):
    """Whom it was said with, as the source told; all "" for what our own people noted."""

    name: str
    external_id: str
    email: str


class Interaction(BaseModel):
    """What was said or done. `contact_id` is null while nobody fits `counterpart`.

    `external_id` is "" for what our own people noted. Once revoked or without consent, there are no words.
    """

    id: str
    customer_id: str | None
    contract_id: str | None
    contact_id: str | None
    kind: Kind
    direction: Direction
    subject: str
    text: str
    thread: str
    attachments: list[Attachment]
    counterpart: Counterpart
    source: str
    external_id: str
    consent: bool
    revoked_at: AwareDatetime | None
    at: AwareDatetime
    created_at: AwareDatetime


class Said(BaseModel):
    """A value, who said it ("crm" is a person here), and when."""

    value: str
    source: str
    fetched_at: AwareDatetime


class Stated(Said):
    """A field's value. `suggestion`: what a registry says instead of a person's word."""

    suggestion: Said | None


class Candidate(BaseModel):
    id: str
    name: str
    credit_code: str
    region: str


class Registry(BaseModel):
    """How the last look into a registry ended."""

    status: Literal["found", "ambiguous", "none"]
    provider: str
    provider_id: str
    fetched_at: AwareDatetime
    candidates: list[Candidate]


class Person(BaseModel):
    id: str
    name: str
    title: str
    mobile: str
    email: str


class OpenCustomer(Customer):
    """A customer with its contacts, oldest first, and what registries say of it."""

    contacts: list[Person]
    facts: dict[str, Stated]
    registry: Registry | None


class Posting(BaseModel):
    """The contract as one more finance system has booked it."""

    source: str
    external_id: str
    number: str
    amount: Decimal
    currency: str
    booked_at: AwareDatetime


class OpenContract(Contract):
    """A contract with its customer, its lines and what became of it."""

    customer: Customer
    lines: list[Line]
    approvals: list[Approval]
    receivable: Receivable | None
    postings: list[Posting]


class Page(BaseModel, Generic[T]):
    """One page, newest first. `next` is the cursor of the page after it, null on the last."""

    items: list[T]
    next: str | None
