"""The declaration: what Kingdee Cloud Galaxy can be asked to do, and what it tells."""

from datetime import timedelta

from connectors.kingdee.batches import book_receivables
from connectors.kingdee.config import Config, base_url
from connectors.kingdee.customers import CUSTOMER, ensure_customer
from connectors.kingdee.documents import query, quoted
from connectors.kingdee.errors import ERRORS
from connectors.kingdee.receipts import EVENT, poll_receipts
from connectors.kingdee.receivables import RECEIVABLE, book_receivable
from connectors.kingdee.signing import ApiSignature
from connectors.kingdee.standing import find_in, pages_of
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="kingdee",
    title=sdk.Text("金蝶云星空", "Kingdee Cloud Galaxy"),
    config=Config,
    base_url=base_url,
    errors=ERRORS,
    auth=ApiSignature,
    # Kingdee publishes no rate; twelve reads at once were seen to be fine, writes on one form lock each other.
    limits=sdk.Limits(concurrency=4, calls_per_second=50.0),
)

connector.action(
    "ensure_customer",
    effect=sdk.Effect.B,
    title=sdk.Text("确保客户存在", "Make sure of a customer"),
    emits="customer.saved",
    entity="customer",
)(ensure_customer)

connector.action(
    "book_receivable",
    effect=sdk.Effect.B,
    title=sdk.Text("登记应收单", "Book a receivable"),
    emits="receivable.audited",
    entity="receivable",
)(book_receivable)

# Kingdee names no limit; more than this is seldom sent, and slow account sets need their time for each.
connector.batch("book_receivable", most=50)(book_receivables)

connector.lister("receivable", find=find_in(RECEIVABLE), pages=pages_of(RECEIVABLE))
connector.lister("customer", find=find_in(CUSTOMER))  # most customers were entered by people: a list says nothing

connector.poll(EVENT, every=timedelta(seconds=2))(poll_receipts)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Read the home currency: proves address, signature, session and read rights. Changes nothing."""
    number = ctx.config.currency_number
    rows = await query(ctx, "BD_Currency", ("FNumber", "FName"), f"FNumber={quoted(number)}", "FCURRENCYID")
    if not rows:
        raise sdk.Rejected(
            f"币别 {number} 不存在 / no currency {number}",
            code="currency",
            hint=sdk.Text("在连接里填写人民币在金蝶的编码。", "Enter the number that CNY has in Kingdee."),
        )
    return f"已连接，本位币 {rows[0]['FNumber']} {rows[0]['FName']} / connected"
