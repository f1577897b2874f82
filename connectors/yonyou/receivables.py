"""Receivables (应收结算清单, EFI)."""

import datetime
from decimal import ROUND_HALF_UP, Decimal

from pydantic import BaseModel, ConfigDict, Field

from connectors.yonyou.config import Config
from connectors.yonyou.customers import find_customer
from connectors.yonyou.documents import address, check_same, exact, once
from hub import sdk

SAVE = address("/EFI/receivable/save")
SAVE_AND_SUBMIT = address("/EFI/receivable/saveandsubmit")
LIST = address("/EFI/receivable/list")
DETAIL = address("/EFI/receivable/detail")
FEN = Decimal("0.01")
PRICE = Decimal("0.00000001")
HOME_CURRENCY = "CNY"
INSERT = {"_status": "Insert"}


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
    """`bill_number` is ours and becomes extVouchCode. `currency`: only "CNY", because a rate would be needed."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    bill_number: str = Field(min_length=1)
    customer_number: str = Field(min_length=1)
    date: datetime.date
    due_date: datetime.date
    currency: str = HOME_CURRENCY
    remark: str = ""
    lines: list[Line] = Field(min_length=1, max_length=500)

    @property
    def total(self) -> Decimal:
        """Sum of the lines, tax included."""
        return sum((line.amount for line in self.lines), Decimal("0.00"))


async def book_receivable(ctx: sdk.Context[Config], bill: Receivable) -> sdk.Made:
    """Book a receivable under our own number (extSystemCode + extVouchCode), read it back and compare.

    Returns:
        Yonyou's id as text, and the code Yonyou gave it.

    Raises:
        Rejected: our number stands there with another amount or customer (both told); or a field is wrong.
        NotReady: it was refused and the customer does not stand there.
        Ambiguous: no answer, or still processing; repeat with the same content.

    Safe to repeat: within an hour the MDD key answers the first result, and for ever the number pair is unique
    there; what it says "exists" is looked up and compared. Two to four calls.
    """
    if bill.currency not in (HOME_CURRENCY, ctx.config.currency_code):
        raise _foreign(bill)
    found = await _detail(ctx, await _saved(ctx, bill))
    _compare(ctx.config, bill, found)
    return sdk.Made(id=str(found["id"]), number=str(found["code"]))


async def _saved(ctx: sdk.Context[Config], bill: Receivable) -> str:
    """The id of the bill: saved now, or standing there already."""
    path = SAVE_AND_SUBMIT if ctx.config.submit_at_once else SAVE
    number = f"{ctx.config.ext_system_code}|{bill.bill_number}"
    try:
        body = await ctx.call("POST", path, json=once("receivable", number, _model(ctx.config, bill)))
        return str(body["data"]["id"])
    except sdk.Rejected as refused:
        found = await _find(ctx, bill.bill_number)
        if found:
            return found
        if await find_customer(ctx, bill.customer_number) is None:
            raise _without_customer(bill, refused) from refused
        raise


async def _find(ctx: sdk.Context[Config], number: str) -> str | None:
    """Id of the bill with our number pair, or None. The list tells one row per line, all with the head's id."""
    asked = {"extSystemCode": ctx.config.ext_system_code, "extVouchCode": number}
    body = await ctx.call("POST", LIST, json={"pageIndex": 1, "pageSize": 100, **asked}, reads=True)
    rows = body["data"]["recordList"] or []
    return next((str(row["id"]) for row in rows if str(row.get("extVouchCode", number)) == number), None)


async def _detail(ctx: sdk.Context[Config], ident: str) -> dict[str, sdk.Json]:
    found: dict[str, sdk.Json] = (await ctx.call("GET", DETAIL, params={"id": ident}))["data"]
    return found


