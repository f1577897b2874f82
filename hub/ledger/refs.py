"""External refs as mappings ask for them: the ids that other systems have for records of ours."""

from collections.abc import Collection
from datetime import datetime

from hub.sdk.exact import Json
from hub.sdk.home import Unit

# What was made last counts: what a person had made anew stands for what was lost.
KNOWN = """
SELECT DISTINCT ON (r.connection, r.entity, r.record) r.connection, r.entity, r.record, r.external_id, r.number
FROM external_refs r
JOIN unnest($2::text[], $3::text[], $4::text[]) AS asked (connection, entity, record) USING (connection, entity, record)
WHERE r.tenant_id = $1 AND ($5::timestamptz IS NULL OR r.created_at < $5)
ORDER BY r.connection, r.entity, r.record, r.created_at DESC, r.external_id DESC
"""


async def known(
    unit: Unit, asked: Collection[tuple[str, str, str]], before: datetime | None = None
) -> dict[tuple[str, str, str], Json]:
    """Of (connection, kind, our record's id) those that are known, each {"id", "number"}; `before`: as it was then."""
    if not asked:
        return {}
    columns = (list(column) for column in zip(*sorted(set(asked)), strict=True))
    rows = await unit.fetch(KNOWN, unit.tenant_id, *columns, before)
    return {
        (row["connection"], row["entity"], row["record"]): {"id": row["external_id"], "number": row["number"]}
        for row in rows
    }
