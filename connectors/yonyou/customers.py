"""Customers (客户档案)."""

from pydantic import BaseModel, ConfigDict, Field

from connectors.yonyou.config import Config
from connectors.yonyou.documents import address, check_same, once
from hub import sdk

SAVE = address("/digitalModel/merchant/idempotent/newinsert")
LIST = address("/digitalModel/merchant/newlist")
PAGE = 50
PAGES = 20


class Customer(BaseModel):
    """`number` is our code and Yonyou's; `credit_code` is the 18-character 统一社会信用代码, "" if unknown."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)

    number: str = Field(min_length=1)
    name: str = Field(min_length=1)
    credit_code: str = ""


async def find_customer(ctx: sdk.Context[Config], number: str) -> dict[str, sdk.Json] | None:
    """The customer with exactly this code, or None. The list may also tell others whose code looks alike."""
    for page in range(1, PAGES + 1):
        asked = {"pageIndex": page, "pageSize": PAGE, "code": number}
        rows: list[dict[str, sdk.Json]] = (await ctx.call("POST", LIST, json=asked, reads=True))["data"] or []
        found = next((row for row in rows if str(row["code"]) == number), None)
        if found or len(rows) < PAGE:
            return found
    raise sdk.Transient(f"客户 {number}: 列表没有尽头 / the list does not end", code="list")


async def ensure_customer(ctx: sdk.Context[Config], customer: Customer) -> sdk.Made:
    """Make sure that the customer stands in Yonyou. An existing one is never changed.

    Returns:
        Yonyou's id as text, and the code.

    Raises:
        Rejected: the code belongs to another company there (credit code, or the name where there is none).
        Ambiguous: no answer; repeat: the code is looked up first, and the save carries the same key.

    Safe to repeat. One to three calls.
    """
    found = await find_customer(ctx, customer.number)
    if found is None:
        try:
            return await _save(ctx, customer)
        except sdk.Rejected:
            found = await find_customer(ctx, customer.number)
            if found is None:
                raise
    check_same("客户", customer.number, _pairs(customer, found))
    return sdk.Made(id=str(found["id"]), number=customer.number)


async def _save(ctx: sdk.Context[Config], customer: Customer) -> sdk.Made:
    body = await ctx.call("POST", SAVE, json=once("customer", customer.number, _model(ctx.config, customer)))
    data = body["data"]
    made = data[0] if isinstance(data, list) else data
    if str(made.get("code", customer.number)) != customer.number:
        raise sdk.Rejected(
            f"客户 {customer.number} 被用友改成了 {made['code']} / was renumbered",
            code="renumbered",
            hint=sdk.Text(
                "在用友的编码规则里允许手工编码，并停用改号的那一条。",
                "Allow manual codes in Yonyou's numbering rule and stop the renumbered customer.",
            ),
        )
    return sdk.Made(id=str(made["id"]), number=customer.number)


def _model(config: Config, customer: Customer) -> dict[str, sdk.Json]:
    """Without nulls: since 2025-03 a null is a value."""
    return {
        "_status": "Insert",
        "code": customer.number,
        "name": {"simplifiedName": customer.name},
        "createOrgCode": config.org_code,
        **({"transTypeCode": config.customer_type_code} if config.customer_type_code else {}),
        "enterpriseNature": 0,
        "enterpriseName": customer.name,
        **({"licenseType": 0, "creditCode": customer.credit_code} if customer.credit_code else {}),
        "merchantApplyRanges": [{"orgIdCode": config.org_code, "_status": "Insert"}],
    }


def _pairs(customer: Customer, theirs: dict[str, sdk.Json]) -> dict[str, tuple[object, object]]:
    """A credit code names a company better than its name does, so names count only where a code is missing."""
    code = str(theirs.get("creditCode") or "").strip()
    if customer.credit_code and code:
        return {"credit_code": (customer.credit_code, code)}
    name = theirs["name"]
    return {"name": (customer.name, str(name["simplifiedName"] if isinstance(name, dict) else name).strip())}
