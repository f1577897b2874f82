"""The declaration: what YonBIP / YonSuite can be asked to do, and what it tells."""

from connectors.yonyou.callbacks import verify
from connectors.yonyou.config import Config
from connectors.yonyou.customers import LIST, ensure_customer
from connectors.yonyou.errors import ERRORS
from connectors.yonyou.events import EVENTS, parse
from connectors.yonyou.receivables import book_receivable
from connectors.yonyou.signin import NOWHERE, AppToken
from hub import sdk

connector: sdk.Connector[Config] = sdk.Connector(
    id="yonyou",
    title=sdk.Text("用友 YonBIP", "Yonyou YonBIP"),
    config=Config,
    base_url=lambda _config: NOWHERE,
    errors=ERRORS,
    auth=AppToken,
    # Published quotas are 40 to 60 calls a minute for some lists; what lies above is answered by waiting.
    limits=sdk.Limits(concurrency=4, calls_per_second=5.0),
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
    title=sdk.Text("登记应收结算清单", "Book a receivable"),
    emits="receivable.saved",
    entity="receivable",
)(book_receivable)

connector.callbacks(events=EVENTS, verify=verify)(parse)


@connector.harmless
async def probe(ctx: sdk.Context[Config]) -> str:
    """Ask for one customer: proves data centre, app, signature, token and the read grant. Changes nothing."""
    rows = (await ctx.call("POST", LIST, json={"pageIndex": 1, "pageSize": 1}, reads=True))["data"] or []
    seen = f"看到客户 {rows[0]['code']}" if rows else "还没有客户"
    return f"已连接，{seen} / connected, {len(rows)} customer seen"
