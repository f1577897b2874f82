"""The refusals that every command shares: what is not there, what is taken, what conflicts."""

from core_crm import store
from core_crm.store import Listing, Row
from hub import sdk


async def demand(unit: sdk.Unit, listing: Listing, record_id: str) -> Row:
    """The row, or Problem 404."""
    row = await store.find(unit, listing, record_id)
    if row is None:
        raise missing(listing.kind)
    return row


def missing(kind: str) -> sdk.Problem:
    """The same answer for a record that never was and for another tenant's."""
    hint = sdk.Text("检查编号；它可能属于别的租户。", "Check the id.")
    return sdk.Problem(404, f"{kind}-not-found", f"no such {kind}", hint=hint)


def unless_taken(made: str | None, kind: str, number: str) -> str:
    """The id made, or Problem 409 naming the field `number`."""
    if made is None:
        raise conflict(f"{kind}-number-taken", f"a {kind} with the number {number} exists", number="已被使用 / taken")
    return made


def conflict(code: str, message: str, **fields: str) -> sdk.Problem:
    """Problem 409: what is there stands in the way."""
    hint = sdk.Text(
        "与现有数据冲突：先查看当前状态，再决定如何处理。",
        "It conflicts with what is there: look at the current state first.",
    )
    return sdk.Problem(409, code, message, hint=hint, fields=fields)
