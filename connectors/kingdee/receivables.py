"""Receivables (应收单, AR_receivable)."""

import datetime
from decimal import ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict, Field

from connectors.kingdee.config import ISO_HOME_CURRENCY, Config
from connectors.kingdee.documents import Form, Found, approve, differs, find_or_save, yuan
from hub import sdk

RECEIVABLE = Form(
    id="AR_receivable",
    key="FID",
    number="FBillNo",
    checked=("FCUSTOMERID.FNumber", "FCURRENCYID.FNumber", "FALLAMOUNTFOR_D"),
    order="FID,FEntityDetail_FEntryID",
)
FEN = Decimal("0.01")


class Line(BaseModel):
    """One line. `tax_price` and `amount` are yuan, tax included; `tax_rate` is percent (13.00)."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    product: str = Field(min_length=1)
    spec: str = ""
    unit: str = ""
    quantity: Decimal = Field(gt=0, max_digits=23, decimal_places=10)
    tax_price: Decimal = Field(gt=0, max_digits=23, decimal_places=10)
    tax_rate: Decimal = Field(ge=0, le=100)
    amount: Decimal = Field(gt=0, max_digits=23, decimal_places=2)

    @property
    def net(self) -> Decimal:
        """Amount without tax, to the fen; the tax is what is left of `amount`."""
        return (self.amount * 100 / (100 + self.tax_rate)).quantize(FEN, ROUND_HALF_UP)


class Receivable(BaseModel):
    """`bill_number` is ours and becomes FBillNo. `currency`: "CNY", or the number of a currency in Kingdee."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    bill_number: str = Field(min_length=1)
    customer_number: str = Field(min_length=1)
    date: datetime.date
    due_date: datetime.date
    currency: str = ISO_HOME_CURRENCY
    remark: str = ""
    lines: list[Line] = Field(min_length=1, max_length=500)

    @property
    def total(self) -> Decimal:
        """Sum of the lines, tax included."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


async def book_receivable(ctx: sdk.Context[Config], bill: Receivable) -> sdk.Made:
    """Book a receivable under our own bill number and audit it: Save → Submit → Audit.

    Returns:
        Kingdee's FID and the bill number.

    Raises:
        Rejected: the number stands there with another customer, currency or total; or a field is wrong.
        NotReady: customer, material or organisation is unknown or not audited there.
        Ambiguous: no answer; repeat at once if you like: the number is looked up first.

    Safe to repeat: the number is looked up first, and work goes on from the bill's status (A submit, B audit,
    C done). What Kingdee saved is read back and compared before it is submitted. One to five calls.
    """
    found = await find_or_save(ctx, RECEIVABLE, bill.bill_number, model(ctx.config, bill))
    if other := difference(ctx.config, bill, found):
        raise other
    await approve(ctx, RECEIVABLE, found)
    return sdk.Made(id=found.id, number=found.number)


def _currency(config: Config, bill: Receivable) -> str:
    return config.currency_number if bill.currency == ISO_HOME_CURRENCY else bill.currency


def difference(config: Config, bill: Receivable, found: Found) -> sdk.Rejected | None:
    """The refusal, where what stands in Kingdee is not this bill."""
    head = found.rows[0]
    pairs: dict[str, tuple[object, object]] = {
        "customer": (bill.customer_number, str(head["FCUSTOMERID.FNumber"])),
        "currency": (_currency(config, bill), str(head["FCURRENCYID.FNumber"])),
        "amount": (bill.total, sum((yuan(row["FALLAMOUNTFOR_D"] or 0) for row in found.rows), Decimal("0.00"))),
    }
    different = {field: pair for field, pair in pairs.items() if pair[0] != pair[1]}
    return differs(RECEIVABLE, bill.bill_number, different) if different else None


def model(config: Config, bill: Receivable) -> sdk.Json:
    """The bill as Kingdee wants it. Key order matters: the finance sub-head must stand before the entries."""
    org, currency = {"FNumber": config.org_number}, {"FNumber": _currency(config, bill)}
    net = sum((line.net for line in bill.lines), Decimal("0.00"))
    return {
        "FBillTypeID": {"FNUMBER": config.bill_type},
        "FBillNo": bill.bill_number,
        "FDATE": bill.date.isoformat(),
        "FISINIT": False,
        "FENDDATE_H": bill.due_date.isoformat(),
        "FCUSTOMERID": {"FNumber": bill.customer_number},
        "FCURRENCYID": currency,
        "FISPRICEEXCLUDETAX": True,
        "FISTAX": True,
        "FBUSINESSTYPE": "BZ",
        "FSETTLEORGID": org,
        "FPAYORGID": org,
        "FSALEORGID": org,
        "FSetAccountType": "1",
        "FCancelStatus": "A",
        "FAR_Remark": bill.remark,
        "FsubHeadFinc": {
            "FACCNTTIMEJUDGETIME": bill.date.isoformat(),
            "FMAINBOOKSTDCURRID": {"FNumber": config.currency_number},
            "FEXCHANGETYPE": {"FNumber": "HLTX01_SYS"},
            **({"FExchangeRate": 1} if currency["FNumber"] == config.currency_number else {}),
            "FTaxAmountFor": bill.total - net,
            "FNoTaxAmountFor": net,
        },
        "FEntityDetail": [_entry(config, line) for line in bill.lines],
        "FEntityPlan": [{"FENDDATE": bill.due_date.isoformat(), "FPAYRATE": 100, "FPAYAMOUNTFOR": bill.total}],
    }


def _entry(config: Config, line: Line) -> sdk.Json:
    """One line. The material is the connection's default; what was really sold stands in the description."""
    return {
        "FMATERIALID": {"FNumber": config.material_number},
        "FMaterialDesc": " ".join(filter(None, (line.product, line.spec, line.unit))),
        "FPriceQty": line.quantity,
        "FTaxPrice": line.tax_price,
        "FEntryTaxRate": line.tax_rate,
        "FNoTaxAmountFor_D": line.net,
        "FTAXAMOUNTFOR_D": line.amount - line.net,
        "FALLAMOUNTFOR_D": line.amount,
    }
