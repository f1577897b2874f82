"""Who wrote what through the API: the key, the instant, and of each value its fingerprint, never the value itself."""

from collections.abc import Mapping, Sequence

from hub import sdk

EDIT = """
INSERT INTO edits (tenant_id, id, record_id, key_id, prints, made_at) VALUES ($1, $2, $3, $4, $5, clock_timestamp())
"""
EDITS = """
SELECT made_at, key_id, prints FROM edits WHERE tenant_id = $1 AND record_id = $2 ORDER BY made_at DESC LIMIT 50
"""


async def note_edit(unit: sdk.Unit, who: sdk.Principal, record_id: str, wrote: Mapping[str, sdk.Json]) -> None:
    """Note that this caller wrote these values of a record, by their fields as the API shows them."""
    prints = {name: sdk.fingerprint(value) for name, value in wrote.items()}
    await unit.execute(EDIT, unit.tenant_id, sdk.new_id("edt"), record_id, who.key_id, prints)


async def edits_of(unit: sdk.Unit, record_id: str) -> Sequence[sdk.Edit]:
    """The last edits of a record, newest first, 50 at most."""
    rows = await unit.fetch(EDITS, unit.tenant_id, record_id)
    return [sdk.Edit(row["made_at"], row["key_id"], row["prints"]) for row in rows]
