"""What every delivery was made with: the text of each mapping and flow that ever ran, by its hash."""

from collections.abc import Collection, Iterable

from hub.sdk.home import Unit

KEEP = """
INSERT INTO flow_versions (tenant_id, kind, name, hash, pin, text)
SELECT $1, * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
ON CONFLICT DO NOTHING
"""

NEW = "SELECT id FROM tenants WHERE id <> ALL($1::text[]) ORDER BY id"


async def keep_versions(unit: Unit, versions: Iterable[tuple[str, str, str, str, str]]) -> None:
    """Keep (kind, name, hash, pin, text) of each; safe to repeat."""
    if columns := [list(column) for column in zip(*sorted(versions), strict=True)]:
        await unit.execute(KEEP, unit.tenant_id, *columns)


async def new_tenants(unit: Unit, known: Collection[str]) -> list[str]:
    """The tenants that are not among these."""
    return [row["id"] for row in await unit.fetch(NEW, list(known))]


async def text_of(unit: Unit, pin: str) -> str | None:
    """The text behind a pin, or None when it never ran here."""
    found: str | None = await unit.fetchval("SELECT text FROM flow_versions WHERE pin = $1 LIMIT 1", pin)
    return found
