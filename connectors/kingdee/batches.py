"""Several documents at once: BatchSave, then Submit and Audit by their ids, then a look at what came of each."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

from connectors.kingdee.config import Config
from connectors.kingdee.documents import (
    AUDITED,
    STEPS,
    Form,
    Found,
    Rows,
    address,
    approve,
    found_in,
    package,
    query_all,
    quoted,
    renumbered,
)
from connectors.kingdee.errors import read_each, read_several, status_of
from connectors.kingdee.receivables import RECEIVABLE, Receivable, difference, model
from hub import sdk

Refused = dict[str, sdk.VendorError]
"""Number → why it was refused."""


async def book_receivables(
    ctx: sdk.Context[Config], items: Sequence[sdk.Item[Receivable]]
) -> Mapping[str, sdk.Made | sdk.HubError]:
    """Book receivables as `book_receivable` does each of them, in six calls for all.

    Returns:
        By key what was made, or why it was not. A bill that is neither there nor refused is left out: it may yet come.

    Safe to repeat: what is there already is compared and goes on from its status. Bills that the calls for several
    did not bring to the end go on one by one.
    """
    bills = {item.key: item.given for item in items}
    models = {bill.bill_number: model(ctx.config, bill) for bill in bills.values()}
    found, refused = await _find_or_save(ctx, RECEIVABLE, models)
    there = {key: found[bill.bill_number] for key, bill in bills.items() if bill.bill_number in found}
    others = {key: other for key, each in there.items() if (other := difference(ctx.config, bills[key], each))}
    ours = {each.number: each for key, each in there.items() if key not in others}
    stuck = await _approve(ctx, RECEIVABLE, ours)
    ended = {key: stuck.get(each.number) or sdk.Made(id=each.id, number=each.number) for key, each in there.items()}
    unsaved = {key: refused[bill.bill_number] for key, bill in bills.items() if bill.bill_number in refused}
    return unsaved | ended | others


async def _find_or_save(
    ctx: sdk.Context[Config], form: Form, models: Mapping[str, sdk.Json]
) -> tuple[dict[str, Found], Refused]:
    """The documents with our numbers, saved now if they are not there; and of those that are not, why, if it is known.

    What Kingdee saved under another number is deleted at once, as `find_or_save` does.
    """
    found = await _find(ctx, form, models)
    new = [number for number in models if number not in found]
    if not new:
        return found, {}
    data = {**package([models[number] for number in new]), "BatchCount": 0}
    status = await _ask(ctx, form, "BatchSave", data, len(new))
    found |= await _find(ctx, form, new)
    refused = {new[place]: _error(ctx, refusal) for place, refusal in read_each(status).items()}
    for made in status.get("SuccessEntitys") or []:
        if (number := new[int(made["DIndex"])]) not in found:
            refused[number] = await renumbered(ctx, form, number, made)
    return found, {number: error for number, error in refused.items() if number not in found}


async def _find(ctx: sdk.Context[Config], form: Form, numbers: Collection[str]) -> dict[str, Found]:
    """The documents with these numbers, by our spelling of them: to many databases, case makes no difference."""
    if not numbers:
        return {}
    spelt = {number.casefold(): number for number in numbers}
    where = f"{form.number} IN ({','.join(quoted(number) for number in numbers)}){form.within(ctx.config)}"
    rows: defaultdict[str, Rows] = defaultdict(list)
    for row in await query_all(ctx, form.id, form.fields, where, form.order):
        number = str(row[form.number])
        rows[number if number in numbers else spelt[number.casefold()]].append(row)
    return {number: found_in(form, some) for number, some in rows.items()}


async def _approve(ctx: sdk.Context[Config], form: Form, documents: Mapping[str, Found]) -> Refused:
    """Submit and audit together, then one by one what is not audited yet. Why some could not be, by their number."""
    unfinished = [each for each in documents.values() if each.status != AUDITED]
    unsubmitted = [each for each in unfinished if STEPS.get(each.status, STEPS["A"])[0] == "Submit"]
    for operation, those in (("Submit", unsubmitted), ("Audit", unfinished)):
        if those:
            await _ask(ctx, form, operation, {"Ids": ",".join(each.id for each in those)}, len(those))
    now = await _find(ctx, form, [each.number for each in unfinished])
    stuck: Refused = {}
    for each in unfinished:
        try:
            await approve(ctx, form, now.get(each.number, each))
        except sdk.VendorError as error:
            stuck[each.number] = error
    return stuck


def _error(ctx: sdk.Context[Config], refusal: sdk.Refusal) -> sdk.VendorError:
    told = replace(refusal, message=ctx.redact(refusal.message))
    return ctx.errors.error(told, sdk.Answer(200, {}, None, ""))


async def _ask(
    ctx: sdk.Context[Config], form: Form, operation: str, data: sdk.Json, count: int
) -> Mapping[str, sdk.Json]:
    """A call for several; the status that tells of each. Raises what is said of the whole."""
    each = replace(ctx, errors=replace(ctx.errors, read=partial(read_several, count=count)))
    return status_of(await each.call("POST", address(operation), json={"formid": form.id, "data": data})) or {}
