"""A connector to the benchmark's sink: a signed webhook in, one POST of class A out. For benchmarks only."""

import hashlib
import hmac
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from pydantic import BaseModel, SecretStr

from hub import sdk


class Config(BaseModel):
    """Where the sink is."""

    url: str
    secret: SecretStr


class Line(BaseModel):
    """One line of a bill."""

    product: str
    spec: str
    unit: str
    quantity: str
    unit_price: str
    tax_rate: str
    amount: str


class Bill(BaseModel):
    """A bill of 25 fields and its lines."""

    number: str
    contract: str
    customer: str
    customer_name: str
    credit_code: str
    currency: str
    amount: str
    signed_on: str
    due_on: str
    title: str
    department: str
    salesman: str
    org: str
    bank: str
    account: str
    address: str
    phone: str
    contact: str
    email: str
    terms: str
    kind: str
    source: str
    remark: str
    rate: str
    lines: list[Line]


connector = sdk.Connector(
    "bench",
    title=sdk.Text("水槽", "Sink"),
    config=Config,
    errors=sdk.ErrorTable(read=lambda answer: None if answer.body["ok"] else sdk.Refusal("no", "no"), rows={}),
    base_url=lambda config: config.url,
    limits=sdk.Limits(concurrency=64, deadline=timedelta(seconds=10)),
)


@connector.action("book", effect=sdk.Effect.A, title=sdk.Text("记账", "Book"), entity="bill")
async def book(ctx: sdk.Context[Config], bill: Bill) -> sdk.Made:
    """Book it under our key. Safe to repeat."""
    body = await ctx.call("POST", "/bills", json=bill.model_dump(), headers={"idempotency-key": ctx.key})
    return sdk.Made(id=body["id"], number=bill.number)


async def book_several(
    ctx: sdk.Context[Config], items: Sequence[sdk.Item[Bill]]
) -> Mapping[str, sdk.Made | sdk.HubError]:
    """Book several in one call, each under its own key. Registered where a benchmark asks for it."""
    bills = [{"key": item.key, "bill": item.given.model_dump()} for item in items]
    body = await ctx.call("POST", "/batch", json={"bills": bills})
    return {each["key"]: sdk.Made(id=each["key"], number=each["number"]) for each in body["each"]}


def sign(secret: str, body: bytes) -> str:
    """The signature of a webhook."""
    return hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def _verify(config: Config, callback: sdk.Callback) -> sdk.Verified:
    expected = sign(config.secret.get_secret_value(), callback.body)
    if not hmac.compare_digest(expected, callback.headers.get("x-signature", "")):
        raise sdk.BadSignature("wrong signature")
    return sdk.Verified(callback.body)


@connector.callbacks(events=["contract.approved", "contract.noted"], verify=_verify)
def parse(message: sdk.Json) -> Iterable[sdk.Inbound]:
    """One fact; what is only noted owes nothing."""
    yield sdk.Inbound(message["event"], message["number"], message["number"], datetime.fromtimestamp(0, UTC), message)


STUCK = replace(connector, id="stuck", limits=sdk.Limits(concurrency=64, deadline=timedelta(seconds=2)))
CONNECTORS = {"bench": connector, "stuck": STUCK}
"""The sink as two vendor products."""
