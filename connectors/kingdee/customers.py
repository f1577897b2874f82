"""Customers (客户, BD_Customer)."""

from pydantic import BaseModel, ConfigDict, Field

from connectors.kingdee.config import Config
from connectors.kingdee.documents import Form, Found, approve, differs, find_or_save, quoted
from hub import sdk

CUSTOMER = Form(
    id="BD_Customer",
    key="FCUSTID",
    number="FNumber",
    checked=("FName", "FSOCIALCRECODE"),
    order="FCUSTID",
    within=lambda config: f" and FUseOrgId.FNumber={quoted(config.org_number)}",
)


class Customer(BaseModel):
    """`number` is our code and Kingdee's FNumber; `credit_code` is the 18-character 统一社会信用代码, "" if unknown."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str = Field(min_length=1)
    name: str = Field(min_length=1)
    credit_code: str = ""


async def ensure_customer(ctx: sdk.Context[Config], customer: Customer) -> sdk.Made:
    """Make sure that the customer stands in Kingdee, audited. An existing one is never changed.

    Returns:
        Kingdee's FCUSTID and the number.

    Raises:
        Rejected: the number belongs to another company there (credit code, or the name where there is none).
        NotReady: the organisation is unknown there.
        Ambiguous: no answer; repeat at once if you like: the number is looked up first.

    Safe to repeat. One to five calls.
    """
    found = await find_or_save(ctx, CUSTOMER, customer.number, _model(ctx.config, customer))
    _compare(customer, found)
    await approve(ctx, CUSTOMER, found)
    return sdk.Made(id=found.id, number=found.number)


def _model(config: Config, customer: Customer) -> sdk.Json:
    org = {"FNumber": config.org_number}
    name = [{"Key": config.lcid, "Value": customer.name}] if config.multilingual_names else customer.name
    return {
        "FCreateOrgId": org,
        "FUseOrgId": org,
        "FNumber": customer.number,
        "FName": name,
        **({"FSOCIALCRECODE": customer.credit_code} if customer.credit_code else {}),
        "FTRADINGCURRID": {"FNumber": config.currency_number},
    }


def _compare(customer: Customer, found: Found) -> None:
    """A credit code names a company better than its name does, so names count only where a code is missing."""
    theirs = found.rows[0]
    code = str(theirs["FSOCIALCRECODE"] or "").strip()
    if customer.credit_code and code:
        different = {"credit_code": (customer.credit_code, code)} if customer.credit_code != code else {}
    else:
        name = str(theirs["FName"] or "").strip()
        different = {"name": (customer.name, name)} if customer.name != name else {}
    if different:
        raise differs(CUSTOMER, customer.number, {**different})
