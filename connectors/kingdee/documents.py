"""What all Kingdee documents share: find by own number, save, and walk on to audited."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from connectors.kingdee.config import Config
from hub import sdk

SERVICE = "Kingdee.BOS.WebApi.ServicesStub.DynamicFormService."
AUDITED = "C"
STEPS = {"Z": ("Submit", "B"), "A": ("Submit", "B"), "D": ("Submit", "B"), "B": ("Audit", "C")}
"""Document status → the next operation and where it leads. D is a document someone un-audited."""

Rows = list[dict[str, sdk.Json]]


@dataclass(frozen=True, slots=True)
class Form:
    """How a form names its keys. `key` is its internal id, `number` what people call it, `checked` what we compare."""

    id: str
    key: str
    number: str
    checked: tuple[str, ...]
    order: str
    within: Callable[[Config], str] = lambda _config: ""

    @property
    def fields(self) -> tuple[str, ...]:
        """Keys asked for when a document is looked up."""
        return (self.key, self.number, "FDocumentStatus", *self.checked)


@dataclass(frozen=True, slots=True)
class Found:
    """A document as a look-up sees it; `rows` holds one row per entry when entry fields were asked for."""

    id: str
    number: str
    status: str
    rows: Rows


def address(operation: str) -> str:
    """Path of an operation below the server address."""
    return f"{SERVICE}{operation}.common.kdsvc"


def quoted(text: str) -> str:
    """A text literal for a FilterString."""
    return "'" + text.replace("'", "''") + "'"


def yuan(value: sdk.Json) -> Decimal:
    """An amount as Kingdee answers it (10 decimals, whole or text) with two decimals, or more if it has them."""
    exact = Decimal(str(value))
    short = exact.quantize(Decimal("0.01"))
    return short if short == exact else exact.normalize()


async def query(
    ctx: sdk.Context[Config], form: str, keys: Sequence[str], where: str, order: str, start: int = 0
) -> Rows:
    """One page of a form's rows; `order` must be total. Changes nothing."""
    data = {
        "FormId": form,
        "FieldKeys": ",".join(keys),
        "FilterString": where,
        "OrderString": order,
        "TopRowCount": 0,
        "StartRow": start,
        "Limit": ctx.config.page_size,
        "SubSystemId": "",
    }
    rows = await ctx.call("POST", address("ExecuteBillQuery"), json={"data": data}, reads=True)
    if any(len(row) != len(keys) for row in rows):
        raise sdk.Transient(f"{form}: rows do not have the {len(keys)} columns asked for", code="columns")
    return [dict(zip(keys, row, strict=True)) for row in rows]


async def query_all(ctx: sdk.Context[Config], form: str, keys: Sequence[str], where: str, order: str) -> Rows:
    """Every row, page by page. For filters whose answer does not move meanwhile."""
    rows = page = await query(ctx, form, keys, where, order)
    while len(page) == ctx.config.page_size:
        page = await query(ctx, form, keys, where, order, len(rows))
        rows = rows + page
    return rows


async def find(ctx: sdk.Context[Config], form: Form, number: str) -> Found | None:
    """The document with our number, or None."""
    where = f"{form.number}={quoted(number)}{form.within(ctx.config)}"
    rows = await query_all(ctx, form.id, form.fields, where, form.order)
    return found_in(form, rows) if rows else None


def found_in(form: Form, rows: Rows) -> Found:
    """The document that these rows are of."""
    return Found(str(rows[0][form.key]), str(rows[0][form.number]), str(rows[0]["FDocumentStatus"]), rows)


async def find_or_save(ctx: sdk.Context[Config], form: Form, number: str, model: sdk.Json) -> Found:
    """The document with our number; saved now if it is not there. Never makes a second one.

    Raises Rejected when Kingdee gave it another number: then it would not be found again, so it is deleted at once.
    """
    found = await find(ctx, form, number)
    if found:
        return found
    made, taken = None, None
    try:
        said = await ctx.call("POST", address("Save"), json={"formid": form.id, "data": package(model)})
        made = said["Result"]
    except sdk.Rejected as refused:
        if not refused.code.startswith("duplicate/"):
            raise
        taken = refused
    found = await find(ctx, form, number)
    if found:
        return found
    if taken:
        raise taken
    raise await renumbered(ctx, form, number, made)


def package(model: sdk.Json) -> sdk.Json:
    """What Save wants around a document, or BatchSave around several."""
    return {"NeedUpDateFields": [], "NeedReturnFields": [], "IsVerifyBaseDataField": True, "Model": model}


async def renumbered(ctx: sdk.Context[Config], form: Form, number: str, made: sdk.Json) -> sdk.Rejected:
    """Delete what was saved under another number; the refusal that says so. `made`: its Id and Number."""
    await ctx.call("POST", address("Delete"), json={"formid": form.id, "data": {"Ids": str(made.get("Id", ""))}})
    return sdk.Rejected(
        f"{form.id}: {number} 被金蝶改成了 {made.get('Number', '?')}，已删除 / was renumbered, deleted again",
        code="renumbered",
        hint=sdk.Text(
            "在金蝶的编码规则里允许手工录入编号，然后重放。",
            "Allow manual numbers in Kingdee's numbering rule, then replay.",
        ),
    )


async def approve(ctx: sdk.Context[Config], form: Form, found: Found) -> None:
    """Submit and audit from where the document stands; safe to repeat and to resume anywhere.

    A refusal counts only if the document has not moved meanwhile: some account sets audit on submit,
    and a person may be faster.
    """
    for _ in range(4):
        if found.status == AUDITED:
            return
        operation, then = STEPS.get(found.status, STEPS["A"])
        try:
            await ctx.call("POST", address(operation), json={"formid": form.id, "data": {"Ids": found.id}})
        except sdk.Rejected:
            moved = await find(ctx, form, found.number)
            if moved is None or moved.status == found.status:
                raise
            found = moved
        else:
            found = replace(found, status=then)
    if found.status != AUDITED:
        raise sdk.Transient(
            f"{form.id} {found.number} stays in status {found.status}",
            code="status",
            hint=sdk.Text("在金蝶里查看这张单据的审批流程。", "Look at this document's workflow in Kingdee."),
        )


def differs(form: Form, number: str, differences: dict[str, tuple[object, object]]) -> sdk.Rejected:
    """The refusal for a number that stands in Kingdee with other content. `differences`: field → (ours, theirs)."""
    told = "；".join(f"{field}: 我方 {ours}，金蝶 {theirs}" for field, (ours, theirs) in differences.items())
    return sdk.Rejected(
        f"{form.id} {number} 已存在但内容不同 / exists with other content: {told}",
        code="differs",
        hint=sdk.Text(
            "编号相同而内容不同：在金蝶里核对后改正一方，再重放。",
            "Same number, other content: compare in Kingdee, correct one side, then replay.",
        ),
    )
