"""What stands in Kingdee, for reconciliation."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime, timedelta, timezone

from connectors.kingdee.config import Config
from connectors.kingdee.documents import Form, query, query_all
from hub import sdk

SHANGHAI = timezone(timedelta(hours=8))


def find_in(form: Form) -> sdk.Find:
    """Which of our documents are there: one query for all of them."""

    async def find(ctx: sdk.Context[Config], made: Sequence[sdk.Made]) -> list[sdk.Made]:
        ids = ",".join(str(int(each.id)) for each in made)
        rows = await query_all(ctx, form.id, (form.key, form.number), f"{form.key} in ({ids})", form.key)
        return [_made(form, row) for row in rows]

    return find


def pages_of(form: Form) -> sdk.Pages:
    """All documents created in a time, in the order of their ids, so that none is passed over when others come."""

    async def pages(ctx: sdk.Context[Config], since: datetime, until: datetime) -> AsyncIterator[list[sdk.Made]]:
        window = f"FCreateDate>='{_local(since)}' and FCreateDate<'{_local(until)}'{form.within(ctx.config)}"
        last = 0
        while rows := await query(ctx, form.id, (form.key, form.number), f"{form.key}>{last} and {window}", form.key):
            yield [_made(form, row) for row in rows]
            last = int(rows[-1][form.key])
            if len(rows) < ctx.config.page_size:
                return

    return pages


def _made(form: Form, row: dict[str, sdk.Json]) -> sdk.Made:
    return sdk.Made(id=str(row[form.key]), number=str(row[form.number]))


def _local(moment: datetime) -> str:
    return moment.astimezone(SHANGHAI).strftime("%Y-%m-%d %H:%M:%S")