def _compare(config: Config, bill: Receivable, found: dict[str, sdk.Json]) -> None:
    """The amount is summed over the lines: how the head's total is called is not documented."""
    total = sum((exact(row["oriTaxIncludedAmount"]) for row in found["bodyItem"]), Decimal("0.00"))
    pairs: dict[str, tuple[object, object]] = {
        "extVouchCode": (bill.bill_number, str(found["extVouchCode"])),
        "extSystemCode": (config.ext_system_code, str(found["extSystemCode"])),
        "amount": (bill.total, total),
    }
    if found.get("customerCode"):
        pairs["customer"] = (bill.customer_number, str(found["customerCode"]))
    check_same("应收结算清单", bill.bill_number, pairs)


def _model(config: Config, bill: Receivable) -> dict[str, sdk.Json]:
    shared = _shared(config, bill)
    return {
        **INSERT,
        **shared,
        "billDate": _day(bill.date),
        "extSystemCode": config.ext_system_code,
        "extVouchCode": bill.bill_number,
        "remarks": bill.remark,
        "bodyItem": [{**INSERT, **shared, **_row(config, bill, n)} for n in range(len(bill.lines))],
    }


def _shared(config: Config, bill: Receivable) -> dict[str, sdk.Json]:
    """What head and rows both say. Codes, not ids; home currency at rate 1."""
    return {
        "direction": "1",
        "financeOrgCode": config.org_code,
        "orgCode": config.org_code,
        "bustypeCode": config.business_type_code,
        "objectType": "1",
        "customerCode": bill.customer_number,
        "oriCurrencyCode": config.currency_code,
        "exchangeRate": 1,
        "exchangeRateDate": _day(bill.date),
    }


def _row(config: Config, bill: Receivable, index: int) -> dict[str, sdk.Json]:
    """One line. The item is the connection's default; what was really sold stands in the remarks."""
    line = bill.lines[index]
    item = "materialCode" if config.item_kind == "material" else "expenseItemCode"
    amounts = {"TaxIncludedAmount": line.amount, "TaxExcludedAmount": line.net, "TaxAmount": line.amount - line.net}
    return {
        item: config.item_code,
        "extRowNo": str(index + 1),
        "remarks": " ".join(filter(None, (line.product, line.spec, line.unit))),
        "quantity": line.quantity,
        "taxRate": line.tax_rate,
        "oriTaxIncludedPrice": line.tax_price,
        "oriTaxExcludedPrice": (line.tax_price * 100 / (100 + line.tax_rate)).quantize(PRICE, ROUND_HALF_UP),
        **{f"ori{name}": amount for name, amount in amounts.items()},
        **{f"local{name}": amount for name, amount in amounts.items()},
        "grandsonItem": [_instalment(bill, line)],
    }


def _instalment(bill: Receivable, line: Line) -> dict[str, sdk.Json]:
    """The whole line falls due on the bill's due date."""
    return {
        **INSERT,
        "issueNo": 1,
        "startDate": _day(bill.date),
        "expireDate": _day(bill.due_date),
        "ratio": 100,
        "oriTaxIncludedAmount": line.amount,
        "localTaxIncludedAmount": line.amount,
        "blnPrepare": False,
        "blnDeposit": False,
    }


def _day(day: datetime.date) -> str:
    return f"{day.isoformat()} 00:00:00"


def _foreign(bill: Receivable) -> sdk.Rejected:
    return sdk.Rejected(
        f"{bill.bill_number}: 币种 {bill.currency} 需要汇率 / needs an exchange rate",
        code="currency",
        hint=sdk.Text("外币应收请在用友里手工登记。", "Book receivables in foreign currency by hand in Yonyou."),
    )


def _without_customer(bill: Receivable, refused: sdk.Rejected) -> sdk.NotReady:
    return sdk.NotReady(
        f"客户 {bill.customer_number} 在用友里不存在 / no such customer: {refused.message}",
        code=refused.code,
        hint=sdk.Text(
            "客户在用友里建好后自动继续。",
            "It goes on by itself once the customer stands in Yonyou.",
        ),
        answer=refused.answer,
    )
